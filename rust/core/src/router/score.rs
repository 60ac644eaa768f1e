//! A decision confidence for each eligible model.

use std::sync::Arc;

use super::decide::Inputs;
use super::decision::{Basis, Evidence, Ranked};
use super::rules;
use crate::snapshot::{Expected, Mask, ModelIndex, RouterWeights, Snapshot};

/// Confidences, their basis, and whom a rule prefers.
pub(super) struct Scored {
    pub(super) models: Vec<Ranked>,
    pub(super) basis: Basis,
    pub(super) preferred: Mask,
    pub(super) evidence: Option<Arc<Evidence>>,
}

pub(super) fn score(snapshot: &Snapshot, inputs: &Inputs<'_>) -> Scored {
    let unscored = |index: usize| {
        let facts = &snapshot.ranking[index];
        Ranked {
            model: index as ModelIndex,
            confidence: 0.0,
            expected_nano_usd: facts.expected_nano_usd(inputs.tokens_in),
            priced: facts.price.known,
            expected_compute_us: facts.expected_compute_us,
            learned_latency_ms: None,
            not_chosen: None,
        }
    };
    let mut models: Vec<Ranked> = inputs.verdict.eligible().iter().map(unscored).collect();
    // A router that knows only some of the eligible models cannot compare them with the others, so it steps back:
    // uncalibrated guesses beside calibrated probabilities would be ranked as if they were the same thing.
    let eligible = inputs.verdict.eligible();
    let learned = snapshot.router.as_ref().filter(|_| eligible.and(&snapshot.routed) == *eligible);
    let Some(weights) = learned else {
        let rule = rules::matching(snapshot, &inputs.features.signals);
        for ranked in &mut models {
            ranked.confidence =
                rules::confidence(snapshot.model(ranked.model), &inputs.features.signals, inputs.task);
        }
        let preferred = rule.map_or(Mask::EMPTY, |rule| rules::preferred(snapshot, rule, eligible));
        let name = rule.filter(|_| !preferred.is_empty()).map(|rule| Arc::clone(&rule.name));
        return Scored { models, basis: Basis::Rules(name), preferred, evidence: None };
    };
    let (mut basis, mut scores) = (Vec::new(), vec![0.0; weights.models().len()]);
    weights.basis_into(inputs.features, &mut basis);
    let evidence = if snapshot.spec.routing.learning.enabled {
        // Feedback will be set against the fit, not against what was learned since: that is what it corrects.
        weights.fitted_into(&basis, &mut scores);
        let context = weights.context(&basis, &scores);
        let fitted = scores.clone();
        if let Some(corrections) = weights.corrections() {
            corrections.correct(&context, &mut scores);
        }
        Some(Arc::new(Evidence { context, fitted }))
    } else {
        weights.scores_into(&basis, &mut scores);
        None
    };
    for ranked in &mut models {
        if let Some(column) = snapshot.router_columns[usize::from(ranked.model)] {
            ranked.confidence = scores[column];
        }
    }
    if weights.expects() {
        learn_expectations(snapshot, weights, &basis, &mut models);
    }
    Scored { models, basis: Basis::Learned(Arc::clone(weights.digest())), preferred: Mask::EMPTY, evidence }
}

/// What calls cost and how long they take, for this prompt, where the router has learned it. A manifest's figures are for any
/// prompt, or a guess.
fn learn_expectations(snapshot: &Snapshot, weights: &RouterWeights, basis: &[f32], models: &mut [Ranked]) {
    let mut expected = vec![Expected::default(); weights.models().len()];
    weights.expected_into(basis, &mut expected);
    for ranked in models {
        let Some(column) = snapshot.router_columns[usize::from(ranked.model)] else { continue };
        if let Some(nano_usd) = expected[column].cost_nano_usd {
            (ranked.expected_nano_usd, ranked.priced) = (nano_usd, true);
        }
        ranked.learned_latency_ms = expected[column].latency_ms;
    }
}
