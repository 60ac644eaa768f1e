//! Builders of models, specs, prompts and routers that the laws and the benches share.

#![allow(dead_code, reason = "each test binary and each bench uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a builder that fails is a failing test"
)]

pub(crate) mod chance;
pub(crate) mod factored;
pub(crate) mod population;
pub(crate) mod simulator;

use std::collections::BTreeMap;
use std::sync::Arc;

use ecology_core::admission::Ask;
use ecology_core::journey::Request;
use ecology_core::leg::{Reply, Usage};
use ecology_core::snapshot::{
    Defaults, DigestKind, Learning, LogText, Model, Objective, PlanSpec, Platt, Price, Risk, Role,
    RouterWeights, Routing, Snapshot, SnapshotSpec, Stage, Tier,
};
use ecology_core::text::{FeatureSpec, Features, Signals, WeightTable};

pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn words(words: &[&str]) -> Vec<Arc<str>> {
    words.iter().map(|word| Arc::from(*word)).collect()
}

/// An active small champion that accepts anything, costs nothing and has a second.
pub(crate) fn model(name: &str) -> Model {
    Model {
        id: format!("{name}@1").into(),
        name: name.into(),
        digest: "sha256:00".into(),
        digest_kind: DigestKind::Declared,
        role: Role::Champion,
        tier: Tier::Small,
        stage: Stage::Active,
        family: name.into(),
        timeout_ms: 1_000,
        fallback: None,
        tasks: words(&["any"]),
        languages: words(&["any"]),
        modalities: words(&["any"]),
        data_classes: words(&["any"]),
        jurisdictions: words(&["any"]),
        max_input_bytes: 1 << 20,
        labels: Vec::new(),
        denied_by: None,
        privileges_missing: Vec::new(),
        price: Price { known: true, ..Price::default() },
        max_output_tokens: 0,
        expected_latency_ms: None,
        expected_compute_ms: None,
    }
}

/// The same at a price per call.
pub(crate) fn priced(name: &str, per_call: u64) -> Model {
    Model { price: Price { known: true, per_call, ..Price::default() }, ..model(name) }
}

/// The smallest features: tables stay small.
pub(crate) fn feature_spec() -> FeatureSpec {
    FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() }
}

/// The plainest policy for such models: `direct` without fallbacks, no rules, no exploration.
pub(crate) fn spec(models: Vec<Model>) -> SnapshotSpec {
    SnapshotSpec {
        name: "laws".into(),
        features: feature_spec(),
        models,
        defaults: Defaults { deadline_ms: 1_000.0, ..Defaults::default() },
        max_input_bytes: 1 << 20,
        max_events: 16,
        routing: Routing {
            objective: Objective::Cheapest,
            min_decision_confidence: 0.7,
            cost_weight_per_usd: 0.0,
            latency_weight_per_ms: 0.0,
            exploration_floor: 0.0,
            explore_up_to_risk: Some(Risk::Low),
            learning: Learning::default(),
            rules: Vec::new(),
        },
        intent: None,
        plans: BTreeMap::new(),
        default_plan: PlanSpec::Direct { max_fallbacks: 0, model: None },
        doubts: BTreeMap::new(),
        default_doubt: None,
        accounts: BTreeMap::new(),
        baseline: None,
        log_text: LogText::Features,
    }
}

pub(crate) fn compile(spec: SnapshotSpec) -> Arc<Snapshot> {
    Arc::new(Snapshot::compile(spec, None, 1).unwrap())
}

/// Adds a limit to an account of a spec.
pub(crate) fn limit(spec: &mut SnapshotSpec, account: &str, resource: &str, most: u64) {
    spec.accounts.entry(account.to_owned()).or_default().insert(resource.to_owned(), most);
}

/// Features with these signals (names that this release does not know are left out) and n-grams.
pub(crate) fn features(signals: &[(&str, f32)], indices: Vec<u32>, values: Vec<f32>) -> Features {
    let known: BTreeMap<&str, f32> =
        signals.iter().copied().filter(|(name, _)| Signals::NAMES.contains(name)).collect();
    let all = serde_json::json!({"signals": known, "indices": indices, "values": values});
    serde_json::from_value(all).unwrap()
}

/// Any prompt.
pub(crate) fn random_features(chance: &mut chance::Chance) -> Features {
    let n = chance.below(12) as usize;
    let signals = [
        ("complexity", chance.unit() as f32),
        ("depth", chance.unit() as f32),
        ("words", chance.below(50) as f32),
        ("steps", chance.below(4) as f32),
        ("code", chance.below(2) as f32),
        ("maths", chance.below(2) as f32),
        ("tools", chance.below(2) as f32),
    ];
    let indices = (0..n).map(|_| chance.below(256) as u32).collect();
    let values = (0..n).map(|_| chance.unit() as f32).collect();
    features(&signals, indices, values)
}

/// A request at time 0 that states nothing and has a second.
pub(crate) fn request(features: Features) -> Request {
    Request {
        ask: Ask::default(),
        features: Arc::new(features),
        text: None,
        account: "".into(),
        limits: None,
        tokens_in: 10,
        started_ns: 0,
        deadline_ns: 1_000 * MS,
        seed: 0,
    }
}

/// A router with random weights for these models.
pub(crate) fn random_router(chance: &mut chance::Chance, ids: &[Arc<str>]) -> RouterWeights {
    let columns = ids.len();
    let spec = feature_spec();
    let mut number = |scale: f64| ((chance.unit() - 0.5) * scale) as f32;
    let weights: Vec<f32> = (0..spec.buckets() * columns).map(|_| number(4.0)).collect();
    let bias: Vec<f32> = (0..columns).map(|_| number(6.0)).collect();
    let calibration = (0..columns).map(|_| Platt { slope: 1.0 + number(1.0), offset: number(1.0) }).collect();
    let digest = format!("sha256:{:016x}", chance.next()).into();
    let table = WeightTable::new(spec, columns, &weights, &bias).unwrap();
    RouterWeights::new(table, ids.to_vec(), calibration, digest).unwrap()
}

/// A router that gives each model the same confidence for every prompt.
pub(crate) fn constant_router(confidences: &[(Arc<str>, f32)]) -> RouterWeights {
    let columns = confidences.len();
    let spec = feature_spec();
    let bias: Vec<f32> = confidences.iter().map(|(_, p)| (p / (1.0 - p)).ln()).collect();
    let table = WeightTable::new(spec.clone(), columns, &vec![0.0; spec.buckets() * columns], &bias).unwrap();
    let ids = confidences.iter().map(|(id, _)| Arc::clone(id)).collect();
    let calibration = vec![Platt { slope: 1.0, offset: 0.0 }; columns];
    RouterWeights::new(table, ids, calibration, "sha256:constant".into()).unwrap()
}

/// A label with a leg confidence.
pub(crate) fn reply(label: &str, confidence: Option<f32>) -> Reply {
    let usage = Usage { compute_ns: 1_000, ..Usage::default() };
    Reply { confidence, usage, ..ecology_core::Value::from(label).into() }
}
