//! The trainers find the optimum of what they say they minimise, the same way on any number of threads, and refuse what
//! has none.

use ecology_learn::{
    LearnError, LogisticOptions, Rows, SoftmaxOptions, fit_logistic, fit_softmax, folds, out_of_fold_softmax,
};
use proptest::prelude::*;

/// Pairs of each row, its label, and its targets.
type Problem = (Vec<Vec<(u32, f32)>>, Vec<u32>, Vec<f32>);

const DIMENSION: usize = 6;
const COLUMNS: usize = 5;

/// Rows, labels and targets of a small problem; about a quarter of the targets are not observed.
fn problems() -> impl Strategy<Value = Problem> {
    let entry = (0..DIMENSION as u32, -1.5_f32..1.5);
    let row = (
        prop::collection::vec(entry, 1..5),
        0..COLUMNS as u32,
        prop::collection::vec(prop_oneof![1 => Just(f32::NAN), 3 => 0.0_f32..=1.0], COLUMNS),
    );
    prop::collection::vec(row, 8..25).prop_map(|rows| {
        let (mut pairs, mut labels, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for (position, (row, label, mut target)) in rows.into_iter().enumerate() {
            // Every class occurs, and every column is observed.
            labels.push(if position < COLUMNS { position as u32 } else { label });
            if position < COLUMNS {
                target[position] = 1.0;
            }
            pairs.push(row);
            targets.extend(target);
        }
        (pairs, labels, targets)
    })
}

fn rows(pairs: &[Vec<(u32, f32)>]) -> Rows {
    let mut rows = Rows::new();
    pairs.iter().for_each(|row| rows.push(row.iter().copied()));
    rows
}

/// Score of one row in f64, from `[dimension + 1]` parameters of one column, the bias last.
fn score(row: &[(u32, f32)], parameters: &[f64]) -> f64 {
    row.iter().map(|(index, value)| parameters[*index as usize] * f64::from(*value)).sum::<f64>()
        + parameters[DIMENSION]
}

/// Largest partial derivative of `objective`, by central differences.
fn steepest(parameters: &[f64], objective: impl Fn(&[f64]) -> f64) -> f64 {
    let slope = |at: usize| {
        let (mut up, mut down) = (parameters.to_vec(), parameters.to_vec());
        up[at] += 1e-4;
        down[at] -= 1e-4;
        ((objective(&up) - objective(&down)) / 2e-4).abs()
    };
    (0..parameters.len()).map(slope).fold(0.0, f64::max)
}

fn column(weights: &[f32], bias: f64, columns: usize, column: usize, factor: f64) -> Vec<f64> {
    let weights = (0..DIMENSION).map(|index| f64::from(weights[index * columns + column]) / factor);
    weights.chain([bias / factor]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_squared_hinge_ends_where_its_gradient_is_zero((pairs, labels, _) in problems(), l2 in 0.3_f32..3.0, positive in 0.5_f32..4.0) {
        let options = SoftmaxOptions { epochs: 3000, tolerance: 1e-6, l2, positive_weight: positive, sharpness: 2.0, seed: 1 };
        let head = fit_softmax(&rows(&pairs), &labels, COLUMNS, DIMENSION, &options, &|_| ()).unwrap();
        for class in 0..COLUMNS {
            let found = column(&head.weights, f64::from(head.bias[class]), COLUMNS, class, 2.0);
            let objective = |parameters: &[f64]| {
                let hinge = |(row, label): (&Vec<(u32, f32)>, &u32)| {
                    let own = *label as usize == class;
                    let margin = if own { score(row, parameters) } else { -score(row, parameters) };
                    (if own { f64::from(positive) } else { 1.0 }) * (1.0 - margin).max(0.0).powi(2)
                };
                let norm: f64 = parameters.iter().map(|w| w * w).sum();
                0.5 * f64::from(l2) * norm + pairs.iter().zip(&labels).map(hinge).sum::<f64>()
            };
            let steepest = steepest(&found, objective);
            prop_assert!(steepest < 0.02, "class {class}: {steepest}");
        }
    }

    #[test]
    fn cross_entropy_ends_where_its_gradient_is_zero((pairs, _, targets) in problems(), l2 in 0.1_f32..3.0) {
        let options = LogisticOptions { epochs: 3000, tolerance: 1e-6, l2, seed: 1 };
        let heads = fit_logistic(&rows(&pairs), &targets, COLUMNS, DIMENSION, &options).unwrap();
        for model in 0..COLUMNS {
            let seen: Vec<(&Vec<(u32, f32)>, f64)> = pairs
                .iter()
                .zip(targets.iter().skip(model).step_by(COLUMNS))
                .filter(|(_, target)| !target.is_nan())
                .map(|(row, target)| (row, f64::from(*target)))
                .collect();
            // The base rate is given, what is learned on top of it is shrunk.
            let sum: f64 = seen.iter().map(|(_, target)| target).sum();
            let base = ((sum + 0.5) / (seen.len() as f64 - sum + 0.5)).ln();
            let found = column(&heads.weights, f64::from(heads.bias[model]) - base, COLUMNS, model, 1.0);
            let objective = |parameters: &[f64]| {
                let loss = |(row, target): &(&Vec<(u32, f32)>, f64)| {
                    let s = score(row, parameters) + base;
                    s.exp().ln_1p() - target * s
                };
                let norm: f64 = parameters.iter().map(|w| w * w).sum();
                0.5 * f64::from(l2) * norm + seen.iter().map(loss).sum::<f64>()
            };
            let steepest = steepest(&found, objective);
            prop_assert!(steepest < 0.01, "model {model}: {steepest}");
        }
    }

    #[test]
    fn equal_indices_of_a_row_are_added_up(pairs in prop::collection::vec((0_u32..20, -5_i8..5), 0..40)) {
        let mut rows = Rows::new();
        rows.push(pairs.iter().map(|(index, value)| (*index, f32::from(*value))));
        let mut sums = std::collections::BTreeMap::<u32, f32>::new();
        pairs.iter().for_each(|(index, value)| *sums.entry(*index).or_default() += f32::from(*value));
        let (indices, values) = rows.row(0);
        prop_assert!(indices.iter().copied().zip(values.iter().copied()).eq(sums));
    }

    #[test]
    fn a_group_lies_in_one_fold_and_folds_are_even(groups in prop::collection::vec(0_u32..40, 1..200), k in 1_u32..8, seed in any::<u64>()) {
        let assigned = folds(&groups, k, seed);
        let mut sizes = vec![0; k as usize];
        let mut fold_of = std::collections::BTreeMap::new();
        let mut group_sizes = std::collections::BTreeMap::<u32, usize>::new();
        for (group, fold) in groups.iter().zip(&assigned) {
            prop_assert_eq!(fold_of.entry(*group).or_insert(*fold), fold);
            sizes[*fold as usize] += 1;
            *group_sizes.entry(*group).or_default() += 1;
        }
        // Longest processing time first: the last group put on the fullest fold was put where it was emptiest.
        let largest = group_sizes.values().copied().max().unwrap_or(0);
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= largest);
        prop_assert_eq!(assigned, folds(&groups, k, seed));
    }
}

/// 300 rows of 40 classes: two blocks of columns.
fn larger() -> (Rows, Vec<u32>) {
    let mut rows = Rows::new();
    for row in 0..300_u32 {
        rows.push([(row % 40, 1.0), (40 + row % 7, 0.5), (47 + row % 11, -0.25)]);
    }
    (rows, (0..300).map(|row| row % 40).collect())
}

#[allow(clippy::unwrap_used, reason = "the lint's exception for tests stops at helpers outside of them")]
fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn the_number_of_threads_changes_nothing_and_the_seed_is_all_that_is_random() {
    let (rows, labels) = larger();
    let groups: Vec<u32> = (0..300).collect();
    let assigned = folds(&groups, 5, 0);
    let run = |seed| {
        let options = SoftmaxOptions { seed, epochs: 4, ..SoftmaxOptions::default() };
        let head = fit_softmax(&rows, &labels, 40, 58, &options, &|_| ()).unwrap();
        (head, out_of_fold_softmax(&rows, &labels, &assigned, 40, 58, &options, &|_| ()).unwrap())
    };
    let one = on_threads(1, || run(7));
    assert_eq!(one, on_threads(3, || run(7)));
    assert_ne!(one, on_threads(3, || run(8)));
}

#[test]
fn out_of_fold_scores_come_from_a_model_without_the_fold() {
    let (rows, labels) = larger();
    let assigned: Vec<u32> = (0..300).map(|row| [9, 4, 4][row / 100]).collect();
    let options = SoftmaxOptions::default();
    let scores = out_of_fold_softmax(&rows, &labels, &assigned, 40, 58, &options, &|_| ()).unwrap();
    let mut others = Rows::new();
    for row in 100..300 {
        let (indices, values) = rows.row(row);
        others.push(indices.iter().copied().zip(values.iter().copied()));
    }
    let head = fit_softmax(&others, &labels[100..], 40, 58, &options, &|_| ()).unwrap();
    for row in [0, 57, 99] {
        assert_eq!(&scores[row * 40..(row + 1) * 40], head.score(&rows, row));
    }
}

#[test]
fn progress_rises_to_one() {
    let (rows, labels) = larger();
    let told = std::sync::Mutex::new(Vec::new());
    let assigned: Vec<u32> = (0..300).map(|row| row % 3).collect();
    let tell = |done| told.lock().unwrap().push(done);
    out_of_fold_softmax(&rows, &labels, &assigned, 40, 58, &SoftmaxOptions::default(), &tell).unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(told[0] > 0.0 && (told[told.len() - 1] - 1.0).abs() < 1e-4);
}

#[test]
fn what_cannot_be_learned_is_refused_with_its_reason() {
    let rows = Rows::dense(4, 2, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5, 0.5]).unwrap();
    let broken = Rows::dense(2, 1, &[1.0, f32::NAN]).unwrap();
    let options = SoftmaxOptions::default();
    let fit = |rows: &Rows, labels: &[u32], columns, dimension, options: &SoftmaxOptions| {
        fit_softmax(rows, labels, columns, dimension, options, &|_| ()).unwrap_err()
    };
    assert_eq!(fit(&Rows::new(), &[], 2, 2, &options), LearnError::NoRows);
    assert_eq!(
        fit(&rows, &[0, 1], 2, 2, &options),
        LearnError::Shape { what: "labels", expected: 4, found: 2 }
    );
    assert_eq!(fit(&rows, &[1; 4], 2, 2, &options), LearnError::OneClass { label: 1 });
    assert_eq!(
        fit(&rows, &[0, 1, 2, 0], 2, 2, &options),
        LearnError::LabelOutOfRange { row: 2, label: 2, columns: 2 }
    );
    assert_eq!(
        fit(&rows, &[0, 1, 0, 1], 2, 1, &options),
        LearnError::IndexOutOfRange { row: 0, index: 1, dimension: 1 }
    );
    assert_eq!(
        fit(&broken, &[0, 1], 2, 1, &options),
        LearnError::NotFinite { what: "a feature value", row: 1 }
    );
    let no_epochs = SoftmaxOptions { epochs: 0, ..options.clone() };
    assert!(matches!(
        fit(&rows, &[0, 1, 0, 1], 2, 2, &no_epochs),
        LearnError::Option { option: "epochs", .. }
    ));
    let nan = SoftmaxOptions { l2: f32::NAN, ..options.clone() };
    assert!(matches!(fit(&rows, &[0, 1, 0, 1], 2, 2, &nan), LearnError::Option { option: "l2", .. }));

    let cross = |folds: &[u32], labels: &[u32]| {
        out_of_fold_softmax(&rows, labels, folds, 2, 2, &options, &|_| ()).unwrap_err()
    };
    assert_eq!(cross(&[3; 4], &[0, 1, 0, 1]), LearnError::TooFewFolds { folds: 1, rows: 4 });
    assert_eq!(cross(&[0; 3], &[0, 1, 0, 1]), LearnError::Shape { what: "folds", expected: 4, found: 3 });
    assert_eq!(cross(&[0, 0, 1, 1], &[0, 1, 1, 1]), LearnError::OneClass { label: 1 });

    let heads =
        |targets: &[f32]| fit_logistic(&rows, targets, 2, 2, &LogisticOptions::default()).unwrap_err();
    let nan = f32::NAN;
    assert_eq!(heads(&[0.0; 7]), LearnError::Shape { what: "targets", expected: 8, found: 7 });
    assert_eq!(
        heads(&[0.0, 1.0, 0.5, 1.5, 0.0, 1.0, 0.5, 0.5]),
        LearnError::TargetOutOfRange { row: 1, target: 1.5 }
    );
    assert_eq!(heads(&[0.0, nan, 0.5, nan, 0.0, nan, 0.5, nan]), LearnError::NothingObserved { column: 1 });
}
