//! Which calibration a model gets: as fine as its validation rows allow.

use ecology_core::snapshot::{Calibration, Platt};

use crate::beta::fit_beta_towards;
use crate::{LearnError, fit_isotonic, fit_platt};

/// Isotonic regression has as many parameters as it likes: fewer rows than this make it worse than two or three.
const FEWEST_FOR_ISOTONIC: usize = 3_000;
/// Three parameters.
const FEWEST_FOR_BETA: usize = 200;
/// Two.
const FEWEST_FOR_PLATT: usize = 20;

/// Raw scores of ridge heads are near probabilities before any calibration: as if this much curvature had been seen at (1, 1, 0).
const TRUST: f64 = 30.0;

/// From raw scores and targets of the rows where a model was observed.
///
/// With hardly any row, or targets that are all alike, there is only a mean: `prior`, what it scored on all rows, with the weight
/// of two rows. It says how good the model is, not when.
pub(super) fn calibrate(raw: &[f32], targets: &[f32], prior: f32) -> Result<Calibration, LearnError> {
    let alike = targets.windows(2).all(|pair| pair[0] == pair[1]);
    let level = raw.windows(2).all(|pair| pair[0] == pair[1]);
    let constant = || {
        let sum: f32 = targets.iter().sum();
        let mean = (sum + 2.0 * prior.clamp(0.01, 0.99)) / (targets.len() as f32 + 2.0);
        Platt { slope: 0.0, offset: (mean / (1.0 - mean)).ln() }.into()
    };
    if raw.len() < FEWEST_FOR_PLATT || alike || level {
        return Ok(constant());
    }
    if raw.len() >= FEWEST_FOR_ISOTONIC {
        let (raw, probability) = fit_isotonic(raw, targets)?.into_iter().unzip();
        return Ok(Calibration::Isotonic { raw, probability });
    }
    if raw.len() >= FEWEST_FOR_BETA {
        let (a, b, c) = fit_beta_towards(raw, targets, TRUST)?;
        return Ok(Calibration::Beta { a, b, c });
    }
    let (slope, offset) = fit_platt(raw, targets)?;
    // A score that falls where the model is better is noise of few rows, and a falling calibration would follow it. The offset
    // belongs to the slope that it was fitted with: without that there is only the mean.
    Ok(if slope > 0.0 { Platt { slope, offset }.into() } else { constant() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_fall_where_the_model_is_better_leave_its_mean() {
        let raw: Vec<f32> = (0..100).map(|row| 0.93 + 0.001 * row as f32).collect();
        let targets: Vec<f32> = (0..100).map(|row| f32::from(u8::from(row < 90 || row % 3 == 0))).collect();
        let mean = targets.iter().sum::<f32>() / 100.0;
        let calibration = calibrate(&raw, &targets, 0.9).unwrap();
        let Calibration::Platt(Platt { slope, offset }) = calibration else { panic!("{calibration:?}") };
        let said = 1.0 / (1.0 + (-offset).exp());
        assert!(slope == 0.0 && (said - mean).abs() < 0.01, "{slope} {said} for {mean}");
    }
}
