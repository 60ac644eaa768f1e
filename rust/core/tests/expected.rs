//! Laws of what a router expects calls to cost and to take: the learned goes before the stated, wherever money is compared.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::Arc;

use common::chance::Chance;
use common::factored::random_parts;
use common::{priced, reply, request, spec};
use ecology_core::admission::{Ask, admit};
use ecology_core::journey::{Input, Journey, Live};
use ecology_core::router::{Decision, Inputs, NotChosen, decide};
use ecology_core::snapshot::{
    Calibration, FactoredParts, Heads, Mask, Objective, PlanSpec, RouterWeights, Snapshot, SnapshotSpec,
};
use ecology_core::text::Features;

fn router(parts: &FactoredParts, models: usize) -> RouterWeights {
    let ids = (0..models).map(|n| Arc::from(format!("m{n}@1"))).collect();
    RouterWeights::factored(parts, ids, "sha256:some".into()).unwrap()
}

fn route(spec: SnapshotSpec, router: RouterWeights, features: &Features) -> (Snapshot, Decision) {
    let models = spec.models.len();
    let snapshot = Snapshot::compile(spec, Some(router), 1).unwrap();
    let verdict = admit(&snapshot, &Ask::default(), &Mask::first(models));
    let inputs = Inputs { features, verdict: &verdict, task: None, tokens_in: 10, explores: false, seed: 0 };
    let decision = decide(&snapshot, &inputs).unwrap();
    (snapshot, decision)
}

/// A router whose every head is its bias: P(good), log of USD, log of milliseconds.
fn constant(models: &[(f32, Option<f32>, Option<f32>)]) -> FactoredParts {
    let mut parts = random_parts(&mut Chance(1), models.len(), (1, &[]));
    parts.heads = Heads { weights: vec![0.0; models.len()], bias: models.iter().map(|m| m.0).collect() };
    let identity = Calibration::Isotonic { raw: vec![0.0, 1.0], probability: vec![0.0, 1.0] };
    parts.calibration = vec![identity; models.len()];
    for (logs, of) in [(&mut parts.cost, 0), (&mut parts.latency, 1)] {
        let logs = logs.as_mut().unwrap();
        let amount = |m: &(f32, Option<f32>, Option<f32>)| if of == 0 { m.1 } else { m.2 };
        logs.known = models.iter().map(|m| amount(m).is_some()).collect();
        logs.heads.weights.fill(0.0);
        logs.heads.bias = models.iter().map(|m| amount(m).map_or(0.0, f32::ln)).collect();
    }
    parts
}

#[test]
fn learned_costs_and_latencies_go_before_those_of_manifests() {
    // By manifest the first is the cheaper; this router knows better. The third it knows nothing of.
    let mut models: Vec<_> =
        [5, 900, 700].iter().enumerate().map(|(n, price)| priced(&format!("m{n}"), *price)).collect();
    models[2].expected_latency_ms = Some(44.0);
    models[1].price.known = false;
    let parts = constant(&[(0.9, Some(8e-6), Some(20.0)), (0.9, Some(2e-6), Some(50.0)), (0.9, None, None)]);
    let (snapshot, decision) = route(spec(models.clone()), router(&parts, 3), &Features::default());
    let order: Vec<u16> = decision.ranked.iter().map(|ranked| ranked.model).collect();
    assert_eq!(order, [2, 1, 0]);
    let facts: Vec<_> = decision
        .ranked
        .iter()
        .map(|r| (r.expected_nano_usd, r.priced, r.expected_latency_ms(&snapshot)))
        .collect();
    assert_eq!(facts[0], (700, true, Some(44.0)));
    assert!((1_999..=2_001).contains(&facts[1].0) && facts[1].1, "{facts:?}");
    assert!((facts[2].2.unwrap() - 20.0).abs() < 1e-3 && (7_999..=8_001).contains(&facts[2].0));
    assert_eq!(decision.ranked[2].not_chosen, Some(NotChosen::Dearer));
    assert!(decision.basis.calibrated());
}

#[test]
fn utility_weighs_the_learned_cost() {
    let models = vec![priced("m0", 0), priced("m1", 0)];
    let parts = constant(&[(0.95, Some(0.5), None), (0.9, Some(0.001), None)]);
    let mut spec = spec(models);
    spec.routing.objective = Objective::Utility;
    spec.routing.cost_weight_per_usd = 1.0;
    let (_, decision) = route(spec, router(&parts, 2), &Features::default());
    assert_eq!(decision.chosen().model, 1);
    assert_eq!(decision.ranked[1].not_chosen, Some(NotChosen::LessUtility));
}

/// Nobody stated the price of the first, but the router has learned it: it is the cheap one.
#[test]
fn a_cascade_begins_with_the_model_whose_learned_cost_is_lowest() {
    let mut models: Vec<_> = (0..2).map(|n| priced(&format!("m{n}"), 900)).collect();
    models[0].price.known = false;
    let mut spec = spec(models);
    spec.default_plan = PlanSpec::Cascade { first: None, then: None, leg_confidence: 0.9, average: None };
    let parts = constant(&[(0.6, Some(1e-8), None), (0.9, Some(1e-3), None)]);
    let snapshot = Arc::new(Snapshot::compile(spec, Some(router(&parts, 2)), 1).unwrap());
    let request = request(Features::default());
    let mut journey = Journey::begin(snapshot, Arc::new(Live::new()), request).unwrap();
    journey.advance(0, Input::Start, &mut Vec::new());
    for leg in 0..2 {
        let result = Ok(reply("yes", Some(0.5)));
        journey.advance(1, Input::LegDone { leg, result }, &mut Vec::new());
    }
    let asked: Vec<u16> = journey.finished(0).unwrap().legs.iter().map(|leg| leg.model).collect();
    assert_eq!(asked, [0, 1]);
}
