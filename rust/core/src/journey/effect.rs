//! What a carrier tells a journey, and what it is told to do.

use crate::leg::{Fault, Reply, Usage};
use crate::snapshot::ModelIndex;

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// Begin.
    Start,
    /// A leg came back. A leg that has already ended (timed out, cancelled) is ignored.
    LegDone {
        /// Position of the leg.
        leg: usize,
        /// What it brought.
        result: Result<Reply, Fault>,
    },
    /// A leg that is about to come back without a reply used this, as far as is known.
    LegUsed {
        /// Position of the leg.
        leg: usize,
        /// What it took.
        usage: Usage,
    },
    /// Time passed.
    Tick,
    /// Whoever asked does not want the answer any more.
    Cancel,
}

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start a leg. It is permitted and paid for.
    StartLeg {
        /// Position of the leg.
        leg: usize,
        /// Which model.
        model: ModelIndex,
        /// When it has to be done, on the caller's clock.
        ends_by_ns: u64,
    },
    /// Nobody waits for this leg any more.
    CancelLeg {
        /// Position of the leg.
        leg: usize,
    },
    /// Nothing more to do until so many legs have come back or this time has come; then tell of them, and send `Tick`.
    WakeAt {
        /// On the caller's clock.
        at_ns: u64,
        /// At least one. To tell of fewer is allowed, and changes nothing.
        legs: usize,
    },
    /// The journey is over.
    Finish,
}
