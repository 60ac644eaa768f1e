//! Isotonic and beta calibration equal their slow twins, rise, and refuse what they cannot use.

use ecology_learn::{LearnError, fit_beta, fit_isotonic};
use proptest::prelude::*;

/// Least squares among non-falling functions, by the max–min formula (Barlow et al. 1972, 1.9): one number a row.
fn slow_isotonic(targets: &[f32]) -> Vec<f64> {
    let mean =
        |a: usize, b: usize| targets[a..=b].iter().map(|t| f64::from(*t)).sum::<f64>() / (b - a + 1) as f64;
    let n = targets.len();
    let value = |i: usize| {
        let least = |a: usize| (i..n).map(|b| mean(a, b)).fold(f64::INFINITY, f64::min);
        (0..=i).map(least).fold(f64::NEG_INFINITY, f64::max)
    };
    (0..n).map(value).collect()
}

/// Likelihood that beta calibration maximises: Platt's drawn-in targets.
fn beta_loss(rows: &[(f32, f32)], (a, b, c): (f64, f64, f64)) -> f64 {
    let positive: f64 = rows.iter().map(|(_, target)| f64::from(*target)).sum();
    let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (rows.len() as f64 - positive + 2.0));
    let row = |(score, target): &(f32, f32)| {
        let s = f64::from(*score).clamp(0.001, 0.999);
        let t = low + f64::from(*target) * (high - low);
        let logit = a * s.ln() - b * (1.0 - s).ln() + c;
        logit.max(0.0) + (-logit.abs()).exp().ln_1p() - t * logit
    };
    rows.iter().map(row).sum()
}

fn targets() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(prop_oneof![Just(0.0_f32), Just(1.0), 0.0_f32..=1.0], 2..60)
}

proptest! {
    #[test]
    fn isotonic_knots_are_the_blocks_of_the_slow_twin(targets in targets()) {
        let scores: Vec<f32> = (0..targets.len()).map(|at| at as f32).collect();
        let knots = fit_isotonic(&scores, &targets).unwrap();
        let slow = slow_isotonic(&targets);
        let overall = targets.iter().map(|t| f64::from(*t)).sum::<f64>() / targets.len() as f64;
        // Rows of one value are a block; a row of doubt is added to each.
        let (mut expected, mut at) = (Vec::<(f32, f64)>::new(), 0);
        while at < slow.len() {
            let end = (at..slow.len()).take_while(|i| (slow[*i] - slow[at]).abs() < 1e-9).count() + at;
            let rows = (end - at) as f64;
            let probability = (slow[at] * rows + overall) / (rows + 1.0);
            let before = expected.last().map_or(0.0, |(_, probability)| *probability);
            expected.push(((at + end - 1) as f32 / 2.0, probability.max(before)));
            at = end;
        }
        prop_assert_eq!(knots.len(), expected.len());
        for ((score, probability), (x, y)) in knots.iter().zip(expected) {
            prop_assert!((score - x).abs() < 1e-4 && (f64::from(*probability) - y).abs() < 1e-5);
        }
    }

    #[test]
    fn the_order_of_rows_says_nothing(targets in targets(), seed in 0_u64..100) {
        let scores: Vec<f32> = (0..targets.len()).map(|at| ((at * 7) % 5) as f32).collect();
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by_key(|at| (*at as u64 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let pick = |numbers: &[f32]| order.iter().map(|at| numbers[*at]).collect::<Vec<f32>>();
        let (here, there) =
            (fit_isotonic(&scores, &targets).unwrap(), fit_isotonic(&pick(&scores), &pick(&targets)).unwrap());
        prop_assert_eq!(here.len(), there.len());
        for (a, b) in here.iter().zip(&there) {
            prop_assert!((a.0 - b.0).abs() < 1e-4 && (a.1 - b.1).abs() < 1e-4);
        }
    }

    #[test]
    fn no_other_beta_is_more_likely(rows in prop::collection::vec((0.0_f32..1.0, prop::bool::ANY), 4..50)) {
        let rows: Vec<(f32, f32)> = rows.iter().map(|(score, good)| (*score, f32::from(u8::from(*good)))).collect();
        let (scores, targets): (Vec<f32>, Vec<f32>) = rows.iter().copied().unzip();
        let (a, b, c) = fit_beta(&scores, &targets).unwrap();
        prop_assert!(a >= 0.0 && b >= 0.0 && c.is_finite());
        prop_assume!(targets.windows(2).any(|pair| pair[0] != pair[1]));
        let (a, b, c) = (f64::from(a), f64::from(b), f64::from(c));
        let found = beta_loss(&rows, (a, b, c));
        for step in [-0.05, 0.05] {
            for other in [((a + step).max(0.0), b, c), (a, (b + step).max(0.0), c), (a, b, c + step)] {
                prop_assert!(beta_loss(&rows, other) > found - 1e-4, "{other:?} {found}");
            }
        }
    }
}

#[test]
fn a_score_that_is_calibrated_stays_nearly_as_it_is() {
    let scores: Vec<f32> = (0..4_000).map(|at| (at as f32 + 0.5) / 4_000.0).collect();
    // Of every ten neighbours, as many are right as the score says.
    let right = |at: usize| f32::from(u8::from(((at * 7) % 10) as f32 + 0.5 < 10.0 * scores[at]));
    let targets: Vec<f32> = (0..4_000).map(right).collect();
    let (a, b, c) = fit_beta(&scores, &targets).unwrap();
    assert!((a - 1.0).abs() < 0.15 && (b - 1.0).abs() < 0.15 && c.abs() < 0.15, "{a} {b} {c}");
    let knots = fit_isotonic(&scores, &targets).unwrap();
    assert!(knots.len() > 10 && knots.len() <= 64);
    assert!(knots.iter().all(|(score, probability)| (score - probability).abs() < 0.08), "{knots:?}");
}

#[test]
fn rows_that_calibrate_nothing_are_refused() {
    let nan = f32::NAN;
    for (scores, targets, expected) in [
        (vec![], vec![], LearnError::NoRows),
        (vec![0.5], vec![], LearnError::Shape { what: "targets", expected: 1, found: 0 }),
        (vec![0.5, nan], vec![0.0, 1.0], LearnError::NotFinite { what: "the score", row: 1 }),
        (vec![0.5, 0.6], vec![0.0, 1.5], LearnError::TargetOutOfRange { row: 1, target: 1.5 }),
    ] {
        assert_eq!(fit_beta(&scores, &targets).unwrap_err(), expected);
        assert_eq!(fit_isotonic(&scores, &targets).unwrap_err(), expected);
    }
    // Alike targets say how often, not when.
    let (a, b, c) = fit_beta(&[0.1, 0.9, 0.4], &[1.0; 3]).unwrap();
    assert!(a == 0.0 && b == 0.0 && c > 0.0);
    let knots = fit_isotonic(&[0.1, 0.9, 0.4], &[1.0; 3]).unwrap();
    assert_eq!(knots.len(), 1);
}
