//! Which legs come next?
//!
//! **The problem.** Escalation, fallback and parallel doubt are easy to write as nested calls and then impossible to test,
//! bound or replay. Here a plan is a pure function from what has happened so far (the legs) to the next [`Step`]. It keeps
//! no state, starts nothing itself and never waits.
//!
//! To add a plan: a variant of `PlanSpec` in `snapshot/spec.rs`, one file here with its `next`, one arm below.

mod adaptive;
mod cascade;
mod direct;
mod step;

pub use step::{Ending, Situation, Start, Step};

use crate::snapshot::PlanSpec;

/// What to do now. Called after every event, until it is [`Step::Done`].
pub fn next(plan: &PlanSpec, situation: &Situation<'_>) -> Step {
    match plan {
        PlanSpec::Direct { max_fallbacks } => direct::next(*max_fallbacks, situation),
        PlanSpec::Cascade { first, then, leg_confidence } => {
            cascade::next(*first, *then, *leg_confidence, situation)
        }
        PlanSpec::Adaptive { decision_confidence, coalition, max_fallbacks } => {
            adaptive::next(*decision_confidence, *coalition, *max_fallbacks, situation)
        }
    }
}
