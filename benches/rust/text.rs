//! Text to features to scores: short, ordinary and huge prompts, against a router's 16 columns and a classifier's 150.

#![allow(missing_docs, reason = "a bench is its own documentation")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecology_core::text::{Extractor, FeatureSpec, Features, StaticEmbedding, WeightTable};

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

/// The vector of a prompt from a table of the usual size: a whole word is one piece, so all of it is found in the table.
fn embedding(criterion: &mut Criterion) {
    let mut pieces: Vec<String> = vec!["[UNK]".to_owned()];
    for first in SYLLABLES {
        pieces.extend([first.to_owned(), format!("##{first}")]);
        for second in SYLLABLES {
            pieces.push(format!("{first}{second}"));
            pieces.extend(SYLLABLES.iter().map(|third| format!("{first}{second}{third}")));
        }
    }
    pieces.extend([",", "?"].map(str::to_owned));
    pieces.sort_unstable();
    pieces.dedup();
    pieces.extend((pieces.len()..30_000).map(|n| format!("unused{n}")));
    let rows: Vec<i8> = (0..pieces.len() * 256).map(|i| ((i * 7919) % 255) as u8 as i8).collect();
    let ones = vec![1.0; pieces.len()];
    let Ok(table) = StaticEmbedding::new(&pieces, &rows, &ones, &ones) else { return };
    let table = std::sync::Arc::new(table);
    let spec = FeatureSpec { embedding: Some(table.spec()), signals: true, ..FeatureSpec::default() };
    let Ok(extractor) = Extractor::new(spec, Some(std::sync::Arc::clone(&table))) else { return };
    let (mut features, mut found) = (Features::default(), Vec::new());
    let mut group = criterion.benchmark_group("static_embedding");
    for words in [8, 49, 400] {
        let texts: Vec<String> = (0..500).map(|seed| prompt(words, seed)).collect();
        let mut texts = texts.iter().cycle();
        group.bench_function(format!("pieces_{words}_words"), |bench| {
            bench.iter(|| {
                found.clear();
                table.pieces_into(black_box(texts.next().map_or("", String::as_str)), &mut found);
                black_box(&found);
            });
        });
        group.bench_function(format!("extract_{words}_words"), |bench| {
            bench.iter(|| {
                extractor.extract_into(black_box(texts.next().map_or("", String::as_str)), &mut features);
                black_box(&features);
            });
        });
        for columns in [16, 150] {
            let weights = vec![0.5; extractor.spec().dimension() * columns];
            let bias = vec![0.0; columns];
            let Ok(table) = WeightTable::over(extractor.clone(), columns, &weights, &bias) else { return };
            let (table, mut scores) = (table.quantized(), vec![0.0; columns]);
            group.bench_function(format!("extract_and_score_{columns}_{words}_words"), |bench| {
                bench.iter(|| {
                    extractor.extract_into(black_box(texts.next().map_or("", String::as_str)), &mut features);
                    table.score_into(&features, &mut scores);
                    black_box(&scores);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, text, embedding);
criterion_main!(benches);
