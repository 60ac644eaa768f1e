//! The order of a decision equals that of an obvious comparator, and the shortcuts of the budget filter change nothing.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::cmp::Ordering;

use common::chance::Chance;
use common::population::{random_ask, random_snapshot};
use common::random_features;
use ecology_core::admission::admit;
use ecology_core::router::{Decision, Inputs, Ranked, decide};
use ecology_core::snapshot::{Mask, Objective, Role, Snapshot};
use proptest::prelude::*;

/// The policy in words, one comparison after the other.
fn compare(snapshot: &Snapshot, decision: &Decision, preferred: &[u16], a: &Ranked, b: &Ranked) -> Ordering {
    let routing = &snapshot.spec.routing;
    let cheapness = |r: &Ranked| {
        let model = snapshot.model(r.model);
        (!model.price.known, r.expected_nano_usd, r.expected_compute_us, model.tier)
    };
    let cheaper = cheapness(a).cmp(&cheapness(b));
    let surer = b.confidence.total_cmp(&a.confidence);
    let utility =
        |r: &Ranked| f64::from(r.confidence) - routing.cost_weight_per_usd * r.expected_nano_usd as f64 / 1e9;
    let unknown = |r: &Ranked| {
        let model = snapshot.model(r.model);
        let price = routing.cost_weight_per_usd > 0.0 && !model.price.known;
        let latency = routing.latency_weight_per_ms > 0.0 && model.expected_latency_ms.is_none();
        u8::from(price) + u8::from(latency)
    };
    let reaches = |r: &Ranked| r.confidence >= routing.min_decision_confidence;
    let is_fallback = |r: &Ranked| snapshot.model(r.model).role == Role::Fallback;
    let by_rule = preferred.contains(&b.model).cmp(&preferred.contains(&a.model));
    let by_policy = match routing.objective {
        Objective::Utility => {
            unknown(a).cmp(&unknown(b)).then(utility(b).total_cmp(&utility(a))).then(cheaper)
        }
        Objective::Cheapest if reaches(a) && reaches(b) => cheaper.then(surer),
        Objective::Cheapest if reaches(a) || reaches(b) => reaches(b).cmp(&reaches(a)),
        Objective::Cheapest if decision.basis.calibrated() => surer.then(cheaper),
        Objective::Cheapest => is_fallback(b).cmp(&is_fallback(a)).then(surer).then(cheaper),
    };
    by_rule.then(by_policy).then(a.model.cmp(&b.model))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_ranking_is_that_of_an_obvious_comparator(seed: u64, models in 1..40usize) {
        let mut chance = Chance(seed);
        let snapshot = random_snapshot(&mut chance, models);
        let ask = if chance.percent(70) { Default::default() } else { random_ask(&mut chance, models) };
        let verdict = admit(&snapshot, &ask, &Mask::first(models));
        let features = random_features(&mut chance);
        // A plan that explores nothing: the ranking as it is.
        let inputs = Inputs { features: &features, verdict: &verdict, task: None, tokens_in: 9, explores: false, seed };
        let Some(decision) = decide(&snapshot, &inputs) else { return Ok(()) };
        let complexity = features.signals.complexity();
        let rule = snapshot.spec.routing.rules.iter().find(|rule| rule.when.min_complexity.is_none_or(|least| complexity >= least));
        let rule = rule.filter(|_| !decision.basis.calibrated());
        let preferred: Vec<u16> = decision.ranked.iter().map(|r| r.model).filter(|index| {
            rule.is_some_and(|rule| rule.model == Some(*index) || rule.tier.is_some_and(|tier| snapshot.model(*index).tier == tier))
        }).collect();
        for pair in decision.ranked.windows(2) {
            prop_assert_eq!(compare(&snapshot, &decision, &preferred, &pair[0], &pair[1]), Ordering::Less, "{:?}", decision);
        }
        for ranked in &decision.ranked {
            let model = snapshot.model(ranked.model);
            prop_assert_eq!(ranked.expected_nano_usd, model.expected_nano_usd(9));
            prop_assert_eq!(ranked.expected_compute_us, model.expected_compute_us());
        }
    }

    #[test]
    fn the_common_worst_case_covers_every_model(seed: u64, models in 1..40usize, tokens_in in 0..100_000u64) {
        use ecology_core::budget::Resource;
        let snapshot = random_snapshot(&mut Chance(seed), models);
        let worst = snapshot.worst_case.amounts(tokens_in);
        for (model, resource) in snapshot.spec.models.iter().flat_map(|m| Resource::ALL.map(|r| (m, r))) {
            prop_assert!(model.worst_case(tokens_in).get(resource) <= worst.get(resource));
        }
    }
}
