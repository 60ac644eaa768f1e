//! What the signals of a prompt (its length above all) say of its cost and latency.

use rayon::prelude::*;

use super::gram::Basis;
use super::observed::{Observed, Shape};
use super::ridge::Ridge;

const PENALTY: f64 = 1.0;

/// The direction of the dense features along which ln(cost), or where that is not known ln(latency), less its mean for each model,
/// rises; None without signals or amounts. Few numbers from all rows: nothing that would have to be out-of-fold.
pub(super) fn direction(data: &Observed<'_>, shape: &Shape) -> Option<Vec<f64>> {
    let logs = data.log_cost.or(data.log_latency).filter(|logs| logs.iter().any(|log| !log.is_nan()))?;
    if shape.signals == 0 {
        return None;
    }
    let models = shape.models;
    let mean = |model: usize| {
        let seen = logs.iter().skip(model).step_by(models).filter(|log| !log.is_nan());
        let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), log| (sum + f64::from(*log), count + 1.0));
        sum / f64::max(count, 1.0)
    };
    let means: Vec<f64> = (0..models).map(mean).collect();
    let target = |logs: &[f32]| {
        let seen = logs.iter().zip(&means).filter(|(log, _)| !log.is_nan());
        let (sum, count) =
            seen.fold((0.0, 0.0), |(sum, count), (log, mean)| (sum + f64::from(*log) - mean, count + 1.0));
        if count > 0.0 { (sum / count) as f32 } else { f32::NAN }
    };
    let targets: Vec<f32> = logs.chunks_exact(models).map(target).collect();
    let from = (shape.buckets + shape.embedding) as u32;
    let row = |row: usize| {
        let (indices, values) = data.rows.row(row);
        let mut signals = vec![0.0; shape.signals + 1];
        for (index, value) in indices.iter().zip(values).filter(|(index, _)| **index >= from) {
            signals[(index - from) as usize] = *value;
        }
        signals[shape.signals] = 1.0;
        signals
    };
    let numbers = (0..data.len()).into_par_iter().flat_map_iter(row).collect();
    let basis = Basis { width: shape.signals + 1, numbers };
    let ridge = Ridge::of(&basis, &targets, 1, &vec![0; targets.len()], 1);
    let mut penalty = vec![PENALTY; basis.width];
    penalty[shape.signals] = 0.0;
    let head = ridge.solve(&penalty, None, None).swap_remove(0);
    let mut direction = vec![0.0; shape.embedding];
    direction.extend(&head[..shape.signals]);
    Some(direction)
}
