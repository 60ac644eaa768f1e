//! A population whose features have a static embedding: it is compiled with the table that its spec names, decides by it, and
//! decides again from a record.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::Arc;

use common::{feature_spec, model, request, spec};
use ecology_core::journey::{DecisionRecord, Live, ReplayError, Routed, replay};
use ecology_core::snapshot::{LogText, Platt, RouterWeights, Snapshot, SnapshotError, SnapshotSpec};
use ecology_core::text::{Extractor, ExtractorError, FeatureSpec, StaticEmbedding, WeightTable};

/// Cards lie along the first axis, money along the second.
fn embedding() -> Arc<StaticEmbedding> {
    let pieces = ["card", "lost", "euro", "rate"];
    let rows = [127, 0, 127, 0, 0, 127, 0, 127];
    Arc::new(StaticEmbedding::new(&pieces, &rows, &[0.01; 4], &[1.0; 4]).unwrap())
}

fn extractor() -> Extractor {
    let table = embedding();
    let spec = FeatureSpec { embedding: Some(table.spec()), ..feature_spec() };
    Extractor::new(spec, Some(table)).unwrap()
}

fn population() -> SnapshotSpec {
    let mut spec = spec(vec![model("cards"), model("money")]);
    spec.features = extractor().spec().clone();
    spec.log_text = LogText::Full;
    spec
}

/// N-grams say nothing; the first axis speaks for the first model, the second for the second.
fn router() -> RouterWeights {
    let extractor = extractor();
    let mut weights = vec![0.0; extractor.spec().buckets() * 2];
    weights.extend([5.0, -5.0, -5.0, 5.0]);
    let table = WeightTable::over(extractor, 2, &weights, &[0.0; 2]).unwrap().quantized();
    let calibration = vec![Platt { slope: 1.0, offset: 0.0 }; 2];
    RouterWeights::new(table, vec!["cards@1".into(), "money@1".into()], calibration, "sha256:r".into())
        .unwrap()
}

fn routed(snapshot: &Arc<Snapshot>, text: &str) -> Routed {
    let mut request = request(snapshot.extractor.extract(text));
    request.text = Some(text.into());
    Routed::route(Arc::clone(snapshot), &Live::new(), request).unwrap().0
}

#[test]
fn a_population_decides_by_what_words_mean() {
    let snapshot = Arc::new(Snapshot::compile(population(), Some(router()), 1).unwrap());
    for (text, expected) in
        [("lost card", "cards@1"), ("Euro rate?", "money@1"), ("my lost euro rate", "money@1")]
    {
        let chosen = routed(&snapshot, text).decision.chosen().model;
        assert_eq!(&*snapshot.model(chosen).id, expected, "{text}");
    }
}

#[test]
fn the_table_comes_from_the_router_or_from_a_member_and_has_to_be_the_one_that_is_named() {
    let refused = Snapshot::compile(population(), None, 1).unwrap_err();
    assert!(matches!(refused, SnapshotError::Embedding(ExtractorError::Missing { .. })), "{refused}");
    let other = Arc::new(StaticEmbedding::new(&["a"], &[1, 2], &[1.0], &[1.0]).unwrap());
    let refused = Snapshot::compile_with(population(), None, Some(other), 1).unwrap_err();
    assert!(matches!(refused, SnapshotError::Embedding(ExtractorError::Other { .. })), "{refused}");
    let from_member = Snapshot::compile_with(population(), None, Some(embedding()), 1).unwrap();
    assert_eq!(from_member.extractor, extractor());
    let plain = Snapshot::compile_with(spec(vec![model("a")]), None, Some(embedding()), 1).unwrap();
    assert!(plain.extractor.embedding().is_none(), "a table that nobody names is let go");
    let mismatch = Snapshot::compile(spec(vec![model("cards")]), Some(router()), 1).unwrap_err();
    assert!(matches!(mismatch, SnapshotError::FeatureMismatch { .. }), "{mismatch}");
}

#[test]
fn a_record_gives_the_same_decision_from_its_features_or_from_its_text() {
    let snapshot = Arc::new(Snapshot::compile(population(), Some(router()), 1).unwrap());
    let first = routed(&snapshot, "lost card");
    let json = serde_json::to_string(&DecisionRecord::of(&first)).unwrap();
    let record: DecisionRecord = serde_json::from_str(&json).unwrap();
    let from_text = DecisionRecord { features: None, ..record.clone() };
    for record in [&record, &from_text] {
        let again = replay(Arc::clone(&snapshot), record).unwrap();
        let confidence = |routed: &Routed| routed.decision.chosen().confidence.to_bits();
        assert_eq!(confidence(&again), confidence(&first));
    }
    for wrong in [vec![], vec![1.0], vec![1.0; 3]] {
        let mut record = record.clone();
        record.features.as_mut().unwrap().dense = wrong;
        assert_eq!(replay(Arc::clone(&snapshot), &record).unwrap_err(), ReplayError::Features);
    }
}
