//! A vote over five replies: JSON of about 270 bytes with three ways to write it, and labels.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench is its own documentation")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ecology_core::Value;
use ecology_core::aggregate::{best_confidence, majority};

const JSON: [&str; 5] = [
    r#"{"intent":"refund","order":{"id":"A-1029","total":49.90,"currency":"EUR","items":[{"sku":"X1","n":2},{"sku":"Y7","n":1}]},"customer":{"name":"Ada Lovelace","email":"ada@example.org","since":2019},"reasons":["damaged in transit","wrong size"],"urgent":true,"score":0.75}"#,
    r#"{ "order": {"total":49.9,"id":"A-1029","currency":"EUR","items":[{"n":2,"sku":"X1"},{"n":1,"sku":"Y7"}]},"intent":"refund","customer":{"email":"ada@example.org","name":"Ada Lovelace","since":2019},"urgent":true,"score":7.5e-1,"reasons":["damaged in transit","wrong size"]}"#,
    r#"{"intent":"refund","order":{"id":"A-1029","total":49.90,"currency":"EUR","items":[{"sku":"X1","n":2.0},{"sku":"Y7","n":1}]},"customer":{"name":"Ada Lovelace","email":"ada@example.org","since":2019},"reasons":["damaged in transit","wrong size"],"urgent":true,"score":0.75}"#,
    r#"{"intent":"refund","order":{"id":"A-1029","total":49.00,"currency":"EUR","items":[{"sku":"X1","n":2},{"sku":"Y7","n":1}]},"customer":{"name":"Ada Lovelace","email":"ada@example.org","since":2019},"reasons":["damaged in transit","wrong size"],"urgent":true,"score":0.75}"#,
    r#"{"intent":"return","order":{"id":"A-1029","total":49.90,"currency":"EUR","items":[{"sku":"X1","n":2},{"sku":"Y7","n":1}]},"customer":{"name":"Ada Lovelace","email":"ada@example.org","since":2019},"reasons":["damaged in transit"],"urgent":false,"score":0.75,"note":"late"}"#,
];

fn aggregate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aggregate");
    let texts = JSON.map(Value::from);
    let parsed =
        JSON.map(|text| Value::Json(serde_json::from_str::<serde_json::Value>(text).unwrap().into()));
    let labels = ["refund", "refund", "return", "refund", "lost card"].map(Value::from);
    for (name, replies) in
        [("majority/json_text", &texts), ("majority/json_parsed", &parsed), ("majority/labels", &labels)]
    {
        let votes = replies.each_ref().map(Some);
        assert_eq!(majority(&votes).unwrap().support, 3);
        group.throughput(Throughput::Elements(5));
        group.bench_function(name, |bench| bench.iter(|| majority(black_box(&votes))));
    }
    let sure = labels.each_ref().map(|label| Some((label, Some(0.5))));
    group.bench_function("best_confidence/labels", |bench| bench.iter(|| best_confidence(black_box(&sure))));
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
