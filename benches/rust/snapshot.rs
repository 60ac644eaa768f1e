//! Compiling a description into a snapshot: from JSON and from a spec, by size of the population.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

#[path = "../../rust/core/tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::chance::Chance;
use common::population::random_spec;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ecology_core::journey::Live;
use ecology_core::snapshot::Snapshot;

fn snapshot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    for models in [16, 1_024] {
        let spec = random_spec(&mut Chance(1), models);
        let json = serde_json::to_string(&spec).unwrap();
        group.bench_function(BenchmarkId::new("from_json", models), |bench| {
            bench.iter(|| Snapshot::from_json(black_box(&json), None, 1).unwrap());
        });
        group.bench_function(BenchmarkId::new("compile", models), |bench| {
            let compile = |spec| Snapshot::compile(spec, None, 1).unwrap();
            bench.iter_batched(|| spec.clone(), compile, BatchSize::LargeInput);
        });
        let (live, snapshot) = (Live::new(), common::compile(spec));
        group.bench_function(BenchmarkId::new("adopt", models), |bench| {
            bench.iter(|| live.adopt(black_box(&snapshot)))
        });
    }
    group.finish();
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
