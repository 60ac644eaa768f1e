//! Laws of the decision record: the same record and snapshot give the same decision, bit for bit.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::Arc;

use common::chance::Chance;
use common::population::{random_request, random_snapshot};
use common::{feature_spec, features, model, request, spec};
use ecology_core::journey::{DecisionRecord, Live, ReplayError, Routed, replay};
use ecology_core::router::Decision;
use ecology_core::snapshot::{LogText, Snapshot};
use proptest::prelude::*;

fn bits(decision: &Decision) -> (Vec<(u16, u32)>, u64) {
    let ranked = decision.ranked.iter().map(|r| (r.model, r.confidence.to_bits())).collect();
    (ranked, decision.propensity.to_bits())
}

/// The record as a log would give it back.
fn through_json(record: &DecisionRecord) -> DecisionRecord {
    serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
}

#[test]
fn a_decision_replays_bit_for_bit_from_its_record() {
    let (mut replayed, mut explored, mut learned, mut poor) = (0, 0, 0, 0);
    for seed in 0..40_000 {
        let chance = &mut Chance(seed);
        let models = chance.between(1, 6) as usize;
        let snapshot = random_snapshot(chance, models);
        let live = Live::new();
        live.adopt(&snapshot);
        let now_ns = chance.below(1 << 62);
        let request = random_request(chance, models, now_ns);
        let Ok((routed, _)) = Routed::route(Arc::clone(&snapshot), &live, request) else { continue };
        let record = through_json(&DecisionRecord::of(&routed));
        let again = replay(Arc::clone(&snapshot), &record).unwrap();
        assert_eq!(bits(&again.decision), bits(&routed.decision), "seed {seed}");
        assert_eq!(again.decision, routed.decision, "seed {seed}");
        assert_eq!((again.verdict.clone(), again.affordable), (routed.verdict.clone(), routed.affordable));
        assert_eq!(record.chosen, snapshot.model(again.decision.chosen().model).id);
        assert_eq!(DecisionRecord::of(&again), record, "seed {seed}");
        replayed += 1;
        explored += u32::from(routed.decision.explored);
        learned += u32::from(routed.decision.basis.calibrated());
        poor += u32::from(routed.affordable.count() < models);
    }
    assert!(
        replayed > 5_000 && explored > 20 && learned > 2_000 && poor > 100,
        "{replayed} {explored} {learned} {poor}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Every finite number of a prompt's features survives the way through JSON.
    #[test]
    fn features_survive_json(values in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 1..20), complexity: f32) {
        prop_assume!(complexity.is_finite());
        let indices = (0..values.len() as u32).collect();
        let snapshot = common::compile(spec(vec![model("a")]));
        let request = request(features(&[("complexity", complexity)], indices, values.clone()));
        let routed = Routed::route(snapshot, &Live::new(), request).unwrap().0;
        let kept = through_json(&DecisionRecord::of(&routed)).features.unwrap();
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&kept.values), bits(&values));
        prop_assert_eq!(bits(kept.signals.as_slice()), bits(routed.request.features.signals.as_slice()));
    }
}

fn routed(log_text: LogText) -> Routed {
    let mut spec = spec(vec![model("a"), model("b")]);
    spec.log_text = log_text;
    let text = "Where is my card?";
    let mut request = request(feature_spec().extract(text));
    request.text = Some(text.into());
    Routed::route(common::compile(spec), &Live::new(), request).unwrap().0
}

#[test]
fn a_record_keeps_what_the_policy_says_and_no_more() {
    for (log_text, features, text) in
        [(LogText::None, false, false), (LogText::Features, true, false), (LogText::Full, true, true)]
    {
        let routed = routed(log_text);
        let record = DecisionRecord::of(&routed);
        assert_eq!((record.features.is_some(), record.text.is_some()), (features, text), "{log_text:?}");
        let again = replay(Arc::clone(&routed.snapshot), &record);
        assert_eq!(again.err(), (!features).then_some(ReplayError::NoFeatures), "{log_text:?}");
    }
    // The text alone is enough: its features are extracted again.
    let full = routed(LogText::Full);
    let record = DecisionRecord { features: None, ..DecisionRecord::of(&full) };
    assert_eq!(bits(&replay(Arc::clone(&full.snapshot), &record).unwrap().decision), bits(&full.decision));
}

#[test]
fn a_record_of_another_snapshot_is_refused() {
    let routed = routed(LogText::Features);
    let record = DecisionRecord::of(&routed);
    let mut other = routed.snapshot.spec.clone();
    other.max_events += 1;
    let other = Arc::new(Snapshot::compile(other, None, 1).unwrap());
    let refused = replay(Arc::clone(&other), &record).unwrap_err();
    let expected =
        ReplayError::OtherSnapshot { record: record.snapshot.clone(), current: Arc::clone(&other.digest) };
    assert_eq!(refused, expected);
}

/// A log is somebody's file: what does not fit is an error, never a panic.
#[test]
fn a_record_with_features_that_do_not_fit_is_refused() {
    let ids = [("a@1".into(), 0.5), ("b@1".into(), 0.6)];
    let snapshot =
        Snapshot::compile(spec(vec![model("a"), model("b")]), Some(common::constant_router(&ids)), 1);
    let snapshot = Arc::new(snapshot.unwrap());
    let fits = request(features(&[], vec![255], vec![1.0]));
    let record = DecisionRecord::of(&Routed::route(Arc::clone(&snapshot), &Live::new(), fits).unwrap().0);
    assert!(replay(Arc::clone(&snapshot), &record).is_ok());
    for (indices, values) in [(vec![256], vec![1.0]), (vec![u32::MAX], vec![1.0]), (vec![1, 2], vec![1.0])] {
        let record = DecisionRecord { features: Some(features(&[], indices, values)), ..record.clone() };
        assert_eq!(replay(Arc::clone(&snapshot), &record).unwrap_err(), ReplayError::Features);
    }
}
