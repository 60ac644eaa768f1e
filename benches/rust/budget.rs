//! Reserve and settle, on one account and on a path of three, alone and against another thread.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecology_core::budget::{Accounts, Amounts, Limits, Resource};

fn budget(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("budget");
    let accounts = Accounts::default();
    for name in ["acme", "acme/web", "acme/web/key"] {
        accounts.declare(name, Limits::default().with(Resource::NanoUsd, u64::MAX));
    }
    let worst =
        Amounts::of(Resource::NanoUsd, 900).with(Resource::TokensIn, 50).with(Resource::TokensOut, 200);
    let used = Amounts::of(Resource::NanoUsd, 1).with(Resource::TokensIn, 1).with(Resource::TokensOut, 1);
    for (levels, name) in [(1, "acme"), (3, "acme/web/key")] {
        let path = accounts.path(name, None);
        let spend = || path.reserve(black_box(worst)).unwrap().settle(black_box(used));
        group.bench_function(BenchmarkId::new("one_thread", levels), |bench| bench.iter(spend));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    spend();
                }
            });
            group.bench_function(BenchmarkId::new("two_threads", levels), |bench| bench.iter(spend));
            done.store(true, Ordering::Relaxed);
        });
    }
    group.finish();
}

criterion_group!(benches, budget);
criterion_main!(benches);
