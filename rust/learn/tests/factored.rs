//! A factored router finds who is right, is the same on any number of threads, and refuses what cannot be learned from.

use ecology_learn::factored::{
    Factored, FactoredOptions, NO_TASK, Observed, Shape, Trial, fit_factored, fit_new_head,
};
use ecology_learn::{LearnError, Rows};

const BUCKETS: usize = 64;
const SIGNALS: usize = 2;
const MODELS: usize = 4;
const SHAPE: Shape = Shape { models: MODELS, tasks: 2, buckets: BUCKETS, embedding: 0, signals: SIGNALS };

/// Numbers that look random, in [0, 1).
fn noise(i: usize) -> f32 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 40) as f32 / (1 << 24) as f32
}

struct Data {
    rows: Rows,
    scores: Vec<f32>,
    tasks: Vec<u32>,
    log_cost: Vec<f32>,
}

/// Two topics; models 0 and 1 are good at the first, 2 and 3 at the second. Cost follows the first signal.
fn data(n: usize, seed: usize, partial: f32) -> Data {
    let (mut rows, mut scores, mut tasks, mut log_cost) = (Rows::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..n {
        let at = |what: usize| noise(seed * 1_000_003 + row * 101 + what);
        let topic = (at(0) * 2.0) as usize;
        let word = |w: usize| (topic * 20 + (at(10 + w) * 20.0) as usize) as u32;
        let common = |w: usize| 40 + (at(20 + w) * 24.0) as u32;
        let length = at(1);
        let words = (0..3).map(word).chain((0..4).map(common)).map(|index| (index, 0.38));
        rows.push(words.chain([(BUCKETS as u32, length), (BUCKETS as u32 + 1, at(2))]));
        tasks.push(if row % 7 == 0 { NO_TASK } else { topic as u32 });
        for model in 0..MODELS {
            let good = if model / 2 == topic { 0.9 } else { 0.3 };
            let seen = at(50 + model) >= partial;
            scores.push(if seen { f32::from(u8::from(at(30 + model) < good)) } else { f32::NAN });
            log_cost.push(2.0 * length + model as f32);
        }
    }
    Data { rows, scores, tasks, log_cost }
}

impl Data {
    fn observed(&self) -> Observed<'_> {
        let Self { rows, scores, tasks, log_cost } = self;
        Observed { rows, scores, tasks: Some(tasks), log_cost: Some(log_cost), log_latency: None }
    }
}

fn options() -> FactoredOptions {
    FactoredOptions { prototypes: 16, ..FactoredOptions::default() }
}

#[allow(clippy::unwrap_used, reason = "a refusal fails the test that asked")]
fn fitted(train: &Data, validation: &Data) -> (Factored, Vec<Trial>) {
    let prices = [1.0, 2.0, 1.0, 2.0];
    fit_factored(&train.observed(), &validation.observed(), &SHAPE, &prices, &options(), &|_| ()).unwrap()
}

#[test]
fn who_is_right_is_found_and_said_with_the_chance_of_it() {
    for partial in [0.0, 0.5] {
        let (router, trials) = fitted(&data(600, 1, partial), &data(200, 2, partial));
        let test = data(300, 3, 0.0);
        let (mut right, mut error) = (0, 0.0);
        for row in 0..300 {
            let scores = router.scores(&router.basis(&test.rows, row));
            let best = (0..MODELS).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
            let topic = (noise(3 * 1_000_003 + row * 101) * 2.0) as usize;
            right += usize::from(best / 2 == topic);
            let chance = |model: usize| if model / 2 == topic { 0.9_f32 } else { 0.3 };
            error +=
                (0..MODELS).map(|model| (scores[model] - chance(model)).abs()).sum::<f32>() / MODELS as f32;
        }
        assert!(right > 290, "{right} of 300");
        assert!(error / 300.0 < 0.08, "{}", error / 300.0);
        assert_eq!(trials.iter().filter(|trial| trial.chosen).count(), 1);
        assert!(trials[0].name == "means" && !trials[0].chosen, "{trials:?}");
    }
}

#[test]
fn without_validation_rows_training_rows_judge_and_calibrate_by_heads_that_did_not_see_them() {
    let (train, none) = (data(800, 1, 0.0), data(0, 2, 0.0));
    let (router, trials) = fitted(&train, &none);
    assert!(trials.iter().all(|trial| trial.gain.is_none()));
    assert!(router.cost.is_some());
    let test = data(400, 3, 0.0);
    let (mut said, mut was) = (0.0, 0.0);
    for row in 0..400 {
        let scores = router.scores(&router.basis(&test.rows, row));
        let best = (0..MODELS).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        (said, was) = (said + scores[best], was + test.scores[row * MODELS + best]);
    }
    // Calibrated by rows that heads saw, it would be far too sure.
    assert!(was > 400.0 * 0.8 && (said - was).abs() < 400.0 * 0.05, "{said} {was}");
}

#[test]
fn few_rows_get_no_ridge_over_all_of_the_basis() {
    let (_, few) = fitted(&data(600, 1, 0.0), &data(200, 2, 0.0));
    let (_, many) = fitted(&data(2_000, 1, 0.0), &data(200, 2, 0.0));
    let has = |trials: &[Trial], name: &str| trials.iter().any(|trial| trial.name == name);
    for name in ["stack", "pooled", "low rank"] {
        assert!(!has(&few, name) && has(&many, name), "{name}");
    }
}

#[test]
fn one_thread_and_two_give_the_same_bits() {
    let (train, validation) = (data(400, 1, 0.2), data(150, 2, 0.2));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fitted(&train, &validation))
    };
    let (one, two) = (on(1), on(2));
    assert_eq!(one, two);
    let bits = |router: &Factored| router.projection.weights.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&one.0), bits(&two.0));
}

#[test]
fn another_seed_is_another_router_of_the_same_worth() {
    let (train, validation) = (data(400, 1, 0.0), data(150, 2, 0.0));
    let with = |seed: u64| {
        let options = FactoredOptions { seed, ..options() };
        let observed = (train.observed(), validation.observed());
        fit_factored(&observed.0, &observed.1, &SHAPE, &[1.0; MODELS], &options, &|_| ()).unwrap()
    };
    let ((a, of_a), (b, of_b)) = (with(0), with(1));
    assert_ne!(a, b);
    let loss =
        |trials: &[Trial]| trials.iter().find(|trial| trial.chosen).map_or(f64::NAN, |trial| trial.loss);
    assert!((loss(&of_a) - loss(&of_b)).abs() < 0.01);
}

#[test]
fn cost_that_follows_the_prompt_is_expected_and_cost_that_does_not_is_left_to_the_mean() {
    let (mut train, mut validation) = (data(500, 1, 0.0), data(200, 2, 0.0));
    let (router, _) = fitted(&train, &validation);
    let cost = router.cost.expect("cost follows the first signal");
    for row in 0..50 {
        let basis = router_basis(&router.projection, &router.groups, &validation.rows, row);
        let weights = &cost.weights[..basis.len()];
        let log = weights.iter().zip(&basis).map(|(w, b)| w * b).sum::<f32>() + cost.bias[0];
        assert!((log - validation.log_cost[row * MODELS]).abs() < 0.25, "{log}");
    }
    for data in [&mut train, &mut validation] {
        let level = |at: usize| (at % MODELS) as f32 + 0.1 * noise(at);
        data.log_cost = (0..data.log_cost.len()).map(level).collect();
    }
    assert_eq!(fitted(&train, &validation).0.cost, None);
}

fn router_basis(
    projection: &ecology_learn::Linear,
    groups: &[ecology_core::snapshot::Group],
    rows: &Rows,
    row: usize,
) -> Vec<f32> {
    let z = projection.score(rows, row);
    let mut basis = z.clone();
    for group in groups {
        let logits: Vec<f32> = group
            .heads
            .weights
            .chunks(z.len())
            .zip(&group.heads.bias)
            .map(|(weights, bias)| weights.iter().zip(&z).map(|(w, z)| w * z).sum::<f32>() + bias)
            .collect();
        let top = logits.iter().copied().fold(f32::MIN, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
        basis.extend(logits.iter().map(|logit| (logit - top).exp() / sum));
    }
    basis
}

#[test]
fn nothing_to_learn_gives_means() {
    let chance = |data: &mut Data, seed: usize| {
        let coin = |at: usize| f32::from(u8::from(noise(seed + at * 7) < 0.5));
        data.scores = (0..data.scores.len()).map(coin).collect();
    };
    let (mut train, mut validation) = (data(400, 1, 0.0), data(200, 2, 0.0));
    chance(&mut train, 12_345);
    chance(&mut validation, 98_765);
    let (router, trials) = fitted(&train, &validation);
    let scores = router.scores(&router.basis(&validation.rows, 0));
    assert!(scores.iter().all(|score| (score - 0.5).abs() < 0.12), "{scores:?} {trials:?}");
}

#[test]
fn a_model_that_comes_later_gets_a_head_of_its_own() {
    let (train, validation) = (data(600, 1, 0.0), data(200, 2, 0.0));
    let (router, _) = fitted(&train, &validation);
    let phi = |data: &Data| {
        (0..data.rows.len()).flat_map(|row| router.basis(&data.rows, row)).collect::<Vec<f32>>()
    };
    let newer = |data: &Data| data.scores.chunks(MODELS).map(|scores| 1.0 - scores[0]).collect::<Vec<f32>>();
    let width = router.basis(&train.rows, 0).len();
    let (new, new_validation) = (newer(&train), newer(&validation));
    let fit =
        |scores: &[f32]| fit_new_head(width, (&phi(&train), scores), (&phi(&validation), &new_validation));
    let (head, calibration) = fit(&new).unwrap();
    assert_eq!(head.len(), width + 1);
    let test = data(200, 3, 0.0);
    let higher = (0..200).filter(|row| {
        let phi = router.basis(&test.rows, *row);
        let raw = head.iter().zip(&phi).map(|(h, p)| h * p).sum::<f32>() + head[width];
        let topic = (noise(3 * 1_000_003 + row * 101) * 2.0) as usize;
        (calibration.probability(raw) > 0.4) == (topic == 1)
    });
    assert!(higher.count() > 190);
    assert_eq!(fit(&vec![f32::NAN; 600]), Err(LearnError::NothingObserved { column: 0 }));
    assert!(matches!(fit(&new[1..]), Err(LearnError::Shape { .. })));
    let none = fit_new_head(0, (&[], &[0.5; 3]), (&[], &[0.5; 3]));
    assert!(matches!(none, Err(LearnError::Shape { .. })), "{none:?}");
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let good = data(50, 1, 0.0);
    let refusal = |change: &dyn Fn(&mut Data), options: FactoredOptions| {
        let mut train = data(50, 1, 0.0);
        change(&mut train);
        let fitted =
            fit_factored(&train.observed(), &good.observed(), &SHAPE, &[1.0; MODELS], &options, &|_| ());
        fitted.err()
    };
    let unseen =
        |data: &mut Data| data.scores.iter_mut().skip(2).step_by(MODELS).for_each(|score| *score = f32::NAN);
    assert_eq!(refusal(&unseen, options()), Some(LearnError::NothingObserved { column: 2 }));
    let beyond = |data: &mut Data| data.scores[9] = 1.5;
    assert_eq!(refusal(&beyond, options()), Some(LearnError::TargetOutOfRange { row: 2, target: 1.5 }));
    let short = |data: &mut Data| data.scores.truncate(8);
    assert!(matches!(refusal(&short, options()), Some(LearnError::Shape { what: "targets", .. })));
    let task = |data: &mut Data| data.tasks[3] = 2;
    assert!(matches!(refusal(&task, options()), Some(LearnError::LabelOutOfRange { row: 3, label: 2, .. })));
    let cost = |data: &mut Data| data.log_cost[5] = f32::NEG_INFINITY;
    assert!(matches!(refusal(&cost, options()), Some(LearnError::NotFinite { what: "log costs", row: 1 })));
    for options in [
        FactoredOptions { projected: 65, ..options() },
        FactoredOptions { projected: 0, ..options() },
        FactoredOptions { folds: 1, ..options() },
        FactoredOptions { prototypes: 1_000, ..options() },
    ] {
        assert!(matches!(refusal(&|_| (), options), Some(LearnError::Option { .. })));
    }
    assert_eq!(refusal(&|_| (), options()), None);
}

#[test]
fn progress_rises_to_one() {
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |done: f32| told.lock().unwrap().push(done);
    let (train, validation) = (data(100, 1, 0.0), data(50, 2, 0.0));
    fit_factored(&train.observed(), &validation.observed(), &SHAPE, &[1.0; MODELS], &options(), &tell)
        .unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.windows(2).all(|pair| pair[0] <= pair[1]), "{told:?}");
    assert!((told[told.len() - 1] - 1.0).abs() < 1e-4);
}
