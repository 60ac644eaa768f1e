//! A decision, by rules and by a learned router, by size of the population. Features are extracted before.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

#[path = "../../rust/core/tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::chance::Chance;
use common::{priced, random_router, spec};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecology_core::admission::{Ask, admit};
use ecology_core::router::{Inputs, decide};
use ecology_core::snapshot::{Conditions, Mask, Rule, Snapshot};

const PROMPT: &str = "Compare the two contracts below step by step and name every clause that differs.";

fn router(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("router");
    for models in [16, 128] {
        let mut spec = spec((0..models).map(|n| priced(&format!("m{n}"), n)).collect());
        let when = Conditions { min_complexity: Some(0.9), ..Conditions::default() };
        spec.routing.rules = vec![Rule { name: "hard".into(), when, tier: None, model: Some(3) }; 8];
        let ids: Vec<Arc<str>> = spec.models.iter().map(|model| Arc::clone(&model.id)).collect();
        let learned = random_router(&mut Chance(1), &ids);
        let features = spec.features.extract(PROMPT);
        for (name, router) in [("rules", None), ("learned", Some(learned))] {
            let snapshot = Snapshot::compile(spec.clone(), router, 1).unwrap();
            let verdict = admit(&snapshot, &Ask::default(), &Mask::first(models as usize));
            let inputs = Inputs {
                features: &features,
                verdict: &verdict,
                task: None,
                tokens_in: 20,
                explores: true,
                seed: 1,
            };
            group.bench_function(BenchmarkId::new(name, models), |bench| {
                bench.iter(|| decide(black_box(&snapshot), black_box(&inputs)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, router);
criterion_main!(benches);
