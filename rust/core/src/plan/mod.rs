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

use crate::aggregate::{Average, average};
use crate::leg::Leg;
use crate::snapshot::PlanSpec;

/// What the votes of both stages find together, if the plan wants that and both have voted. Otherwise the reply that the plan chose
/// stands as it is.
pub fn combined(plan: &PlanSpec, legs: &[Leg], ending: Ending) -> Option<Average> {
    let (PlanSpec::Cascade { average: Some(weights), .. }, Ending::Escalated, [first, then, ..]) =
        (plan, ending, legs)
    else {
        return None;
    };
    let (first, then) = (first.reply.as_ref()?, then.reply.as_ref()?);
    average(&[(weights[0], first.votes.as_deref()?), (weights[1], then.votes.as_deref()?)])
}

/// What to do now. Called after every event, until it is [`Step::Done`].
pub fn next(plan: &PlanSpec, situation: &Situation<'_>) -> Step {
    match plan {
        PlanSpec::Direct { max_fallbacks, model } => direct::next(*max_fallbacks, *model, situation),
        PlanSpec::Cascade { first, then, leg_confidence, .. } => {
            cascade::next(*first, *then, *leg_confidence, situation)
        }
        PlanSpec::Adaptive { decision_confidence, coalition, max_fallbacks } => {
            adaptive::next(*decision_confidence, *coalition, *max_fallbacks, situation)
        }
    }
}
