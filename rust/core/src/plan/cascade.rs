//! A cheap model first; a dearer one if it is not sure enough.

use super::{Ending, Situation, Start, Step};
use crate::leg::{Outcome, Why};
use crate::snapshot::{ModelIndex, Tier};

pub(super) fn next(
    first: Option<ModelIndex>,
    then: Option<ModelIndex>,
    leg_confidence: f32,
    situation: &Situation<'_>,
) -> Step {
    if situation.legs.iter().any(|leg| leg.running()) {
        return Step::Wait { legs: 1 };
    }
    match situation.legs {
        [] => {
            let model = first.filter(|model| situation.open(*model)).or_else(|| cheapest(situation));
            model.map_or_else(Step::failed, |model| Step::Start(vec![Start { model, why: Why::FirstStage }]))
        }
        [one] if one.ok() => {
            // A reply that does not say how sure it is does not pass: silence is not confidence.
            if one.confidence().is_some_and(|confidence| confidence >= leg_confidence) {
                return Step::done(0, Ending::Accepted);
            }
            match second(then, situation) {
                Some(model) => Step::Start(vec![Start { model, why: Why::Escalation }]),
                None => Step::done(0, Ending::NobodyToEscalateTo),
            }
        }
        [one] => {
            let start = second(then, situation).map(|model| Start { model, why: Why::NextInRank });
            let start = situation
                .snapshot
                .model(one.model)
                .fallback
                .filter(|model| situation.open(*model))
                .map_or(start, |model| Some(Start { model, why: Why::DeclaredFallback }));
            start.map_or_else(Step::failed, |start| Step::Start(vec![start]))
        }
        [one, two, ..] => match (one.ok(), two.ok()) {
            (true, true) => Step::done(1, Ending::Escalated),
            (false, true) => Step::done(1, Ending::FellBack),
            (true, false) if two.outcome == Some(Outcome::NotAfforded) => Step::done(0, Ending::NotAfforded),
            (true, false) => Step::done(0, Ending::EscalationFailed),
            (false, false) => Step::failed(),
        },
    }
}

/// By money (an unknown price last), then by compute, then by the label.
fn price(situation: &Situation<'_>, model: ModelIndex) -> (bool, Option<(u64, u64)>, Tier) {
    let ranked = situation.decision.ranked.iter().find(|ranked| ranked.model == model);
    let known = situation.snapshot.model(model);
    // What nobody stated the router may have learned.
    let priced = ranked.map_or(known.price.known, |ranked| ranked.priced);
    (!priced, ranked.map(|r| (r.expected_nano_usd, r.expected_compute_us)), known.tier)
}

fn cheapest(situation: &Situation<'_>) -> Option<ModelIndex> {
    let open =
        situation.decision.ranked.iter().map(|ranked| ranked.model).filter(|model| situation.open(*model));
    open.min_by_key(|model| price(situation, *model))
}

fn second(then: Option<ModelIndex>, situation: &Situation<'_>) -> Option<ModelIndex> {
    if then.is_some() {
        // Named, so nobody else will do: an escalation to some other model is not what was asked for.
        return then.filter(|model| situation.open(*model));
    }
    // Not the next in rank, which under `cheapest` is the next cheapest: what is wanted now is the surest of the dearer ones.
    let first = situation.legs.first().map(|leg| price(situation, leg.model));
    let dearer = situation.decision.ranked.iter().filter(|ranked| {
        situation.open(ranked.model) && first.is_none_or(|first| price(situation, ranked.model) > first)
    });
    let surest = dearer.max_by(|a, b| {
        let by_price = || price(situation, a.model).cmp(&price(situation, b.model));
        a.confidence.total_cmp(&b.confidence).then_with(by_price)
    });
    surest.map(|ranked| ranked.model)
}
