//! Text to features to scores: short, ordinary and huge prompts, against a router's 16 columns and a classifier's 150.

#![allow(missing_docs, reason = "a bench is its own documentation")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecology_core::text::{FeatureSpec, Features, WeightTable};

const SYLLABLES: [&str; 24] = [
    "ba", "con", "der", "e", "fi", "gra", "ho", "in", "ka", "lo", "men", "na", "or", "per", "qui", "re",
    "sta", "ti", "u", "ver", "wa", "xen", "yo", "zu",
];

/// A prompt of `words` words of one to three syllables, with capitals, commas and question marks where one expects them.
fn prompt(words: usize, seed: usize) -> String {
    let mut state = seed as u64 * 2 + 1;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut text = String::new();
    for word in 0..words {
        // Half of all words come from the first few: language repeats itself.
        let (count, pool) = if next(2) == 0 { (1 + next(2), 6) } else { (1 + next(3), SYLLABLES.len()) };
        text.extend((0..count).map(|_| SYLLABLES[next(pool)]));
        text.push_str(if word % 17 == 16 {
            "? "
        } else if word % 9 == 8 {
            ", "
        } else {
            " "
        });
    }
    text
}

fn text(criterion: &mut Criterion) {
    let spec = FeatureSpec::default();
    let mut features = Features::default();
    let huge = prompt(220_000, 1);
    let corpora: Vec<(&str, Vec<String>)> = vec![
        ("8_words", (0..500).map(|seed| prompt(8, seed)).collect()),
        ("49_words", (0..500).map(|seed| prompt(49, seed)).collect()),
        ("400_words", (0..100).map(|seed| prompt(400, seed)).collect()),
        ("32_kb", vec![huge[..32 << 10].to_owned()]),
        ("1_mb", vec![huge[..1 << 20].to_owned()]),
    ];
    for columns in [0_usize, 2, 16, 150, 1024] {
        let name = if columns == 0 { "extract".to_owned() } else { format!("extract_and_score_{columns}") };
        let mut group = criterion.benchmark_group(name);
        let weights: Vec<f32> = (0..spec.buckets() * columns).map(|i| (i % 1021) as f32 - 510.0).collect();
        let table = WeightTable::new(spec.clone(), columns, &weights, &vec![0.0; columns])
            .ok()
            .map(|table| table.quantized());
        let mut scores = vec![0.0; columns];
        for (name, texts) in &corpora {
            let mut texts = texts.iter().cycle();
            group.bench_function(BenchmarkId::from_parameter(name), |bench| {
                bench.iter(|| {
                    let Some(text) = texts.next() else { return };
                    spec.extract_into(black_box(text), &mut features);
                    if let Some(table) = &table {
                        table.score_into(&features, &mut scores);
                    }
                    black_box((&features, &scores));
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, text);
criterion_main!(benches);
