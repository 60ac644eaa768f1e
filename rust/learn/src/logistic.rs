//! Independent logistic heads, one per column.

use crate::{LearnError, Linear, Rows};

/// How to train logistic heads.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticOptions {
    /// Passes over the rows.
    pub epochs: u32,
    /// Step size.
    pub learning_rate: f32,
    /// Weight decay.
    pub l2: f32,
    /// Seed of the order of the rows.
    pub seed: u64,
}

impl Default for LogisticOptions {
    fn default() -> Self {
        Self { epochs: 15, learning_rate: 1.0, l2: 0.0, seed: 0 }
    }
}

/// Fits `P(target = 1 | row) = sigmoid(score)` for every column; targets are `[rows][columns]` in [0, 1], NaN where
/// nothing was observed.
pub fn fit_logistic(
    rows: &Rows,
    targets: &[f32],
    columns: usize,
    dimension: usize,
    options: &LogisticOptions,
) -> Result<Linear, LearnError> {
    let mut linear = Linear { weights: vec![0.0; dimension * columns], bias: vec![0.0; columns] };
    for _ in 0..options.epochs {
        for row in 0..rows.len() {
            let scores = linear.score(rows, row);
            let (indices, values) = rows.row(row);
            for (column, score) in scores.iter().enumerate() {
                let target = targets[row * columns + column];
                if target.is_nan() {
                    continue;
                }
                let step = options.learning_rate * (1.0 / (1.0 + (-score).exp()) - target);
                linear.bias[column] -= step;
                for (&index, &value) in indices.iter().zip(values) {
                    linear.weights[index as usize * columns + column] -= step * value;
                }
            }
        }
    }
    Ok(linear)
}
