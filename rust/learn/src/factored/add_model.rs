//! One more model: a head and a calibration on φ as it is.

use ecology_core::snapshot::Calibration;
use rayon::prelude::*;

use super::fit::calibrated;
use super::gram::Basis;
use super::judge::raw;
use super::ridge::Ridge;
use crate::LearnError;

const PENALTIES: [f64; 4] = [3.0, 30.0, 300.0, 3_000.0];

/// The head (its bias last) and calibration of a model that came later, from φ `[rows][width]` and its scores in [0, 1] (NaN where not
/// observed) on train and validation rows. Nothing else of the router changes: the decisions between the others stay bit for bit.
///
/// The penalty is chosen on validation rows. Rows must not be those that the projection was fitted on, as far as that is possible:
/// z of a row that it was fitted on is surer than z of a new one.
pub fn fit_new_head(
    width: usize,
    train: (&[f32], &[f32]),
    validation: (&[f32], &[f32]),
) -> Result<(Vec<f32>, Calibration), LearnError> {
    let basis = |(numbers, targets): (&[f32], &[f32])| {
        if targets.len().checked_mul(width) != Some(numbers.len()) || width == 0 {
            let expected = targets.len().saturating_mul(width.max(1));
            return Err(LearnError::Shape { what: "φ", expected, found: numbers.len() });
        }
        crate::logistic::check_targets(targets, targets.len(), 1)?;
        let row = |phi: &[f32]| phi.iter().copied().chain([1.0]).collect::<Vec<f32>>();
        Ok(Basis { width: width + 1, numbers: numbers.par_chunks(width.max(1)).flat_map_iter(row).collect() })
    };
    let (phi, phi_validation) = (basis(train)?, basis(validation)?);
    let width = width + 1;
    if train.1.iter().all(|target| target.is_nan()) {
        return Err(LearnError::NothingObserved { column: 0 });
    }
    let ridge = Ridge::of(&phi, train.1, 1, &vec![0; train.1.len()], 1);
    let solve = |penalty: &f64| {
        let mut penalties = vec![*penalty; width];
        penalties[width - 1] = 0.0;
        ridge.solve(&penalties, None, None).swap_remove(0)
    };
    let loss = |head: &Vec<f64>| -> f64 {
        let seen = validation.1.iter().enumerate().filter(|(_, target)| !target.is_nan());
        seen.map(|(row, target)| (raw(phi_validation.row(row), head) - f64::from(*target)).powi(2)).sum()
    };
    let tried = PENALTIES.iter().map(solve).map(|head| (loss(&head), head));
    let best = tried.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, head)| head).unwrap_or_default();
    let raws: Vec<f32> =
        (0..validation.1.len()).map(|row| raw(phi_validation.row(row), &best) as f32).collect();
    let seen: Vec<f32> = train.1.iter().copied().filter(|target| !target.is_nan()).collect();
    let mean = seen.iter().sum::<f32>() / seen.len().max(1) as f32;
    let calibration = calibrated(&raws, validation.1, 1, 0, mean)?;
    Ok((best.iter().map(|weight| *weight as f32).collect(), calibration))
}
