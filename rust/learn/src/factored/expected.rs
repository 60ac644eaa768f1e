//! Expected cost and latency: heads on the same φ, where these depend on the prompt.

use ecology_core::snapshot::Heads;

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
    let losses = |heads: &[Vec<f64>]| -> Vec<f32> {
        let of_row = |row: usize| {
            let logs = &validation_logs[row * models..][..models];
            let seen = logs.iter().zip(heads).filter(|(log, _)| !log.is_nan());
            seen.map(|(log, head)| (raw(validation.row(row), head) - f64::from(*log)).powi(2)).sum::<f64>()
                as f32
        };
        (0..validation.rows()).map(of_row).collect()
    };
    let none = vec![false; train.width];
    let mut level = layout.penalty(&none, 0.0, 0.0);
    if let Some(bias) = level.last_mut() {
        *bias = 0.0;
    }
    let means = losses(&ridge.solve(&level, None, None));
    let tried = PENALTIES.map(|penalty| {
        let heads = ridge.solve(&layout.penalty(&keep, penalty, penalty), None, None);
        let losses = losses(&heads);
        (heads, losses)
    });
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
