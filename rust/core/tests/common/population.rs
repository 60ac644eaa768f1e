//! Random populations: every field that a request can meet, each drawn from so few values that they meet often.

use std::sync::Arc;

use ecology_core::admission::Ask;
use ecology_core::budget::{Limits, Resource};
use ecology_core::journey::Request;
use ecology_core::snapshot::{
    Conditions, Doubt, LowConfidence, Model, ModelIndex, Objective, PlanSpec, Price, Risk, Role, Rule,
    Snapshot, SnapshotSpec, Stage, Tier,
};

use super::chance::Chance;
use super::{MS, limit, model, random_features, random_router, request, spec, words};

pub(crate) const ACCOUNTS: [&str; 4] = ["", "acme", "acme/web", "acme/web/key"];

/// A model whose contract and price are drawn; active and answering in nine of ten cases.
pub(crate) fn random_model(chance: &mut Chance, at: usize, of: usize) -> Model {
    let odd = |chance: &mut Chance| chance.percent(10);
    let any_of = |chance: &mut Chance, values: &[&str]| match chance.below(3) {
        0 => chance.some(&words(values), 50),
        _ => words(&["any"]),
    };
    let mut model = model(&format!("m{at}"));
    model.role = *chance.pick(&[Role::Champion, Role::Challenger, Role::Specialist, Role::Fallback]);
    if odd(chance) {
        model.role = *chance.pick(&[Role::Router, Role::Judge, Role::Memory]);
    }
    if odd(chance) {
        model.stage = *chance.pick(&[Stage::Candidate, Stage::Shadow, Stage::Archived, Stage::Quarantined]);
    }
    model.tier = *chance.pick(&[Tier::Small, Tier::Medium, Tier::Large]);
    model.timeout_ms = *chance.pick(&[1, 5, 20, 100]);
    model.fallback = chance.percent(40).then(|| chance.below(of as u64) as ModelIndex);
    model.tasks = any_of(chance, &["sort", "write", "any"]);
    model.languages = any_of(chance, &["en", "de"]);
    model.modalities = any_of(chance, &["text", "image"]);
    model.data_classes = any_of(chance, &["public", "personal"]);
    model.jurisdictions = any_of(chance, &["eu", "us"]);
    model.max_input_bytes = *chance.pick(&[100, 1_000, 10_000]);
    model.labels = if chance.percent(40) { words(&["yes", "no"]) } else { Vec::new() };
    model.denied_by = odd(chance).then(|| "deny: m*".into());
    model.privileges_missing = if odd(chance) { words(&["network"]) } else { Vec::new() };
    model.price = Price {
        known: !odd(chance),
        per_call: *chance.pick(&[0, 0, 10, 1_000]),
        per_token_in: *chance.pick(&[0.0, 0.5]),
        per_token_out: *chance.pick(&[0.0, 2.0]),
        per_compute_ms: *chance.pick(&[0.0, 3.0]),
    };
    model.max_output_tokens = *chance.pick(&[0, 8, 100]);
    model.expected_compute_ms = chance.percent(50).then(|| chance.unit());
    model
}

pub(crate) fn random_plan(chance: &mut Chance, models: usize) -> PlanSpec {
    let named = |chance: &mut Chance| chance.percent(30).then(|| chance.below(models as u64) as ModelIndex);
    let max_fallbacks = chance.below(4) as u8;
    let threshold = *chance.pick(&[0.0, 0.5, 0.9, 1.0]);
    match chance.below(3) {
        0 => PlanSpec::Direct { max_fallbacks, model: named(chance) },
        1 => {
            let weights = [chance.unit(), chance.unit() + 0.01];
            PlanSpec::Cascade {
                first: named(chance),
                then: named(chance),
                leg_confidence: threshold,
                average: chance.percent(50).then_some(weights),
            }
        }
        _ => {
            let coalition = 2 + chance.below(3) as u8;
            PlanSpec::Adaptive { decision_confidence: threshold, coalition, max_fallbacks }
        }
    }
}

fn random_doubt(chance: &mut Chance) -> Option<Doubt> {
    let fail = *chance.pick(&[LowConfidence::Closed, LowConfidence::Abstain]);
    let answer_confidence = *chance.pick(&[0.0, 0.5, 0.9, 1.0]);
    chance.percent(20).then_some(Doubt { answer_confidence, fail })
}

/// A population with plans, rules, limits and exploration.
pub(crate) fn random_spec(chance: &mut Chance, models: usize) -> SnapshotSpec {
    let mut spec = spec((0..models).map(|at| random_model(chance, at, models)).collect());
    spec.default_plan = random_plan(chance, models);
    spec.plans = ["sort", "write"].map(|task| (task.into(), random_plan(chance, models))).into();
    spec.default_doubt = random_doubt(chance);
    spec.doubts = ["sort", "write"]
        .into_iter()
        .filter_map(|task| random_doubt(chance).map(|doubt| (task.into(), doubt)))
        .collect();
    spec.baseline = chance.percent(50).then(|| chance.below(models as u64) as ModelIndex);
    spec.routing.objective = *chance.pick(&[Objective::Cheapest, Objective::Utility]);
    spec.routing.cost_weight_per_usd = *chance.pick(&[0.0, 1e5]);
    spec.routing.latency_weight_per_ms = *chance.pick(&[0.0, 1e-3]);
    spec.routing.min_decision_confidence = *chance.pick(&[0.3, 0.7, 0.9]);
    spec.routing.exploration_floor = *chance.pick(&[0.0, 0.02, 0.2, 0.2]);
    spec.routing.explore_up_to_risk =
        *chance.pick(&[None, Some(Risk::Low), Some(Risk::High), Some(Risk::High)]);
    spec.routing.learning.enabled = chance.percent(30);
    spec.defaults.risk = *chance.pick(&[Risk::Low, Risk::Low, Risk::Medium]);
    if chance.percent(40) {
        let when = Conditions { min_complexity: Some(0.5), ..Conditions::default() };
        let model = chance.percent(50).then(|| chance.below(models as u64) as ModelIndex);
        spec.routing.rules =
            vec![Rule { name: "hard".into(), when, tier: model.is_none().then_some(Tier::Large), model }];
    }
    spec.defaults.task = chance.percent(30).then(|| "sort".into());
    for account in &ACCOUNTS[1..] {
        for resource in Resource::ALL {
            if chance.percent(15) {
                limit(&mut spec, account, resource.name(), chance.below(3_000_000));
            }
        }
    }
    spec
}

/// A snapshot of it, with a learned router in half of the cases; that one may know only some models.
pub(crate) fn random_snapshot(chance: &mut Chance, models: usize) -> Arc<Snapshot> {
    let spec = random_spec(chance, models);
    let router = chance.percent(50).then(|| {
        let ids: Vec<Arc<str>> = spec.models.iter().map(|model| Arc::clone(&model.id)).collect();
        let known = if chance.percent(80) { ids } else { chance.some(&ids, 70) };
        random_router(chance, &known)
    });
    Arc::new(Snapshot::compile(spec, router, chance.below(100)).expect("a random spec is a valid one"))
}

/// What a request may state; each constraint is unstated in most cases.
pub(crate) fn random_ask(chance: &mut Chance, models: usize) -> Ask {
    let maybe =
        |chance: &mut Chance, values: &[&str]| chance.percent(30).then(|| Arc::from(*chance.pick(values)));
    Ask {
        task: maybe(chance, &["sort", "write", "sing", "any"]),
        language: maybe(chance, &["en", "fr"]),
        modality: maybe(chance, &["text", "image"]),
        data_class: maybe(chance, &["public", "personal"]),
        jurisdiction: maybe(chance, &["eu", "br"]),
        risk: chance.percent(30).then(|| *chance.pick(&Risk::ALL)),
        model: chance.percent(10).then(|| {
            let name = format!("m{}", chance.below(models as u64 + 1));
            if chance.percent(50) { name.into() } else { format!("{name}@1").into() }
        }),
        input_bytes: *chance.pick(&[0, 100, 500, 1_000, 1_001]),
        money_is_limited: chance.percent(30),
    }
}

/// A request that arrives at `now_ns`.
pub(crate) fn random_request(chance: &mut Chance, models: usize, now_ns: u64) -> Request {
    let mut request = request(random_features(chance));
    request.ask = random_ask(chance, models);
    // Mostly something that somebody can serve.
    if chance.percent(70) {
        request.ask = Ask { input_bytes: 50, ..Ask::default() };
    }
    request.account = (*chance.pick(&ACCOUNTS)).into();
    if chance.percent(25) {
        // Near the worst case of a leg or two, so that the second is sometimes one too many.
        let resource = *chance.pick(&Resource::ALL);
        let most = [4_000, 120, 200, 200_000][resource as usize];
        request.limits = Some(Limits::default().with(resource, chance.below(most)));
    }
    request.tokens_in = chance.below(50);
    request.started_ns = now_ns;
    request.deadline_ns = now_ns + *chance.pick(&[0, MS, 10 * MS, 30 * MS, 300 * MS]);
    request.seed = chance.next();
    request
}
