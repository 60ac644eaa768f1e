//! How a leg ended, and why it was started.

/// The one outcome of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A usable reply.
    Ok,
    /// The member said that it failed.
    Failed,
    /// The reply broke the contract.
    BadOutput,
    /// The member panicked.
    Panicked,
    /// Not yet: nobody was there, or it had too much to do.
    Unavailable,
    /// Never: the member will not serve this call.
    Refused,
    /// It broke off after it had been asked.
    Lost,
    /// Its timeout or the deadline passed.
    TimedOut,
    /// Nobody needed it any more.
    Cancelled,
    /// The payer could not afford it; it never ran.
    NotAfforded,
    /// Calls of this model that nobody waits for any more hold all threads that it may have; it never ran.
    Occupied,
}

impl Outcome {
    /// The name of the outcome.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::BadOutput => "bad_output",
            Outcome::Panicked => "panicked",
            Outcome::Unavailable => "unavailable",
            Outcome::Refused => "refused",
            Outcome::Lost => "lost",
            Outcome::TimedOut => "timed_out",
            Outcome::Cancelled => "cancelled",
            Outcome::NotAfforded => "not_afforded",
            Outcome::Occupied => "occupied",
        }
    }
}

impl Outcome {
    /// Whether nobody knows what the call used: it was cut off, or it broke off.
    pub fn use_is_unknown(self) -> bool {
        matches!(self, Outcome::TimedOut | Outcome::Cancelled | Outcome::Lost)
    }

    /// Whether the same call may succeed later.
    pub fn not_yet(self) -> bool {
        matches!(self, Outcome::TimedOut | Outcome::Cancelled | Outcome::Lost | Outcome::Unavailable)
    }
}

/// Why a leg was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It ranks first.
    Best,
    /// The one before it failed, and its manifest names this one.
    DeclaredFallback,
    /// The one before it failed, and this one is next in rank.
    NextInRank,
    /// It is the first stage of a cascade.
    FirstStage,
    /// The first stage was not sure enough.
    Escalation,
    /// The decision was not confident enough for one model.
    Doubt,
}

impl Why {
    /// The name of the reason.
    pub fn name(self) -> &'static str {
        match self {
            Why::Best => "best",
            Why::DeclaredFallback => "declared_fallback",
            Why::NextInRank => "next_in_rank",
            Why::FirstStage => "first_stage",
            Why::Escalation => "escalation",
            Why::Doubt => "doubt",
        }
    }
}
