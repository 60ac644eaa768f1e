//! Training: classifiers over hashed n-grams and over dense embeddings, router heads, calibration.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ecology_learn::{
    LogisticOptions, Rows, SoftmaxOptions, fit_logistic, fit_platt, fit_softmax, fit_temperature, folds,
    out_of_fold_softmax,
};

const CLASSES: usize = 50;
const DIMENSION: usize = 1 << 15;
const EMBEDDING: usize = 384;

/// Numbers that look random.
fn noise(i: usize) -> usize {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33) as usize
}

/// 2,000 rows of 100 buckets; a fifth of them tell the class.
fn sparse() -> (Rows, Vec<u32>) {
    let labels: Vec<u32> = (0..2000).map(|row| (noise(row) % CLASSES) as u32).collect();
    let mut rows = Rows::new();
    for (row, label) in labels.iter().enumerate() {
        rows.push((0..100).map(|entry| {
            let pool = if entry % 5 == 0 {
                300 + *label as usize * 40 + noise(row * 100 + entry) % 40
            } else {
                noise(row * 100 + entry)
            };
            ((pool % DIMENSION) as u32, 0.1)
        }));
    }
    (rows, labels)
}

/// The same number of rows as unit vectors around one centre per class.
fn dense(labels: &[u32]) -> Rows {
    let coordinate = |i: usize| (noise(i) % 2001) as f32 / 1000.0 - 1.0;
    let row = |(row, label): (usize, &u32)| {
        let point = |d: usize| {
            coordinate(*label as usize * EMBEDDING + d) + 1.5 * coordinate((1 << 20) + row * EMBEDDING + d)
        };
        let vector: Vec<f32> = (0..EMBEDDING).map(point).collect();
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.into_iter().map(move |x| x / norm)
    };
    let numbers: Vec<f32> = labels.iter().enumerate().flat_map(row).collect();
    Rows::dense(labels.len(), EMBEDDING, &numbers).unwrap()
}

fn learn(criterion: &mut Criterion) {
    let (rows, labels) = sparse();
    let embedded = dense(&labels);
    let mut group = criterion.benchmark_group("learn");
    group.sample_size(10);
    let (plain, wide) = (SoftmaxOptions::default(), SoftmaxOptions::dense());
    group.bench_function("classifier_2000x50_hashed", |bench| {
        bench.iter(|| fit_softmax(black_box(&rows), &labels, CLASSES, DIMENSION, &plain, &|_| ()).unwrap());
    });
    group.bench_function("classifier_2000x50_dense_384", |bench| {
        bench
            .iter(|| fit_softmax(black_box(&embedded), &labels, CLASSES, EMBEDDING, &wide, &|_| ()).unwrap());
    });
    let assigned = folds(&(0..2000).collect::<Vec<u32>>(), 5, 0);
    group.bench_function("out_of_fold_5_hashed", |bench| {
        bench.iter(|| {
            out_of_fold_softmax(&rows, &labels, &assigned, CLASSES, DIMENSION, &plain, &|_| ()).unwrap()
        });
    });
    let targets: Vec<f32> = (0..2000 * 16).map(|i| (noise(i) % 2) as f32).collect();
    group.bench_function("router_heads_2000x16_hashed", |bench| {
        bench.iter(|| fit_logistic(&rows, &targets, 16, DIMENSION, &LogisticOptions::default()).unwrap());
    });
    let head = fit_softmax(&rows, &labels, CLASSES, DIMENSION, &plain, &|_| ()).unwrap();
    let logits: Vec<f32> = (0..rows.len()).flat_map(|row| head.score(&rows, row)).collect();
    group.bench_function("temperature_2000x50", |bench| {
        bench.iter(|| fit_temperature(black_box(&logits), &labels, CLASSES).unwrap());
    });
    group.bench_function("platt_2000", |bench| {
        bench.iter(|| fit_platt(black_box(&logits[..2000]), &targets[..2000]).unwrap());
    });
    group.finish();
}

criterion_group!(benches, learn);
criterion_main!(benches);
