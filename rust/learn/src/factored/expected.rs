//! Expected cost and latency: heads on the same φ, where these depend on the prompt.

use ecology_core::snapshot::Heads;
use rayon::prelude::*;

use super::family::Layout;
use super::gram::Basis;
use super::judge::{difference, raw};
use super::parts::heads_of;
use super::ridge::Ridge;

/// Penalties, from weak to strong.
const PENALTIES: [f64; 4] = [3.0, 30.0, 300.0, 3_000.0];
/// By how many standard errors a head has to beat the mean.
const SURE: f64 = 2.0;

/// Ridge of ln(amount) on φ for each model, the penalty chosen on validation rows. None when no amount was observed, or when the
/// heads are not clearly nearer to what validation rows cost than the mean of each model is.
///
/// exp of a mean of logarithms is below the mean of what is dispersed; half the variance of the residuals is added to the bias, which
/// is right for log-normal amounts, so that expectations add up to budgets.
pub(super) fn expected(
    layout: &Layout<'_>,
    (train, train_logs): (&Basis, &[f32]),
    (validation, validation_logs): (&Basis, &[f32]),
    folds: &[u32],
    count: u32,
    models: usize,
) -> Option<Heads> {
    let unseen = |model: usize| train_logs.iter().skip(model).step_by(models).all(|log| log.is_nan());
    if (0..models).any(unseen) {
        return None;
    }
    let ridge = Ridge::of(train, train_logs, models, folds, count);
    let keep = vec![true; train.width];
    let loss = |phi: &[f32], logs: &[f32], row: usize, heads: &[Vec<f64>]| {
        let seen = logs[row * models..][..models].iter().zip(heads).filter(|(log, _)| !log.is_nan());
        seen.map(|(log, head)| (raw(phi, head) - f64::from(*log)).powi(2)).sum::<f64>() as f32
    };
    // Without validation rows training rows judge, by heads that did not see their fold.
    let crossed = validation.rows() == 0 && ridge.folded();
    let judged = |penalty: &[f64]| -> (Vec<Vec<f64>>, Vec<f32>) {
        let whole = ridge.solve(penalty, None, None);
        let losses = if crossed {
            let by_fold: Vec<_> = (0..count).map(|fold| ridge.solve(penalty, None, Some(fold))).collect();
            let of_row = |row: usize| loss(train.row(row), train_logs, row, &by_fold[folds[row] as usize]);
            (0..train.rows()).into_par_iter().map(of_row).collect()
        } else {
            let of_row = |row: usize| loss(validation.row(row), validation_logs, row, &whole);
            (0..validation.rows()).into_par_iter().map(of_row).collect()
        };
        (whole, losses)
    };
    let none = vec![false; train.width];
    let mut level = layout.penalty(&none, 0.0, 0.0);
    if let Some(bias) = level.last_mut() {
        *bias = 0.0;
    }
    let (_, means) = judged(&level);
    let tried = PENALTIES.map(|penalty| judged(&layout.penalty(&keep, penalty, penalty)));
    let total = |losses: &[f32]| losses.iter().map(|loss| f64::from(*loss)).sum::<f64>();
    let (mut heads, losses) = tried.into_iter().min_by(|a, b| total(&a.1).total_cmp(&total(&b.1)))?;
    let (mean, error) = difference(&means, &losses);
    if mean <= SURE * error || mean.is_nan() {
        return None;
    }
    for (model, head) in heads.iter_mut().enumerate() {
        let residual = |row: usize| {
            let log = f64::from(train_logs[row * models + model]);
            (!log.is_nan()).then(|| log - raw(train.row(row), head))
        };
        let residuals: Vec<f64> = (0..train.rows()).filter_map(residual).collect();
        let variance = residuals.iter().map(|r| r * r).sum::<f64>() / residuals.len().max(1) as f64;
        if let Some(bias) = head.last_mut() {
            *bias += 0.5 * variance;
        }
    }
    Some(heads_of(heads))
}
