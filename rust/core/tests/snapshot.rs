//! Laws of the snapshot: its digest says what it is, a swap loses nothing, and what cannot be compiled is refused by name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a law that cannot be checked fails")]

mod common;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;

use common::chance::Chance;
use common::population::{random_request, random_snapshot, random_spec};
use common::simulator::carry;
use common::{compile, constant_router, limit, model, random_router, spec};
use ecology_core::budget::{Amounts, Resource};
use ecology_core::journey::Live;
use ecology_core::snapshot::{
    Doubt, LowConfidence, MAX_MODELS, Model, PlanSpec, Rule, Snapshot, SnapshotError, SnapshotSpec,
};
use ecology_core::text::FeatureSpec;
use serde_json::Value as Json;

/// A spec in which every optional field is present somewhere.
fn full_spec() -> SnapshotSpec {
    let mut spec = random_spec(&mut Chance(3), 4);
    let model = &mut spec.models[0];
    model.fallback = Some(1);
    model.denied_by = Some("deny: m*".into());
    (model.expected_latency_ms, model.expected_compute_ms) = (Some(2.0), Some(1.0));
    model.labels = common::words(&["yes", "no"]);
    model.privileges_missing = common::words(&["network"]);
    spec.baseline = Some(0);
    spec.default_plan =
        PlanSpec::Cascade { first: Some(0), then: Some(1), leg_confidence: 0.5, average: None };
    spec.plans.insert(
        "named".into(),
        PlanSpec::Cascade { first: None, then: None, leg_confidence: 0.5, average: Some([0.25, 0.75]) },
    );
    spec.plans.insert("one".into(), PlanSpec::Direct { max_fallbacks: 0, model: Some(1) });
    let doubt = Doubt { answer_confidence: 0.5, fail: LowConfidence::Closed };
    spec.doubts.insert("one".into(), doubt);
    spec.default_doubt = Some(doubt);
    spec.routing.latency_weight_per_ms = 0.5;
    limit(&mut spec, "acme", "nano_usd", 5);
    spec
}

/// Every JSON that differs from `json` in one place.
fn changed(json: &Json) -> Vec<Json> {
    let words =
        ["other", "shadow", "judge", "large", "small", "utility", "cheapest", "reported", "full", "none"];
    match json {
        Json::Null => vec![Json::from(1), Json::from("other"), Json::from(0.25)],
        Json::Bool(flag) => vec![Json::from(!flag)],
        Json::Number(n) => {
            vec![Json::from(n.as_u64().map_or(0, |n| n ^ 1)), Json::from(n.as_f64().unwrap() * 0.5)]
        }
        Json::String(_) => words.map(Json::from).into_iter().filter(|word| word != json).collect(),
        Json::Array(items) => {
            let without = (0..items.len()).map(|at| [&items[..at], &items[at + 1..]].concat());
            let inside = items.iter().enumerate().flat_map(|(at, item)| {
                changed(item).into_iter().map(move |new| [&items[..at], &[new], &items[at + 1..]].concat())
            });
            without.chain(inside).map(Json::from).collect()
        }
        Json::Object(map) => {
            let mut all = Vec::new();
            for (key, value) in map {
                let mut without = map.clone();
                without.remove(key);
                all.push(Json::Object(without));
                for new in changed(value) {
                    let mut with = map.clone();
                    with.insert(key.clone(), new);
                    all.push(Json::Object(with));
                }
            }
            all
        }
    }
}

#[test]
fn every_change_of_a_spec_changes_the_digest() {
    let spec = full_spec();
    let json = serde_json::to_value(&spec).unwrap();
    let compiled = |json: &Json| Snapshot::from_json(&json.to_string(), None, 1);
    let original = compiled(&json).unwrap();
    let mut digests = HashSet::from([Arc::clone(&original.digest)]);
    let mut specs = vec![original.spec];
    for other in changed(&json) {
        let Ok(snapshot) = compiled(&other) else { continue };
        // A missing optional field is the same spec as one that is null.
        if !specs.contains(&snapshot.spec) {
            assert!(digests.insert(Arc::clone(&snapshot.digest)), "the digest misses a change:\n{other}");
            specs.push(snapshot.spec);
        }
    }
    assert!(specs.len() > 500, "only {} changes compiled", specs.len());
}

#[test]
fn the_digest_is_of_the_meaning_not_of_the_writing_or_the_generation() {
    let spec = full_spec();
    let digest = |json: &str, generation| Snapshot::from_json(json, None, generation).unwrap().digest;
    let plain = serde_json::to_string(&spec).unwrap();
    // As a `Value`, keys are sorted: another order than that of the struct.
    let other = serde_json::to_string_pretty(&serde_json::to_value(&spec).unwrap()).unwrap();
    assert_ne!(plain, other);
    assert_eq!(digest(&plain, 1), digest(&other, 2));
    assert_eq!(digest(&plain, 1), compile(spec).digest);
}

#[test]
fn the_digest_covers_the_weights_of_the_router() {
    let ids = ["a@1".into(), "b@1".into()];
    let digest = |seed: Option<u64>| {
        let router = seed.map(|seed| random_router(&mut Chance(seed), &ids));
        Snapshot::compile(spec(vec![model("a"), model("b")]), router, 1).unwrap().digest
    };
    assert_eq!(digest(Some(1)), digest(Some(1)));
    assert_eq!(HashSet::from([digest(None), digest(Some(1)), digest(Some(2))]).len(), 3);
}

/// Populations come and go while other threads serve from whatever is current.
#[test]
fn a_journey_ends_under_the_snapshot_it_began_with() {
    const THREADS: u64 = 3;
    let snapshots: Vec<_> = (0..8).map(|seed| random_snapshot(&mut Chance(seed), 4)).collect();
    let live = Arc::new(Live::new());
    live.adopt(&snapshots[0]);
    let current = Mutex::new(Arc::clone(&snapshots[0]));
    let served: usize = thread::scope(|scope| {
        let serve = |thread: u64| {
            let (mut chance, mut rides, mut generations) = (Chance(thread), 0, HashSet::new());
            let mut now_ns = 0;
            // At least one swap under load, however busy the machine is.
            while rides < 1_000 || generations.len() < 2 {
                now_ns += 1_000;
                let began = Arc::clone(&current.lock().unwrap());
                let request = random_request(&mut chance, 4, now_ns);
                let Ok(ride) = carry(&began, &live, request, &mut chance) else { continue };
                assert!(Arc::ptr_eq(&ride.finished.routed.snapshot, &began));
                rides += 1;
                generations.insert(Arc::clone(&began.digest));
            }
            rides
        };
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || serve(n))).collect();
        let mut swaps = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            swaps += 1;
            let next = &snapshots[swaps % snapshots.len()];
            live.adopt(next);
            *current.lock().unwrap() = Arc::clone(next);
            thread::yield_now();
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let reserved: u64 =
        live.accounts.all().iter().flat_map(|a| Resource::ALL.map(|r| a.standing(r).reserved)).sum();
    let requests: u64 =
        live.counters.all().iter().filter(|(key, _)| key.role == "overhead").map(|(_, t)| t.calls).sum();
    assert_eq!((reserved, requests), (0, served as u64));
}

#[test]
fn limits_adopted_at_a_swap_keep_what_was_spent_and_what_is_held() {
    let with_limit = |most: Option<u64>| {
        let mut spec = spec(vec![model("a")]);
        most.into_iter().for_each(|most| limit(&mut spec, "acme", "nano_usd", most));
        compile(spec)
    };
    let live = Live::new();
    live.adopt(&with_limit(Some(100)));
    let path = live.accounts.path("acme", None);
    path.reserve(Amounts::of(Resource::NanoUsd, 60)).unwrap().settle(Amounts::of(Resource::NanoUsd, 50));
    let held = path.reserve(Amounts::of(Resource::NanoUsd, 30)).unwrap();
    let account = live.accounts.get("acme").unwrap();
    for (limit, headroom) in [(Some(200), Some(120)), (Some(60), Some(0)), (None, None), (Some(90), Some(10))]
    {
        live.adopt(&with_limit(limit));
        let standing = account.standing(Resource::NanoUsd);
        assert_eq!((standing.limit, standing.committed, standing.reserved), (limit, 50, 30));
        assert_eq!(live.accounts.path("acme", None).headroom(Resource::NanoUsd), headroom);
    }
    held.settle(Amounts::of(Resource::NanoUsd, 30));
    assert_eq!(account.standing(Resource::NanoUsd).committed, 80);
}

/// A change of a valid spec, and whether an error is the right one for it.
type Wrong = (&'static str, fn(&mut SnapshotSpec), fn(&SnapshotError) -> bool);

#[test]
fn what_cannot_be_compiled_is_refused_by_name() {
    use SnapshotError as E;
    let cases: [Wrong; 13] = [
        (
            "duplicate id",
            |s| s.models[1].id = "a@1".into(),
            |e| matches!(e, E::Duplicate(id) if &**id == "a@1"),
        ),
        (
            "fallback",
            |s| s.models[1].fallback = Some(2),
            |e| matches!(e, E::NoSuchModel { place, index: 2, models: 2 } if place.contains("b@1")),
        ),
        (
            "baseline",
            |s| s.baseline = Some(9),
            |e| matches!(e, E::NoSuchModel { place, index: 9, .. } if place == "baseline"),
        ),
        (
            "rule",
            |s| {
                s.routing.rules.push(Rule {
                    name: "r".into(),
                    when: Default::default(),
                    tier: None,
                    model: Some(2),
                })
            },
            |e| matches!(e, E::NoSuchModel { place, .. } if place == "rule r"),
        ),
        (
            "first",
            |s| {
                s.default_plan =
                    PlanSpec::Cascade { first: Some(2), then: None, leg_confidence: 0.5, average: None }
            },
            |e| matches!(e, E::NoSuchModel { place, .. } if place.contains("cascade")),
        ),
        (
            "then",
            |s| {
                s.plans.insert(
                    "t".into(),
                    PlanSpec::Cascade { first: None, then: Some(2), leg_confidence: 0.5, average: None },
                );
            },
            |e| matches!(e, E::NoSuchModel { place, .. } if place.contains("cascade")),
        ),
        (
            "direct",
            |s| s.default_plan = PlanSpec::Direct { max_fallbacks: 0, model: Some(2) },
            |e| matches!(e, E::NoSuchModel { place, .. } if place == "a direct plan"),
        ),
        (
            "weights",
            |s| {
                s.default_plan = PlanSpec::Cascade {
                    first: None,
                    then: None,
                    leg_confidence: 0.5,
                    average: Some([0.0, 0.0]),
                }
            },
            |e| matches!(e, E::Weights(_)),
        ),
        (
            "weights below 0",
            |s| {
                s.default_plan = PlanSpec::Cascade {
                    first: None,
                    then: None,
                    leg_confidence: 0.5,
                    average: Some([2.0, -1.0]),
                }
            },
            |e| matches!(e, E::Weights(_)),
        ),
        (
            "weights whose sum is none",
            |s| {
                s.default_plan = PlanSpec::Cascade {
                    first: None,
                    then: None,
                    leg_confidence: 0.5,
                    average: Some([f64::MAX, f64::MAX]),
                }
            },
            |e| matches!(e, E::Weights(_)),
        ),
        (
            "resource",
            |s| limit(s, "acme", "bananas", 1),
            |e| matches!(e, E::UnknownResource { account, resource } if account == "acme" && resource == "bananas"),
        ),
        ("features", |s| s.features.buckets_log2 = 99, |e| matches!(e, E::Features(_))),
        (
            "too many",
            |s| s.models = (0..=MAX_MODELS).map(|n| model(&format!("m{n}"))).collect(),
            |e| matches!(e, E::TooManyModels(n) if *n == MAX_MODELS + 1),
        ),
    ];
    for (name, change, right) in cases {
        let mut spec = spec(vec![model("a"), model("b")]);
        change(&mut spec);
        let error = Snapshot::compile(spec, None, 1).expect_err(name);
        assert!(right(&error), "{name}: {error}");
    }
    let most: Vec<Model> = (0..MAX_MODELS).map(|n| model(&format!("m{n}"))).collect();
    assert!(Snapshot::compile(spec(most), None, 1).is_ok());
    let mut other = spec(vec![model("a")]);
    other.features = FeatureSpec { buckets_log2: 9, ..common::feature_spec() };
    let mismatch = Snapshot::compile(other, Some(constant_router(&[("a@1".into(), 0.5)])), 1).unwrap_err();
    assert!(matches!(mismatch, E::FeatureMismatch { router, population } if router != population));
}

/// Wherever an unknown key stands, at any depth, the text is refused and says so.
#[test]
fn unknown_keys_are_refused_at_every_depth() {
    fn objects(json: &Json, path: String, all: &mut Vec<String>) {
        match json {
            Json::Object(map) => {
                all.push(path.clone());
                map.iter().for_each(|(key, value)| {
                    objects(value, format!("{path}/{}", key.replace('/', "~1")), all)
                });
            }
            Json::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| objects(item, format!("{path}/{at}"), all));
            }
            _ => {}
        }
    }
    let mut spec = full_spec();
    spec.routing.rules =
        vec![Rule { name: "r".into(), when: Default::default(), tier: None, model: Some(0) }];
    let json = serde_json::to_value(&spec).unwrap();
    let mut places = Vec::new();
    objects(&json, String::new(), &mut places);
    // Maps whose keys are the user's own: plans and doubts by task, accounts by path.
    places.retain(|place| !["/plans", "/accounts", "/doubts"].contains(&place.as_str()));
    assert!(places.len() > 15, "{places:?}");
    for place in places {
        let mut wrong = json.clone();
        wrong.pointer_mut(&place).unwrap()["surprise"] = Json::from(1);
        match Snapshot::from_json(&wrong.to_string(), None, 1) {
            Err(SnapshotError::Syntax(words)) => assert!(words.contains("surprise"), "{place}: {words}"),
            Err(SnapshotError::UnknownResource { resource, .. }) => {
                assert_eq!(resource, "surprise", "{place}")
            }
            other => panic!("{place}: {other:?}"),
        }
    }
    let cut = json.to_string();
    assert!(matches!(Snapshot::from_json(&cut[..cut.len() - 1], None, 1), Err(SnapshotError::Syntax(_))));
}
