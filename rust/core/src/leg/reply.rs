//! What a member says when it is done.

use crate::Value;

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
    /// It was not called: earlier calls that have not returned hold all of its threads.
    Occupied(String),
}

impl Fault {
    /// The words for it.
    pub fn text(&self) -> &str {
        match self {
            Fault::Failed(text) | Fault::BadOutput(text) | Fault::Panicked(text) | Fault::Occupied(text) => {
                text
            }
        }
    }
}
