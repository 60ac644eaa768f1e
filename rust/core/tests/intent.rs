//! Laws of the intent model: what is stated counts, then what is inferred, then the default; and all of it can be made again.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::collections::HashSet;
use std::sync::Arc;

use common::chance::Chance;
use common::population::{random_request, random_spec};
use common::{feature_spec, features, model, request, spec, words};
use ecology_core::journey::{Chooser, DecisionRecord, Live, Routed, replay};
use ecology_core::snapshot::{
    Abstention, IntentError, IntentSpec, IntentWeights, PlanSpec, Snapshot, SnapshotError, SnapshotSpec,
    Stage, Weights,
};
use ecology_core::text::{FeatureSpec, WeightTable};

/// Bucket `n` speaks for task `n`, with this strength.
fn intent(tasks: &[&str], strength: f32, digest: &str) -> IntentWeights {
    let columns = tasks.len();
    let mut weights = vec![0.0; 256 * columns];
    (0..columns).for_each(|task| weights[task * columns + task] = strength);
    let table = WeightTable::new(feature_spec(), columns, &weights, &vec![0.0; columns]).unwrap();
    IntentWeights::new(table, words(tasks), 0.5, digest.into()).unwrap()
}

fn named(mut spec: SnapshotSpec, digest: &str, min_confidence: f32) -> SnapshotSpec {
    spec.intent = Some(IntentSpec { model: "intent@1".into(), digest: digest.into(), min_confidence });
    spec
}

fn compiled(spec: SnapshotSpec, weights: IntentWeights) -> Result<Snapshot, SnapshotError> {
    Snapshot::compile_over(spec, Weights { intent: Some(weights), ..Weights::default() }, 1)
}

const TASKS: [&str; 4] = ["sort", "write", "sing", "dream"];

/// One model per task; nobody dreams, and who sings is a candidate.
fn population() -> SnapshotSpec {
    let models = ["sort", "write", "sing"].map(|task| {
        let mut model = model(task);
        model.tasks = words(&[task]);
        model.stage = if task == "sing" { Stage::Candidate } else { Stage::Active };
        model
    });
    named(spec(models.into()), "sha256:i", 0.6)
}

fn snapshot(spec: SnapshotSpec) -> Arc<Snapshot> {
    Arc::new(compiled(spec, intent(&TASKS, 4.0, "sha256:i")).unwrap())
}

#[test]
fn what_is_stated_counts_then_what_is_inferred_then_the_default() {
    use Abstention::{LowConfidence, NobodyAccepts, NothingToRead};
    let sorting = (vec![0], vec![1.0]);
    let torn = (vec![0, 1], vec![1.0, 0.99]);
    let dreaming = (vec![3], vec![1.0]);
    let singing = (vec![2], vec![1.0]);
    let table = [
        ("a stated task is not inferred", Some("write"), None, &sorting, Some("write"), None),
        ("an unstated one is", None, None, &sorting, Some("sort"), Some(None)),
        ("before the default", None, Some("write"), &sorting, Some("sort"), Some(None)),
        ("in doubt the default", None, Some("write"), &torn, Some("write"), Some(Some(LowConfidence))),
        ("in doubt nothing without one", None, None, &torn, None, Some(Some(LowConfidence))),
        ("nobody dreams", None, Some("write"), &dreaming, Some("write"), Some(Some(NobodyAccepts))),
        ("who sings does not serve", None, Some("write"), &singing, Some("write"), Some(Some(NobodyAccepts))),
        (
            "no text, no task",
            None,
            Some("write"),
            &(vec![], vec![]),
            Some("write"),
            Some(Some(NothingToRead)),
        ),
    ];
    for (case, stated, default, (indices, values), task, said) in table {
        let mut spec = population();
        spec.defaults.task = default.map(Into::into);
        if task.is_none() {
            spec.models.push(model("any"));
        }
        let mut request = request(features(&[], indices.clone(), values.clone()));
        request.ask.task = stated.map(Into::into);
        let (routed, _) = Routed::route(snapshot(spec), &Live::new(), request).unwrap();
        assert_eq!(routed.request.ask.task.as_deref(), task, "{case}");
        assert_eq!(routed.inferred.as_ref().map(|inferred| inferred.abstained), said, "{case}");
        let json = &routed.to_json()["task_inferred"];
        assert_eq!(json.is_null(), said.is_none(), "{case}");
        if let Some(inferred) = &routed.inferred {
            assert_eq!(json["task"].as_str(), inferred.task().map(|task| &**task), "{case}");
            assert_eq!(json["abstained"].as_str(), inferred.abstained.map(Abstention::name), "{case}");
            assert_eq!(json["confidence"].as_f64(), Some(f64::from(inferred.confidence)), "{case}");
            assert_eq!(json["model"], "intent@1");
        }
    }
}

#[test]
fn plans_see_the_inferred_task() {
    let mut spec = population();
    let cascade = PlanSpec::Cascade { first: None, then: None, leg_confidence: 0.5, average: None };
    spec.plans.insert("sort".into(), cascade.clone());
    let request = request(features(&[], vec![0], vec![1.0]));
    let (routed, _) = Routed::route(snapshot(spec), &Live::new(), request).unwrap();
    assert_eq!(routed.plan(), &cascade);
}

/// A population with an intent model that knows some of its tasks, and one that nobody accepts.
fn random(chance: &mut Chance, models: usize) -> Arc<Snapshot> {
    let min_confidence = *chance.pick(&[0.0, 0.5, 0.9]);
    let strength = chance.unit() as f32 * 8.0;
    let spec = named(random_spec(chance, models), "sha256:r", min_confidence);
    Arc::new(compiled(spec, intent(&["write", "sort", "sing"], strength, "sha256:r")).unwrap())
}

#[test]
fn replays_and_batches_read_the_same_task_bit_for_bit() {
    let (mut inferred, mut abstained, mut stated) = (0, 0, 0);
    for seed in 0..20_000 {
        let chance = &mut Chance(seed);
        let models = chance.between(1, 6) as usize;
        let snapshot = random(chance, models);
        let live = Live::new();
        live.adopt(&snapshot);
        let mut request = random_request(chance, models, 7);
        // Near the buckets that say something.
        let mut near = (*request.features).clone();
        near.indices.iter_mut().for_each(|index| *index %= 4);
        request.features = Arc::new(near);
        let mut chooser =
            Chooser::new(Arc::clone(&snapshot), &live, request.ask.clone(), &request.account, request.limits);
        // After another prompt, whose task must not stay.
        let other = features(&[], vec![1], vec![9.0]);
        let mut chosen = None;
        for features in [&other, &*request.features] {
            let (bytes, tokens) = (request.ask.input_bytes, request.tokens_in);
            chosen = chooser.choose(features, bytes, tokens, request.seed).map(|decision| decision.ranked);
        }
        let Ok((routed, _)) = Routed::route(Arc::clone(&snapshot), &live, request.clone()) else {
            assert_eq!(chosen, None, "seed {seed}");
            continue;
        };
        assert_eq!(chosen.as_ref(), Some(&routed.decision.ranked), "seed {seed}");
        let record = DecisionRecord::of(&routed);
        let record: DecisionRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        let again = replay(Arc::clone(&snapshot), &record).unwrap();
        assert_eq!(again.to_json(), routed.to_json(), "seed {seed}");
        assert_eq!(DecisionRecord::of(&again), record, "seed {seed}");
        match &routed.inferred {
            None => {
                assert!(request.ask.task.is_some());
                assert_eq!(routed.request.ask.task, request.ask.task);
                stated += 1;
            }
            Some(said) if said.abstained.is_some() => abstained += 1,
            Some(_) => inferred += 1,
        }
    }
    assert!(inferred > 1_000 && abstained > 1_000 && stated > 100, "{inferred} {abstained} {stated}");
}

#[test]
fn the_confidence_is_the_softmax_of_the_scores() {
    for seed in 0..500 {
        let chance = &mut Chance(seed);
        let weights = intent(&TASKS, 9.0, "sha256:i");
        let features = common::random_features(chance);
        let mut scores = [0.0; 4];
        weights.table().score_into(&features, &mut scores);
        let exp = scores.map(|score| (f64::from(score) / f64::from(weights.temperature())).exp());
        let (column, confidence) = weights.likeliest(&features);
        let best = (0..4).rev().max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        assert_eq!(column, best, "seed {seed}");
        assert!((f64::from(confidence) - exp[best] / exp.iter().sum::<f64>()).abs() < 1e-6, "seed {seed}");
    }
}

#[test]
fn weights_that_are_not_those_of_the_description_are_refused() {
    let other = FeatureSpec { word_ngrams: 1, ..feature_spec() };
    let table = WeightTable::new(other.clone(), 1, &[0.0; 256], &[0.0]).unwrap();
    let foreign = IntentWeights::new(table, words(&["sort"]), 1.0, "sha256:i".into()).unwrap();
    let refused = compiled(population(), foreign).unwrap_err();
    let expected =
        SnapshotError::IntentFeatures { intent: other.digest(), population: feature_spec().digest() };
    assert_eq!(refused, expected);
    let refused = compiled(population(), intent(&TASKS, 1.0, "sha256:other")).unwrap_err();
    let expected =
        SnapshotError::OtherIntent { named: Some("sha256:i".into()), found: Some("sha256:other".into()) };
    assert_eq!(refused, expected);
    assert!(matches!(
        Snapshot::compile(population(), None, 1),
        Err(SnapshotError::OtherIntent { found: None, .. })
    ));
    let unnamed = compiled(spec(vec![model("a")]), intent(&TASKS, 1.0, "sha256:i"));
    assert!(matches!(unnamed, Err(SnapshotError::OtherIntent { named: None, .. })));
}

#[test]
fn weights_that_mean_nothing_are_refused() {
    let table = || WeightTable::new(feature_spec(), 2, &[0.0; 512], &[0.0; 2]).unwrap();
    let new = |tasks: &[&str], temperature| IntentWeights::new(table(), words(tasks), temperature, "".into());
    assert_eq!(new(&["a"], 1.0).unwrap_err(), IntentError::Tasks { tasks: 1, columns: 2 });
    assert_eq!(new(&["a", "a"], 1.0).unwrap_err(), IntentError::Duplicate("a".into()));
    for temperature in [0.0, -1.0, f32::INFINITY] {
        assert_eq!(new(&["a", "b"], temperature).unwrap_err(), IntentError::Temperature(temperature));
    }
}

#[test]
fn the_digest_covers_the_intent_model_and_its_threshold_and_nothing_where_there_is_none() {
    let digest = |digest: &str, min_confidence| {
        compiled(named(population(), digest, min_confidence), intent(&TASKS, 1.0, digest)).unwrap().digest
    };
    let all = [digest("sha256:a", 0.5), digest("sha256:b", 0.5), digest("sha256:a", 0.6)];
    assert_eq!(HashSet::from(all).len(), 3);
    let json = serde_json::to_value(spec(vec![model("a")])).unwrap();
    assert!(json.get("intent").is_none(), "populations without one keep the digest that they had");
}
