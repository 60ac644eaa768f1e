//! A router's heads: one logistic head per model, calibrated on rows that it was not trained on.

use crate::{LearnError, Linear, LogisticOptions, Rows, fit_logistic, fit_platt};

/// Fewer observed validation rows of a model than this calibrate nothing finer than its mean.
const FEWEST_FOR_PLATT: usize = 20;

/// Fits one head per column on `train`, then for each its slope and offset (Platt 1999) on `validation`.
///
/// `targets` are `[rows][columns]` in [0, 1], NaN where a model was not observed. A column whose validation rows are few or
/// all alike gets slope 0 and the smoothed mean (k + 1) / (n + 2) of its targets: it says how good the model is, not when.
pub fn fit_router(
    train: (&Rows, &[f32]),
    validation: (&Rows, &[f32]),
    columns: usize,
    dimension: usize,
    options: &LogisticOptions,
) -> Result<(Linear, Vec<(f32, f32)>), LearnError> {
    let heads = fit_logistic(train.0, train.1, columns, dimension, options)?;
    let (rows, targets) = validation;
    let scores: Vec<Vec<f32>> = (0..rows.len()).map(|row| heads.score(rows, row)).collect();
    let calibration = (0..columns).map(|column| {
        let observed = (0..rows.len()).filter(|row| targets[row * columns + column].is_finite());
        let (mine, wanted): (Vec<f32>, Vec<f32>) =
            observed.map(|row| (scores[row][column], targets[row * columns + column])).unzip();
        let alike = wanted.windows(2).all(|pair| pair[0] == pair[1]);
        if mine.len() < FEWEST_FOR_PLATT || alike {
            let mean = (wanted.iter().sum::<f32>() + 1.0) / (wanted.len() as f32 + 2.0);
            return Ok((0.0, (mean / (1.0 - mean)).ln()));
        }
        fit_platt(&mine, &wanted)
    });
    let calibration = calibration.collect::<Result<_, _>>()?;
    Ok((heads, calibration))
}
