//! The parts of a factored decision: φ of a prompt, and the scores of all models from it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

#[path = "../../rust/core/tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::chance::Chance;
use common::factored::{calibration, random_parts};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecology_core::snapshot::{Expected, RouterWeights};

const PROMPT: &str = "Compare the two contracts below step by step and name every clause that differs.";

fn factored(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("factored");
    for (k, groups) in [(16, &[][..]), (64, &[]), (64, &[32, 32]), (64, &[64, 128])] {
        for models in [16, 150, 1_000] {
            let name = format!("{k}+{groups:?}");
            let parts = random_parts(&mut Chance(1), models, (k, groups));
            let ids = (0..models).map(|n| format!("m{n}@1").into()).collect();
            let router = RouterWeights::factored(&parts, ids, "sha256:00".into()).unwrap();
            let features = router.spec().extract(PROMPT);
            let (mut basis, mut scores) = (Vec::new(), vec![0.0; models]);
            if models == 16 {
                group.bench_function(BenchmarkId::new("basis", &name), |bench| {
                    bench.iter(|| router.basis_into(black_box(&features), &mut basis));
                });
            }
            router.basis_into(&features, &mut basis);
            group.bench_function(BenchmarkId::new(format!("scores {models}"), &name), |bench| {
                bench.iter(|| router.scores_into(black_box(&basis), &mut scores));
            });
            let mut expected = vec![Expected::default(); models];
            group.bench_function(BenchmarkId::new(format!("expected {models}"), &name), |bench| {
                bench.iter(|| router.expected_into(black_box(&basis), &mut expected));
            });
        }
    }
    for kind in 0..3 {
        let calibration = calibration(&mut Chance(1), kind);
        let scores: Vec<f32> = (0..1_000).map(|n| n as f32 / 999.0).collect();
        let mut out = scores.clone();
        group.bench_function(BenchmarkId::new("1,000 probabilities", kind), |bench| {
            bench.iter(|| {
                for (out, score) in out.iter_mut().zip(&scores) {
                    *out = calibration.probability(*score);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, factored);
criterion_main!(benches);
