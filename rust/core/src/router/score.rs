//! A decision confidence for each eligible model.

use std::sync::Arc;

use super::decide::Inputs;
use super::decision::{Basis, Evidence, Ranked};
use super::rules;
use crate::snapshot::{Mask, ModelIndex, Snapshot};

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
            expected_compute_us: facts.expected_compute_us,
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
    let mut scores = vec![0.0; weights.table().columns()];
    let basis = Basis::Learned(Arc::clone(weights.digest()));
    let column_of = |ranked: &Ranked| snapshot.router_columns[usize::from(ranked.model)];
    if !snapshot.spec.routing.learning.enabled && weights.corrections().is_none() {
        weights.table().score_into(inputs.features, &mut scores);
        for ranked in &mut models {
            if let Some(column) = column_of(ranked) {
                ranked.confidence = weights.calibration()[column].probability(scores[column]);
            }
        }
        return Scored { models, basis, preferred: Mask::EMPTY, evidence: None };
    }
    // Feedback will be set against the fit, not against what was learned since: that is what it corrects.
    weights.fitted_into(inputs.features, &mut scores);
    let context = weights.context(&scores);
    for ranked in &mut models {
        if let Some(column) = column_of(ranked) {
            let fitted = scores[column];
            ranked.confidence = weights
                .corrections()
                .map_or(fitted, |corrections| corrections.corrected(column, &context, fitted));
        }
    }
    let evidence = Some(Arc::new(Evidence { context, fitted: scores }));
    Scored { models, basis, preferred: Mask::EMPTY, evidence }
}
