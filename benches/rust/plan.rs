//! What comes next? One step of each plan, with no leg behind it and with one.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

#[path = "../../rust/core/tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::{compile, priced, reply, request, spec};
use criterion::{Criterion, criterion_group, criterion_main};
use ecology_core::journey::{Input, Journey, Live, Routed};
use ecology_core::plan::{Situation, next};
use ecology_core::snapshot::PlanSpec;

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    let plans = [
        PlanSpec::Direct { max_fallbacks: 1, model: None },
        PlanSpec::Cascade { first: None, then: None, leg_confidence: 0.8, average: None },
        PlanSpec::Adaptive { decision_confidence: 0.99, coalition: 2, max_fallbacks: 1 },
    ];
    for plan in plans {
        let mut spec = spec((0..16).map(|n| priced(&format!("m{n}"), n)).collect());
        spec.default_plan = plan.clone();
        let snapshot = compile(spec);
        let (live, request) = (Arc::new(Live::new()), request(Default::default()));
        let routed = Routed::route(Arc::clone(&snapshot), &live, request.clone()).unwrap().0;
        let mut journey = Journey::begin(Arc::clone(&snapshot), live, request).unwrap();
        let mut step = |name: String, legs: &[_]| {
            let (verdict, decision) = (&routed.verdict, &routed.decision);
            let situation = Situation { snapshot: &snapshot, verdict, decision, legs };
            group.bench_function(name, |bench| bench.iter(|| next(black_box(&plan), black_box(&situation))));
        };
        step(format!("{}/first", plan.name()), &[]);
        let mut effects = Vec::new();
        journey.advance(0, Input::Start, &mut effects);
        for leg in 0..journey.legs().len() {
            journey.advance(1, Input::LegDone { leg, result: Ok(reply("yes", Some(0.9))) }, &mut effects);
        }
        step(format!("{}/last", plan.name()), journey.legs());
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
