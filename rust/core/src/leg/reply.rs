//! What a member says when it is done.

use std::sync::Arc;

use super::Outcome;
use crate::{Value, Votes};

/// What a call used, as far as the member knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read; by default the request's estimate.
    pub tokens_in: Option<u64>,
    /// Tokens written; by default none.
    pub tokens_out: Option<u64>,
    /// Processor time.
    pub compute_ns: u64,
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The output.
    pub output: Value,
    /// Leg confidence: calibrated P(right), read from the member's own output, in [0, 1].
    pub confidence: Option<f32>,
    /// What it took.
    pub usage: Usage,
    /// Why a server says that it stopped writing (`stop`, `length`, `tool_calls`), if it does.
    pub finish_reason: Option<Arc<str>>,
    /// What it thinks of every label, when a plan asked for that.
    pub votes: Option<Box<Votes>>,
}

impl From<Value> for Reply {
    /// An output of which nothing else is known.
    fn from(output: Value) -> Self {
        Self { output, confidence: None, usage: Usage::default(), finish_reason: None, votes: None }
    }
}

/// Why there is no usable reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The member said that it failed.
    Failed(String),
    /// It returned something that its contract does not promise.
    BadOutput(String),
    /// It panicked. The leg is lost, the process is not.
    Panicked(String),
    /// Not yet: nobody is there, or it has too much to do. The same call may succeed later.
    Unavailable {
        /// What it said, or what was found.
        problem: String,
        /// When it says to come back.
        retry_after_ms: Option<u64>,
    },
    /// Never: it will not serve this call, however often it is asked.
    Refused(String),
    /// It went quiet for longer than one of the bounds inside the leg's time. What it used is unknown.
    TimedOut(String),
    /// It broke off after it had been asked. What it used is unknown.
    Lost(String),
    /// It was not called: earlier calls that have not returned hold all of its threads.
    Occupied(String),
}

impl Fault {
    /// The words for it.
    pub fn text(&self) -> &str {
        match self {
            Fault::Failed(text)
            | Fault::BadOutput(text)
            | Fault::Panicked(text)
            | Fault::Unavailable { problem: text, .. }
            | Fault::Refused(text)
            | Fault::TimedOut(text)
            | Fault::Lost(text)
            | Fault::Occupied(text) => text,
        }
    }

    /// The same fault in other words.
    #[must_use]
    pub fn in_words(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Fault::Failed(text) => Fault::Failed(change(text)),
            Fault::BadOutput(text) => Fault::BadOutput(change(text)),
            Fault::Panicked(text) => Fault::Panicked(change(text)),
            Fault::Unavailable { problem, retry_after_ms } => {
                Fault::Unavailable { problem: change(problem), retry_after_ms }
            }
            Fault::Refused(text) => Fault::Refused(change(text)),
            Fault::TimedOut(text) => Fault::TimedOut(change(text)),
            Fault::Lost(text) => Fault::Lost(change(text)),
            Fault::Occupied(text) => Fault::Occupied(change(text)),
        }
    }

    /// When to come back, if the member said so.
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Fault::Unavailable { retry_after_ms, .. } => *retry_after_ms,
            _ => None,
        }
    }

    /// How a leg with it has ended.
    pub fn outcome(&self) -> Outcome {
        match self {
            Fault::Failed(_) => Outcome::Failed,
            Fault::BadOutput(_) => Outcome::BadOutput,
            Fault::Panicked(_) => Outcome::Panicked,
            Fault::Unavailable { .. } => Outcome::Unavailable,
            Fault::Refused(_) => Outcome::Refused,
            Fault::TimedOut(_) => Outcome::TimedOut,
            Fault::Lost(_) => Outcome::Lost,
            Fault::Occupied(_) => Outcome::Occupied,
        }
    }
}
