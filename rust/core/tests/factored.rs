//! Laws of a factored router: it is what its formula says, a head is all that is known of a model, and no number breaks it.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::Arc;

use common::chance::Chance;
use common::factored::{calibration, heads, numbers, random_parts};
use common::random_features;
use ecology_core::snapshot::{
    Calibration, Expected, FactoredParts, Group, Heads, ModelHead, Platt, RouterWeights, RouterWeightsError,
};
use ecology_core::text::{FeatureSpec, Features, WeightTable};
use proptest::prelude::*;

fn ids(models: usize) -> Vec<Arc<str>> {
    (0..models).map(|n| Arc::from(format!("m{n}@1"))).collect()
}

fn router(parts: &FactoredParts, models: usize) -> RouterWeights {
    RouterWeights::factored(parts, ids(models), "sha256:some".into()).unwrap()
}

fn basis(router: &RouterWeights, features: &Features) -> Vec<f32> {
    let mut basis = vec![f32::NAN; 3];
    router.basis_into(features, &mut basis);
    basis
}

fn scores(router: &RouterWeights, basis: &[f32]) -> Vec<f32> {
    let mut scores = vec![f32::NAN; router.models().len()];
    router.scores_into(basis, &mut scores);
    scores
}

fn expectations(router: &RouterWeights, basis: &[f32]) -> Vec<Expected> {
    let stale = Expected { cost_nano_usd: Some(1), latency_ms: Some(1.0) };
    let mut expected = vec![stale; router.models().len()];
    router.expected_into(basis, &mut expected);
    expected
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// The formula in f64, one number at a time.
fn twin_basis(parts: &FactoredParts, features: &Features) -> Vec<f64> {
    let (k, weights) = (parts.projection.columns(), parts.projection.weights());
    let pairs: Vec<(usize, f64)> =
        features.indices.iter().zip(&features.values).map(|(i, v)| (*i as usize, f64::from(*v))).collect();
    let column = |column: usize| {
        let sum: f64 =
            pairs.iter().map(|(index, value)| value * f64::from(weights[index * k + column])).sum();
        f64::from(parts.projection.bias()[column]) + sum
    };
    let z: Vec<f64> = (0..k).map(column).collect();
    let mut basis = z.clone();
    for group in &parts.groups {
        let exponentials: Vec<f64> =
            (0..group.heads.bias.len()).map(|member| dot(&group.heads, member, &z).exp()).collect();
        let all: f64 = exponentials.iter().sum();
        basis.extend(exponentials.iter().map(|each| each / all));
    }
    basis
}

fn dot(heads: &Heads, head: usize, input: &[f64]) -> f64 {
    let row = &heads.weights[head * input.len()..][..input.len()];
    f64::from(heads.bias[head]) + row.iter().zip(input).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn scores_and_expectations_are_what_the_formula_says(seed: u64, models in 1..40usize, k in 1..20usize, groups in prop::collection::vec(1..20usize, 0..3)) {
        let mut chance = Chance(seed);
        let parts = random_parts(&mut chance, models, (k, &groups));
        let router = router(&parts, models);
        let features = random_features(&mut chance);
        let basis = basis(&router, &features);
        let twin = twin_basis(&parts, &features);
        prop_assert_eq!((basis.len(), router.basis()), (twin.len(), twin.len()));
        for (mine, theirs) in basis.iter().zip(&twin) {
            prop_assert!((f64::from(*mine) - theirs).abs() < 1e-3, "{mine} {theirs}");
        }
        let mut raw = vec![0.0; models];
        router.raw_into(&basis, &mut raw);
        let expected = expectations(&router, &basis);
        for (model, score) in scores(&router, &basis).iter().enumerate() {
            prop_assert!((f64::from(raw[model]) - dot(&parts.heads, model, &twin)).abs() < 1e-2);
            prop_assert_eq!(score.to_bits(), parts.calibration[model].probability(raw[model]).to_bits());
            prop_assert_eq!(router.expected(&basis, model), expected[model]);
            let (cost, latency) = (parts.cost.as_ref().unwrap(), parts.latency.as_ref().unwrap());
            prop_assert_eq!(expected[model].cost_nano_usd.is_some(), cost.known[model]);
            if let (Some(nano_usd), Some(ms)) = (expected[model].cost_nano_usd, expected[model].latency_ms) {
                let (usd, theirs) = (dot(&cost.heads, model, &twin).exp(), dot(&latency.heads, model, &twin).exp());
                prop_assert!((nano_usd as f64 / 1e9 - usd).abs() < 1e-2 * usd + 2e-9, "{nano_usd} {usd}");
                prop_assert!((f64::from(ms) - theirs).abs() < 1e-2 * theirs, "{ms} {theirs}");
            }
        }
    }

    #[test]
    fn parts_come_back_and_a_decision_is_the_same_from_them(seed: u64, models in 1..20usize, k in 1..9usize) {
        let mut chance = Chance(seed);
        let parts = random_parts(&mut chance, models, (k, &[3, 5]));
        let first = router(&parts, models);
        prop_assert_eq!(first.parts().unwrap(), parts);
        let features = random_features(&mut chance);
        let again = router(&first.parts().unwrap(), models);
        prop_assert_eq!(bits(&basis(&first, &features)), bits(&basis(&again, &features)));
    }

    /// What one model has over another is the sum of its parts.
    #[test]
    fn contributions_add_up_to_the_difference(seed: u64, models in 2..20usize, a: prop::sample::Index, b: prop::sample::Index) {
        let mut chance = Chance(seed);
        let parts = random_parts(&mut chance, models, (4, &[3, 5]));
        let (router, features) = (router(&parts, models), random_features(&mut chance));
        let (basis, a, b) = (basis(&router, &features), a.index(models), b.index(models));
        for other in [Some(b), None] {
            let taken = router.contributions(&basis, a, other);
            prop_assert_eq!(taken.blocks.iter().map(|block| &*block.name).collect::<Vec<_>>(), ["text", "group0", "group1"]);
            prop_assert_eq!(taken.blocks[1].members.len(), 3);
            let sum: f32 = taken.blocks.iter().flat_map(|block| &block.contributions).sum();
            prop_assert!((taken.bias + sum - taken.difference).abs() < 1e-3, "{taken:?}");
        }
    }

    /// Turning the models round turns the sign; where calibration is level, the raw scores still tell prompts apart.
    #[test]
    fn a_gain_is_antisymmetric_and_ties_nothing(seed: u64, kind in 0..3usize) {
        let mut chance = Chance(seed);
        let mut parts = random_parts(&mut chance, 2, (4, &[3]));
        parts.calibration = vec![calibration(&mut chance, kind); 2];
        let router = router(&parts, 2);
        let gains: Vec<f32> = (0..9).map(|_| {
            let basis = basis(&router, &random_features(&mut chance));
            let (gain, back) = (router.gain(&basis, 0, 1), router.gain(&basis, 1, 0));
            assert_eq!(gain, -back);
            assert_eq!(router.gain(&basis, 1, 1), 0.0);
            gain
        }).collect();
        prop_assert!(gains.iter().all(|gain| gain.is_finite()));
        // Prompts of no n-gram are alike; others are not.
        let different = gains.iter().map(|gain| gain.to_bits()).collect::<std::collections::HashSet<_>>();
        prop_assert!(different.len() > 3, "{gains:?}");
    }
}

#[test]
fn level_calibration_does_not_tie_the_gains_of_different_prompts() {
    let mut chance = Chance(5);
    let mut parts = random_parts(&mut chance, 2, (2, &[]));
    let level = Calibration::Isotonic { raw: vec![0.0], probability: vec![0.5] };
    parts.calibration = vec![level; 2];
    let router = router(&parts, 2);
    let gains = |chance: &mut Chance| {
        let basis = basis(&router, &random_features(chance));
        assert_eq!(scores(&router, &basis), [0.5, 0.5]);
        router.gain(&basis, 0, 1)
    };
    let (a, b) = (gains(&mut chance), gains(&mut chance));
    assert_ne!(a, b);
}

#[test]
fn heads_of_their_own_rank_gains_alone() {
    let mut chance = Chance(6);
    let mut parts = random_parts(&mut chance, 2, (2, &[2]));
    let own = heads(&mut chance, 2, 4, 1.0);
    parts.gain = Some(own.clone());
    let router = router(&parts, 2);
    let basis = basis(&router, &random_features(&mut chance));
    let wide: Vec<f64> = basis.iter().map(|x| f64::from(*x)).collect();
    let expected = dot(&own, 0, &wide) - dot(&own, 1, &wide);
    assert!((f64::from(router.gain(&basis, 0, 1)) - expected).abs() < 1e-4);
}

// --- one model more, another head ---------------------------------------------------------------------------

#[test]
fn a_model_added_to_a_hundred_leaves_every_bit_of_the_others_as_it_was() {
    let mut chance = Chance(7);
    for gain in [false, true] {
        let mut parts = random_parts(&mut chance, 100, (16, &[20, 30]));
        if gain {
            parts.gain = Some(heads(&mut chance, 100, 66, 1.0));
        }
        let before = router(&parts, 100);
        let mut vector = || numbers(&mut chance, 66, 1.0);
        let head = ModelHead {
            weights: vector(),
            bias: 0.1,
            calibration: Platt { slope: 1.0, offset: 0.0 }.into(),
            gain: None,
            cost: Some((vector(), -5.0)),
            latency: None,
        };
        let after = before.with_model("newcomer@1".into(), head, "sha256:grown".into()).unwrap();
        assert_eq!((after.models().len(), &*after.models()[100]), (101, "newcomer@1"));
        for _ in 0..50 {
            let features = random_features(&mut chance);
            let basis = basis(&before, &features);
            assert_eq!(bits(&basis), bits(&self::basis(&after, &features)));
            assert_eq!(bits(&scores(&before, &basis)), bits(&scores(&after, &basis)[..100]));
            assert_eq!(expectations(&before, &basis), expectations(&after, &basis)[..100]);
            assert_eq!(before.gain(&basis, 3, 40).to_bits(), after.gain(&basis, 3, 40).to_bits());
            let newcomer = after.expected(&basis, 100);
            assert!(newcomer.cost_nano_usd.is_some() && newcomer.latency_ms.is_none());
        }
    }
}

#[test]
fn another_head_for_one_model_changes_that_model_alone() {
    let mut chance = Chance(8);
    let before = router(&random_parts(&mut chance, 20, (4, &[3])), 20);
    let vector = numbers(&mut chance, 7, 1.0);
    let after = before.with_head(5, (&vector, 0.7), "sha256:other".into()).unwrap();
    let basis = basis(&before, &random_features(&mut chance));
    let (mut old, mut new) = (vec![0.0; 20], vec![0.0; 20]);
    before.raw_into(&basis, &mut old);
    after.raw_into(&basis, &mut new);
    let expected = vector.iter().zip(&basis).fold(0.7, |sum, (weight, input)| sum + input * weight);
    assert_eq!(new[5].to_bits(), expected.to_bits());
    old[5] = new[5];
    assert_eq!(bits(&old), bits(&new));
    for (model, vector) in [(20, &vector[..]), (0, &vector[..6]), (0, &[f32::NAN; 7])] {
        assert!(before.with_head(model, (vector, 0.0), "".into()).is_err());
    }
}

#[test]
fn a_direct_router_has_no_heads_to_change() {
    let direct = common::constant_router(&[("a@1".into(), 0.4)]);
    assert!(!direct.is_factored() && direct.parts().is_none() && !direct.expects());
    assert!(matches!(
        direct.with_head(0, (&[1.0], 0.0), "".into()),
        Err(RouterWeightsError::Factored { .. })
    ));
    let basis = basis(&direct, &Features::default());
    assert!((scores(&direct, &basis)[0] - 0.4).abs() < 1e-6);
    assert_eq!(direct.expected(&basis, 0), Expected::default());
}

// --- what is no router --------------------------------------------------------------------------------------

fn refused(parts: &FactoredParts, names: Vec<Arc<str>>) -> Vec<String> {
    match RouterWeights::factored(parts, names, "".into()) {
        Err(RouterWeightsError::Factored { violations }) => violations,
        other => unreachable!("{other:?}"),
    }
}

/// A name for what is wrong, what makes it wrong, and how many violations that is.
type Flaw = (&'static str, fn(&mut FactoredParts), usize);

#[test]
fn every_flaw_is_refused_and_all_of_them_at_once() {
    let flaws: [Flaw; 9] = [
        ("projection", |parts| parts.projection = Arc::new(wide(65)), 5),
        ("at most 512", |parts| parts.groups.push(group("big", 510, 4)), 5),
        ("two groups", |parts| parts.groups[1].name = "group0".into(), 1),
        ("names for", |parts| parts.groups[0].members.truncate(1), 1),
        ("heads.weights", |parts| parts.heads.weights.truncate(3), 1),
        ("cost.known", |parts| parts.cost.as_mut().unwrap().known.clear(), 1),
        ("latency.bias[0]", |parts| parts.latency.as_mut().unwrap().heads.bias[0] = f32::INFINITY, 1),
        ("calibrations for", |parts| parts.calibration.truncate(1), 1),
        ("gain.weights", |parts| parts.gain = Some(Heads::default()), 2),
    ];
    let sound = random_parts(&mut Chance(9), 3, (4, &[2, 3]));
    let mut all = 0;
    for (name, break_it, count) in flaws {
        let mut parts = sound.clone();
        break_it(&mut parts);
        let violations = refused(&parts, ids(3));
        assert!(violations.iter().any(|violation| violation.contains(name)), "{name}: {violations:?}");
        if !name.starts_with("projection") && !name.starts_with("at most") {
            assert_eq!(violations.len(), count, "{name}: {violations:?}");
            all += count;
        }
    }
    let mut parts = sound.clone();
    flaws[2..].iter().for_each(|(_, break_it, _)| break_it(&mut parts));
    assert_eq!(refused(&parts, ids(3)).len(), all);
    assert_eq!(refused(&sound, vec!["a@1".into(), "a@1".into(), "b@1".into()]).len(), 1);
    assert!(!refused(&sound, Vec::new()).is_empty());
}

fn wide(columns: usize) -> WeightTable {
    let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
    WeightTable::new(spec, columns, &vec![0.0; 256 * columns], &vec![0.0; columns]).unwrap()
}

fn group(name: &str, members: usize, k: usize) -> Group {
    let heads = Heads { weights: vec![0.0; members * k], bias: vec![0.0; members] };
    Group { name: name.into(), members: Vec::new(), heads }
}

#[test]
fn weights_at_their_bounds_and_a_projection_beyond_all_bounds_still_give_probabilities() {
    let mut parts = random_parts(&mut Chance(10), 3, (4, &[2, 3]));
    let spec = parts.projection.spec().clone();
    let huge = vec![f32::MAX; 256 * 4];
    parts.projection = Arc::new(WeightTable::new(spec, 4, &huge, &[f32::MAX, -f32::MAX, 0.0, 1.0]).unwrap());
    parts.heads.weights.fill(1e6);
    parts.cost.as_mut().unwrap().heads.weights.fill(1e6);
    let router = router(&parts, 3);
    let mut features = random_features(&mut Chance(3));
    features
        .values
        .iter_mut()
        .enumerate()
        .for_each(|(at, value)| *value = if at % 2 == 0 { 1e9 } else { -1e9 });
    let basis = basis(&router, &features);
    assert!(basis.iter().all(|number| number.is_finite()), "{basis:?}");
    assert!(scores(&router, &basis).iter().all(|score| (0.0..=1.0).contains(score)));
    assert!(expectations(&router, &basis).iter().all(|each| each.latency_ms.is_none_or(f32::is_finite)));
}
