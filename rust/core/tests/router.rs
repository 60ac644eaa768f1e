//! Laws of routing: pure, complete, under the objective, never starving a model.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::chance::Chance;
use common::population::{random_ask, random_snapshot};
use common::{compile, constant_router, features, model, priced, random_features, random_router, spec};
use ecology_core::admission::{Ask, Verdict, admit};
use ecology_core::router::{Basis, Decision, Inputs, NotChosen, decide};
use ecology_core::snapshot::{
    Calibration, Conditions, Mask, Model, ModelIndex, Objective, Platt, Role, RouterWeights, Rule, Snapshot,
    Tier,
};
use ecology_core::text::{Features, WeightTable};
use proptest::prelude::*;

fn route(snapshot: &Snapshot, features: &Features, task: Option<&str>, seed: u64) -> Option<Decision> {
    let verdict = admit(snapshot, &Ask::default(), &Mask::first(snapshot.spec.models.len()));
    decide(snapshot, &Inputs { features, verdict: &verdict, task, tokens_in: 10, explores: true, seed })
}

/// The numbers of a decision down to their bits.
fn bits(decision: &Decision) -> (Vec<(ModelIndex, u32)>, u64) {
    let ranked = decision.ranked.iter().map(|r| (r.model, r.confidence.to_bits())).collect();
    (ranked, decision.propensity.to_bits())
}

fn random_case(seed: u64, models: usize) -> (Arc<Snapshot>, Features, Verdict, Chance) {
    let mut chance = Chance(seed);
    let snapshot = random_snapshot(&mut chance, models);
    let mut ask = random_ask(&mut chance, models);
    if chance.percent(70) {
        ask = Ask::default();
    }
    let verdict = admit(&snapshot, &ask, &Mask::first(models));
    (snapshot, random_features(&mut chance), verdict, chance)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_decision_is_pure_and_ranks_every_eligible_model_once(seed: u64, models in 1..10usize, other_seed: u64) {
        let (snapshot, features, verdict, mut chance) = random_case(seed, models);
        let inputs = Inputs { features: &features, verdict: &verdict, task: Some("sort"), tokens_in: chance.below(90), explores: true, seed: other_seed };
        let Some(decision) = decide(&snapshot, &inputs) else { prop_assert!(verdict.eligible().is_empty()); return Ok(()) };
        let same = random_case(seed, models);
        let again = decide(&same.0, &Inputs { features: &same.1, verdict: &same.2, ..inputs }).unwrap();
        prop_assert_eq!(bits(&decision), bits(&again));
        prop_assert_eq!(&decision, &again);
        let mut ranked: Vec<usize> = decision.ranked.iter().map(|r| usize::from(r.model)).collect();
        ranked.sort_unstable();
        prop_assert_eq!(ranked, verdict.eligible().iter().collect::<Vec<_>>());
        for (place, ranked) in decision.ranked.iter().enumerate() {
            prop_assert!((0.0..=1.0).contains(&ranked.confidence));
            prop_assert_eq!(ranked.not_chosen.is_none(), place == 0);
        }
        prop_assert!(decision.propensity > 0.0 && decision.propensity <= 1.0);
    }

    #[test]
    fn cheapest_takes_the_cheapest_that_reaches_the_target(seed: u64, models in 1..10usize) {
        let (snapshot, features, verdict, _) = random_case(seed, models);
        let mut spec = snapshot.spec.clone();
        spec.routing.objective = Objective::Cheapest;
        spec.routing.exploration_floor = 0.0;
        spec.routing.rules.clear();
        let target = spec.routing.min_decision_confidence;
        let snapshot = Snapshot::compile(spec, snapshot.router.clone(), 1).unwrap();
        let inputs = Inputs { features: &features, verdict: &verdict, task: None, tokens_in: 9, explores: true, seed };
        let Some(decision) = decide(&snapshot, &inputs) else { return Ok(()) };
        let price = |at: usize| {
            let model = &snapshot.spec.models[at];
            (!model.price.known, model.expected_nano_usd(9), model.expected_compute_us())
        };
        let first = decision.chosen();
        let reaching: Vec<usize> = decision.ranked.iter().filter(|r| r.confidence >= target).map(|r| usize::from(r.model)).collect();
        prop_assert_eq!(first.confidence >= target, !reaching.is_empty());
        let cheapest = reaching.iter().map(|at| price(*at)).min();
        if let Some(cheapest) = cheapest {
            prop_assert_eq!(price(usize::from(first.model)), cheapest);
        } else {
            // Doubt: uncalibrated, the fallback; calibrated, the surest.
            let fallback = |at: ModelIndex| snapshot.model(at).role == Role::Fallback;
            let wanted = !decision.basis.calibrated() && decision.ranked.iter().any(|r| fallback(r.model));
            prop_assert!(!wanted || fallback(first.model));
            let rivals = decision.ranked.iter().filter(|r| !wanted || fallback(r.model));
            prop_assert!(rivals.into_iter().all(|r| r.confidence <= first.confidence));
        }
    }

    #[test]
    fn utility_takes_the_highest_confidence_less_weighted_cost(seed: u64, models in 1..10usize) {
        let (snapshot, features, verdict, _) = random_case(seed, models);
        let mut spec = snapshot.spec.clone();
        spec.routing.objective = Objective::Utility;
        spec.routing.exploration_floor = 0.0;
        spec.routing.rules.clear();
        let weight = spec.routing.cost_weight_per_usd;
        let snapshot = Snapshot::compile(spec, snapshot.router.clone(), 1).unwrap();
        let inputs = Inputs { features: &features, verdict: &verdict, task: None, tokens_in: 9, explores: true, seed };
        let Some(decision) = decide(&snapshot, &inputs) else { return Ok(()) };
        let utility = |r: &ecology_core::router::Ranked| f64::from(r.confidence) - weight * r.expected_nano_usd as f64 / 1e9;
        // Of the random models nobody states a latency; what has no price comes after what has one, if prices weigh.
        let unpriced = |r: &ecology_core::router::Ranked| weight > 0.0 && !snapshot.model(r.model).price.known;
        let key = |r| (!unpriced(r), utility(r));
        prop_assert!(decision.ranked.windows(2).all(|pair| key(&pair[0]) >= key(&pair[1])));
    }

    /// Over enough seeds every model is chosen once; the propensities that it is chosen with are one number each, sum to 1,
    /// and none is below the floor.
    #[test]
    fn propensities_sum_to_one_and_keep_the_floor(models in 1..7usize, share in 0.05..1.3f64) {
        let floor = share / models as f64;
        let mut spec = spec((0..models).map(|n| priced(&format!("m{n}"), n as u64)).collect());
        spec.routing.exploration_floor = floor;
        let snapshot = compile(spec);
        let features = Features::default();
        let mut propensity = BTreeMap::new();
        for seed in 0..20_000 {
            let decision = route(&snapshot, &features, None, seed).unwrap();
            let chosen = decision.chosen().model;
            prop_assert_eq!(decision.explored, chosen != 0);
            let known = *propensity.entry(chosen).or_insert(decision.propensity);
            prop_assert_eq!(known.to_bits(), decision.propensity.to_bits());
            if propensity.len() == models && seed > 50 {
                break;
            }
        }
        prop_assert_eq!(propensity.len(), models);
        prop_assert!((propensity.values().sum::<f64>() - 1.0).abs() < 1e-12);
        let least = if models == 1 { 1.0 } else { floor.min(1.0 / models as f64) };
        prop_assert!(propensity.values().all(|p| *p >= least * (1.0 - 1e-12)), "{:?} under {}", propensity, least);
    }

    /// A new model brings its own head; the heads of the others give the very same bits, wherever the new one stands.
    #[test]
    fn a_new_model_leaves_the_others_learned_confidences_alone(seed: u64, models in 1..20usize, at: prop::sample::Index) {
        let mut chance = Chance(seed);
        let population = |n: usize| (0..n).map(|n| priced(&format!("m{n}"), n as u64)).collect::<Vec<Model>>();
        let ids = |models: &[Model]| models.iter().map(|m| Arc::clone(&m.id)).collect::<Vec<_>>();
        let before = population(models);
        let router = random_router(&mut chance, &ids(&before));
        let newcomer = model("newcomer");
        let (mut after, at) = (before.clone(), at.index(models + 1));
        after.insert(at, newcomer);
        let grown = grow(&router, at, ids(&after), &mut chance);
        let features = random_features(&mut chance);
        let confidences = |models: Vec<Model>, router: RouterWeights| -> BTreeMap<Arc<str>, u32> {
            let snapshot = Snapshot::compile(spec(models), Some(router), 1).unwrap();
            let decision = route(&snapshot, &features, None, 0).unwrap();
            assert!(decision.basis.calibrated());
            decision.ranked.iter().map(|r| (Arc::clone(&snapshot.model(r.model).id), r.confidence.to_bits())).collect()
        };
        let old = confidences(before, router);
        let mut new = confidences(after, grown);
        prop_assert!(new.remove("newcomer@1").is_some());
        prop_assert_eq!(new, old);
    }

    #[test]
    fn the_first_rule_that_holds_applies(complexity in 0.0..=1.0f32, first in 0.0..=1.0f32, second in 0.0..=1.0f32) {
        let mut spec = spec(vec![priced("free", 0), priced("a", 5), priced("b", 9)]);
        let rule = |name: &str, min: f32, model: ModelIndex| Rule {
            name: name.into(),
            when: Conditions { min_complexity: Some(min), ..Conditions::default() },
            tier: None,
            model: Some(model),
        };
        spec.routing.rules = vec![rule("first", first, 1), rule("second", second, 2)];
        spec.routing.min_decision_confidence = 0.0;
        let prompt = features(&[("complexity", complexity)], Vec::new(), Vec::new());
        let decision = route(&compile(spec), &prompt, None, 0).unwrap();
        let expected = if complexity >= first { (1, Some("first")) } else if complexity >= second { (2, Some("second")) } else { (0, None) };
        let Basis::Rules(rule) = &decision.basis else { return Err(TestCaseError::fail("calibrated")) };
        prop_assert_eq!((decision.chosen().model, rule.as_deref()), expected);
        let why = if expected.1.is_some() { NotChosen::RulePrefersOther } else { NotChosen::Dearer };
        prop_assert!(decision.ranked[1..].iter().all(|r| r.not_chosen == Some(why)));
    }

    #[test]
    fn a_specialist_out_of_its_niche_does_not_win_without_a_rule(complexity in 0.0..=1.0f32, depth in 0.0..=1.0f32) {
        let specialist = Model { role: Role::Specialist, tasks: common::words(&["sort", "any"]), ..model("specialist") };
        let generalist = Model { role: Role::Fallback, tier: Tier::Large, ..priced("generalist", 1_000) };
        let mut spec = spec(vec![specialist, generalist]);
        let prompt = features(&[("complexity", complexity), ("depth", depth)], Vec::new(), Vec::new());
        let chosen = |spec: &ecology_core::snapshot::SnapshotSpec, task| route(&compile(spec.clone()), &prompt, task, 0).unwrap().chosen().model;
        prop_assert_eq!(chosen(&spec, Some("write")), 1);
        prop_assert_eq!(chosen(&spec, None), 1);
        spec.routing.rules = vec![Rule { name: "mine".into(), when: Conditions::default(), tier: None, model: Some(0) }];
        prop_assert_eq!(chosen(&spec, Some("write")), 0);
    }
}

/// The same router with one more column at `at`.
fn grow(router: &RouterWeights, at: usize, ids: Vec<Arc<str>>, chance: &mut Chance) -> RouterWeights {
    let table = router.table();
    let with = |row: &[f32], number: f32| [&row[..at], &[number], &row[at..]].concat();
    let weights: Vec<f32> =
        table.weights().chunks(table.columns()).flat_map(|row| with(row, chance.unit() as f32)).collect();
    let bias = with(table.bias(), chance.unit() as f32);
    let platt = |each: &Calibration| if let Calibration::Platt(platt) = each { Some(*platt) } else { None };
    let mut calibration: Vec<Platt> = router.calibration().iter().filter_map(platt).collect();
    calibration.insert(at, Platt { slope: 1.5, offset: -0.5 });
    let table = WeightTable::new(table.spec().clone(), table.columns() + 1, &weights, &bias).unwrap();
    RouterWeights::new(table, ids, calibration, "sha256:grown".into()).unwrap()
}

/// A router that does not know everybody steps back: guesses are not ranked beside probabilities.
#[test]
fn a_router_that_knows_only_some_models_leaves_the_decision_to_the_rules() {
    let models = vec![priced("a", 0), priced("b", 5)];
    let knows = constant_router(&[("a@1".into(), 0.2), ("b@1".into(), 0.9)]);
    let ignores = constant_router(&[("a@1".into(), 0.2)]);
    let chosen = |router| {
        let snapshot = Snapshot::compile(spec(models.clone()), Some(router), 1).unwrap();
        let decision = route(&snapshot, &Features::default(), None, 0).unwrap();
        (decision.chosen().model, decision.basis.calibrated())
    };
    assert_eq!((chosen(knows), chosen(ignores)), ((1, true), (0, false)));
}

#[test]
fn uncalibrated_doubt_goes_to_the_fallback_even_if_another_is_surer() {
    let fallback = Model { role: Role::Fallback, ..priced("fallback", 9) };
    let large = Model { tier: Tier::Large, ..priced("large", 0) };
    let mut spec = spec(vec![large, fallback]);
    spec.routing.min_decision_confidence = 0.99;
    let decision = route(&compile(spec.clone()), &Features::default(), None, 0).unwrap();
    assert_eq!(decision.chosen().model, 1);
    assert!(decision.ranked[1].confidence > decision.chosen().confidence);
    assert_eq!(decision.ranked[1].not_chosen, Some(NotChosen::DoubtGoesToFallback));
    let router = constant_router(&[("large@1".into(), 0.6), ("fallback@1".into(), 0.5)]);
    let learned = Snapshot::compile(spec, Some(router), 1).unwrap();
    assert_eq!(route(&learned, &Features::default(), None, 0).unwrap().chosen().model, 0);
}
