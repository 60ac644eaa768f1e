//! A cheap model first; a dearer one if it is not sure enough.

use super::{Ending, Situation, Start, Step};
use crate::leg::{Outcome, Why};
use crate::snapshot::ModelIndex;

pub(super) fn next(
    first: Option<ModelIndex>,
    then: Option<ModelIndex>,
    leg_confidence: f32,
    situation: &Situation<'_>,
) -> Step {
    if situation.legs.iter().any(|leg| leg.running()) {
        return Step::Wait;
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

fn cheapest(situation: &Situation<'_>) -> Option<ModelIndex> {
    let price = |model: &ModelIndex| {
        let ranked = situation.decision.ranked.iter().find(|ranked| ranked.model == *model);
        let tier = situation.snapshot.model(*model).tier;
        (ranked.map(|r| (r.expected_nano_usd, r.expected_compute_us)), tier)
    };
    situation
        .decision
        .ranked
        .iter()
        .map(|ranked| ranked.model)
        .filter(|model| situation.open(*model))
        .min_by_key(price)
}

fn second(then: Option<ModelIndex>, situation: &Situation<'_>) -> Option<ModelIndex> {
    match then {
        // Named, so nobody else will do: an escalation to some other model is not what was asked for.
        Some(model) => Some(model).filter(|model| situation.open(*model)),
        // Not the next in rank, which under `cheapest` is the next cheapest: what is wanted now is the surest.
        None => {
            let ranked = situation.decision.ranked.iter().filter(|ranked| situation.open(ranked.model));
            let surest = ranked.max_by(|a, b| {
                let dearer = (a.expected_nano_usd, a.expected_compute_us)
                    .cmp(&(b.expected_nano_usd, b.expected_compute_us));
                a.confidence.total_cmp(&b.confidence).then(dearer)
            });
            surest.map(|ranked| ranked.model)
        }
    }
}
