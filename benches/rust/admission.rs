//! Admission of one request, by size of the population.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

#[path = "../../rust/core/tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::chance::Chance;
use common::compile;
use common::population::random_spec;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecology_core::admission::{Ask, admit};
use ecology_core::snapshot::Mask;

fn admission(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission");
    let ask = Ask {
        task: Some("sort".into()),
        language: Some("en".into()),
        data_class: Some("public".into()),
        input_bytes: 80,
        money_is_limited: true,
        ..Ask::default()
    };
    for models in [16, 128, 1_024] {
        let snapshot = compile(random_spec(&mut Chance(1), models));
        let affordable = Mask::first(models);
        group.bench_function(BenchmarkId::new("admit", models), |bench| {
            bench.iter(|| admit(black_box(&snapshot), black_box(&ask), &affordable));
        });
    }
    group.finish();
}

criterion_group!(benches, admission);
criterion_main!(benches);
