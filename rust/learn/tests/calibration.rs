//! Temperatures and Platt's sigmoid are the best of their kind, and stay sane where there is little to go by.

use ecology_learn::{LearnError, fit_platt, fit_temperature};
use proptest::prelude::*;

fn logits_and_labels() -> impl Strategy<Value = (Vec<f32>, Vec<u32>)> {
    prop::collection::vec((prop::array::uniform4(-6.0_f32..6.0), 0_u32..4), 5..60).prop_map(|rows| {
        let labels = rows.iter().map(|(_, label)| *label).collect();
        (rows.into_iter().flat_map(|(logits, _)| logits).collect(), labels)
    })
}

/// Negative log-likelihood at a temperature, with one row's worth of doubt.
fn nll(logits: &[f32], labels: &[u32], temperature: f64) -> f64 {
    let row = |(logits, label): (&[f32], &u32)| {
        let scaled: Vec<f64> = logits.iter().map(|logit| f64::from(*logit) / temperature).collect();
        let total = scaled.iter().map(|logit| logit.exp()).sum::<f64>().ln();
        let flat = scaled.iter().sum::<f64>() / 4.0;
        (total - scaled[*label as usize]) + (total - flat) / labels.len() as f64
    };
    logits.chunks(4).zip(labels).map(row).sum()
}

proptest! {
    #[test]
    fn no_other_temperature_is_more_likely((logits, labels) in logits_and_labels()) {
        let best = f64::from(fit_temperature(&logits, &labels, 4).unwrap());
        let found = nll(&logits, &labels, best);
        for other in [0.5, 0.9, 0.99, 1.01, 1.1, 2.0] {
            let inside = (0.01..=100.0).contains(&(best * other));
            prop_assert!(!inside || found <= nll(&logits, &labels, best * other) + 1e-6, "{best} × {other}");
        }
    }

    #[test]
    fn logits_twice_as_large_need_twice_the_temperature((logits, labels) in logits_and_labels()) {
        let (once, twice) = (
            fit_temperature(&logits, &labels, 4).unwrap(),
            fit_temperature(&logits.iter().map(|logit| 2.0 * logit).collect::<Vec<_>>(), &labels, 4).unwrap(),
        );
        prop_assert!(once > 49.0 || (twice / once - 2.0).abs() < 1e-3, "{once} {twice}");
    }

    #[test]
    fn the_sigmoid_has_the_mean_of_its_targets_and_no_slope_left(
        rows in prop::collection::vec((-50.0_f32..50.0, 0.0_f32..=1.0), 4..60),
    ) {
        let (scores, targets): (Vec<f32>, Vec<f32>) = rows.into_iter().unzip();
        let (a, b) = fit_platt(&scores, &targets).unwrap();
        let positive: f64 = targets.iter().map(|target| f64::from(*target)).sum();
        let negative = targets.len() as f64 - positive;
        let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
        let (mut slope_a, mut slope_b) = (0.0, 0.0);
        for (score, target) in scores.iter().zip(&targets) {
            let p = 1.0 / (1.0 + (-(f64::from(a) * f64::from(*score) + f64::from(b))).exp());
            let error = p - (low + f64::from(*target) * (high - low));
            slope_a += error * f64::from(*score) / 50.0;
            slope_b += error;
        }
        prop_assert!(slope_a.abs() < 1e-2 && slope_b.abs() < 1e-2, "{slope_a} {slope_b}");
    }
}

#[test]
fn a_model_that_is_right_on_every_row_keeps_some_doubt() {
    let logits: Vec<f32> = (0..50).flat_map(|_| [3.0, 0.0]).collect();
    let temperature = fit_temperature(&logits, &[0; 50], 2).unwrap();
    let confidence = 1.0 / (1.0 + (-3.0 / temperature).exp());
    assert!((0.97..0.999).contains(&confidence), "{confidence}");
}

#[test]
fn scores_that_say_nothing_get_no_slope() {
    let (a, b) = fit_platt(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0]).unwrap();
    assert_eq!(a, 0.0);
    assert!((b - 4_f32.ln()).abs() < 1e-5, "four to one: three seen, one assumed of each: {b}");
    let (a, b) = fit_platt(&[5.0; 4], &[1.0, 0.0, 1.0, 0.0]).unwrap();
    assert!(a.abs() < 1e-6 && b.abs() < 1e-5, "{a} {b}");
}

#[test]
fn perfect_scores_stay_finite() {
    let scores: Vec<f32> = (-50..50).map(|i| i as f32).collect();
    let targets: Vec<f32> = scores.iter().map(|score| f32::from(*score >= 0.0)).collect();
    let (a, b) = fit_platt(&scores, &targets).unwrap();
    assert!(a > 0.0 && a.is_finite() && b.is_finite(), "{a} {b}");
}

#[test]
fn what_cannot_be_calibrated_is_refused_with_its_reason() {
    let temperature =
        |logits: &[f32], labels: &[u32], columns| fit_temperature(logits, labels, columns).unwrap_err();
    assert_eq!(temperature(&[], &[], 2), LearnError::NoRows);
    assert_eq!(temperature(&[0.0; 3], &[0], 2), LearnError::Shape { what: "logits", expected: 2, found: 3 });
    assert_eq!(temperature(&[0.0; 2], &[2], 2), LearnError::LabelOutOfRange { row: 0, label: 2, columns: 2 });
    assert_eq!(temperature(&[0.0, f32::NAN], &[0], 2), LearnError::NotFinite { what: "a logit", row: 0 });
    let platt = |scores: &[f32], targets: &[f32]| fit_platt(scores, targets).unwrap_err();
    assert_eq!(platt(&[], &[]), LearnError::NoRows);
    assert_eq!(platt(&[0.0], &[]), LearnError::Shape { what: "targets", expected: 1, found: 0 });
    assert_eq!(platt(&[f32::INFINITY], &[0.0]), LearnError::NotFinite { what: "the score", row: 0 });
    assert_eq!(platt(&[0.0], &[1.5]), LearnError::TargetOutOfRange { row: 0, target: 1.5 });
}
