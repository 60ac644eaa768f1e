//! A leg, from its start to its end.

use super::{Fault, Outcome, Reply, Turn, Usage, Why};
use crate::budget::{Amounts, Reservation};
use crate::snapshot::ModelIndex;

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegRole {
    /// Writes an answer.
    Generator,
}

impl LegRole {
    /// The name under which it is counted.
    pub fn name(self) -> &'static str {
        match self {
            LegRole::Generator => "generator",
        }
    }
}

/// One call. Times are nanoseconds on the caller's clock.
#[derive(Debug)]
pub struct Leg {
    /// Which model.
    pub model: ModelIndex,
    /// What for.
    pub role: LegRole,
    /// Why it was started.
    pub why: Why,
    /// When.
    pub started_ns: u64,
    /// When it has to be done: its own timeout, inside the request's deadline.
    pub ends_by_ns: u64,
    /// When it ended.
    pub ended_ns: Option<u64>,
    /// How; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// The reply, if it is usable.
    pub reply: Option<Reply>,
    /// What went wrong, if something did.
    pub fault: Option<Fault>,
    /// What it was charged.
    pub charged: Amounts,
    /// What it used, in nanoseconds of compute.
    pub usage: Usage,
    /// What is held for it while it runs.
    pub(crate) reservation: Option<Reservation>,
    /// What its carrier takes when it begins, if it waits in line.
    pub(crate) turn: Option<Turn>,
}

impl Leg {
    /// Whether it has been started and has not ended.
    pub fn running(&self) -> bool {
        self.outcome.is_none()
    }

    /// Whether it ended with a usable reply.
    pub fn ok(&self) -> bool {
        self.outcome == Some(Outcome::Ok)
    }

    /// Its leg confidence, if it has a reply that states one.
    pub fn confidence(&self) -> Option<f32> {
        self.reply.as_ref().and_then(|reply| reply.confidence)
    }
}
