//! What a journey needs to know of a request, and why it may refuse to begin.

use std::sync::Arc;

use crate::admission::Ask;
use crate::budget::{Limits, Refused};
use crate::text::Features;

/// One request, read and bounded. Times are nanoseconds on the caller's monotonic clock.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its constraints.
    pub ask: Ask,
    /// What the prompt looks like.
    pub features: Arc<Features>,
    /// The prompt, when the policy says that records keep it.
    pub text: Option<Arc<str>>,
    /// Who pays: a path such as `acme/web`.
    pub account: Arc<str>,
    /// Limits of this one request.
    pub limits: Option<Limits>,
    /// Tokens of the prompt, measured or estimated.
    pub tokens_in: u64,
    /// When it arrived.
    pub started_ns: u64,
    /// When it must be answered.
    pub deadline_ns: u64,
    /// Source of chance.
    pub seed: u64,
}

/// Why a request was not started. Nothing was spent on it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No model accepts the task.
    #[error("no model accepts the task {task}")]
    UnknownTask {
        /// The task.
        task: Arc<str>,
        /// Those that some model names.
        known: Vec<String>,
    },
    /// Every model is excluded: the reasons by model.
    #[error("no model may serve this request")]
    NoEligibleModel(Vec<(Arc<str>, Vec<String>)>),
    /// Models would do, but the payer cannot afford any.
    #[error(transparent)]
    BudgetExhausted(#[from] Refused),
}
