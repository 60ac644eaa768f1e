//! A whole journey without I/O: admitted, routed, paid, one leg or two, settled, counted, recorded.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

#[path = "../../rust/core/tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::{limit, priced, reply, spec};
use criterion::{Criterion, criterion_group, criterion_main};
use ecology_core::journey::{DecisionRecord, Finished, Input, Journey, Live, Request, Routed, replay};
use ecology_core::snapshot::{PlanSpec, Snapshot};

/// Two models, limits on three levels.
fn snapshot(plan: PlanSpec) -> Arc<Snapshot> {
    let mut spec = spec(vec![priced("small", 1), priced("large", 100)]);
    spec.default_plan = plan;
    for account in ["acme", "acme/web", "acme/web/key"] {
        limit(&mut spec, account, "nano_usd", u64::MAX);
    }
    common::compile(spec)
}

/// Carries a request out; every leg comes back at once with such a confidence.
fn carry(snapshot: &Arc<Snapshot>, live: &Arc<Live>, request: &Request, confidence: f32) -> Arc<Finished> {
    let mut journey = Journey::begin(Arc::clone(snapshot), Arc::clone(live), request.clone()).unwrap();
    let mut effects = Vec::with_capacity(4);
    journey.advance(0, Input::Start, &mut effects);
    let mut leg = 0;
    while !journey.over() {
        effects.clear();
        journey.advance(
            1_000,
            Input::LegDone { leg, result: Ok(reply("yes", Some(confidence))) },
            &mut effects,
        );
        leg += 1;
    }
    journey.finished(100).unwrap()
}

fn journey(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journey");
    let request = |account: &str| {
        let features = common::feature_spec().extract("Where is my card? It should have come on Monday.");
        Request { account: account.into(), ..common::request(features) }
    };
    let direct = snapshot(PlanSpec::Direct { max_fallbacks: 1, model: None });
    let cascade = snapshot(PlanSpec::Cascade { first: None, then: None, leg_confidence: 0.8, average: None });
    for (name, snapshot, account, confidence, legs) in [
        ("direct/no_account", &direct, "", 0.9, 1),
        ("direct/three_accounts", &direct, "acme/web/key", 0.9, 1),
        ("cascade/accepted", &cascade, "acme/web/key", 0.9, 1),
        ("cascade/escalated", &cascade, "acme/web/key", 0.1, 2),
    ] {
        let live = Arc::new(Live::new());
        live.adopt(snapshot);
        let request = request(account);
        assert_eq!(carry(snapshot, &live, &request, confidence).legs.len(), legs);
        group.bench_function(name, |bench| {
            bench.iter(|| carry(snapshot, &live, black_box(&request), confidence))
        });
    }
    let routed = Routed::route(Arc::clone(&direct), &Live::new(), request("")).unwrap().0;
    let record = DecisionRecord::of(&routed);
    group.bench_function("replay", |bench| bench.iter(|| replay(Arc::clone(&direct), black_box(&record))));
    group.finish();
}

criterion_group!(benches, journey);
criterion_main!(benches);
