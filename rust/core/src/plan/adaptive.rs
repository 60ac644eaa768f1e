//! One model when the decision is confident; else the top few at once, and the surest reply.
//!
//! This is the minimum viable ecology: it needs a router and two models, nothing else.

use super::{Ending, Situation, Start, Step, direct};
use crate::aggregate::best_confidence;
use crate::leg::Why;
use crate::router::Ranked;

pub(super) fn next(
    decision_confidence: f32,
    coalition: u8,
    max_fallbacks: u8,
    situation: &Situation<'_>,
) -> Step {
    let ranked = &situation.decision.ranked;
    if situation.decision.chosen().confidence >= decision_confidence || ranked.len() < 2 {
        return direct::next(max_fallbacks, None, situation);
    }
    let legs = situation.legs;
    if legs.is_empty() {
        let start = |ranked: &Ranked| Start { model: ranked.model, why: Why::Doubt };
        return Step::Start(ranked.iter().take(usize::from(coalition)).map(start).collect());
    }
    let running = legs.iter().filter(|leg| leg.running()).count();
    if running > 0 {
        // The surest reply is only known when all are there.
        return Step::Wait { legs: running };
    }
    let replies: Vec<_> =
        legs.iter().map(|leg| leg.reply.as_ref().map(|reply| (&reply.output, reply.confidence))).collect();
    if let Some(verdict) = best_confidence(&replies) {
        let ending = if verdict.votes > 1 { Ending::Selected } else { Ending::FellBack };
        return Step::done(verdict.index, ending);
    }
    if legs.len() >= usize::from(coalition).min(ranked.len()) + usize::from(max_fallbacks) {
        return Step::failed();
    }
    situation.after(legs[legs.len() - 1].model).map_or_else(Step::failed, |start| Step::Start(vec![start]))
}
