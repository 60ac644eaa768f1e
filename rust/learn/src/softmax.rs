//! Multinomial logistic regression.

use crate::{LearnError, Linear, Rows};

/// How to train a softmax head.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftmaxOptions {
    /// Passes over the rows.
    pub epochs: u32,
    /// Step size.
    pub learning_rate: f32,
    /// Weight decay.
    pub l2: f32,
    /// Seed of the order of the rows.
    pub seed: u64,
}

impl Default for SoftmaxOptions {
    fn default() -> Self {
        Self { epochs: 15, learning_rate: 1.0, l2: 0.0, seed: 0 }
    }
}

impl SoftmaxOptions {
    /// Defaults for dense, L2-normalised sentence embeddings (about 384 numbers a row).
    pub fn dense() -> Self {
        Self::default()
    }
}

/// Fits `P(label | row) = softmax(scores)`.
pub fn fit_softmax(
    rows: &Rows,
    labels: &[u32],
    columns: usize,
    dimension: usize,
    options: &SoftmaxOptions,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Linear, LearnError> {
    let mut linear = Linear { weights: vec![0.0; dimension * columns], bias: vec![0.0; columns] };
    for epoch in 0..options.epochs {
        for (row, &label) in labels.iter().enumerate() {
            let mut scores = linear.score(rows, row);
            let top = scores.iter().copied().fold(f32::MIN, f32::max);
            scores.iter_mut().for_each(|score| *score = (*score - top).exp());
            let total: f32 = scores.iter().sum();
            scores.iter_mut().for_each(|score| *score /= total);
            scores[label as usize] -= 1.0;
            let (indices, values) = rows.row(row);
            for (&index, &value) in indices.iter().zip(values) {
                for (column, gradient) in scores.iter().enumerate() {
                    linear.weights[index as usize * columns + column] -=
                        options.learning_rate * value * gradient;
                }
            }
        }
        progress((epoch + 1) as f32 / options.epochs as f32);
    }
    Ok(linear)
}

/// Scores `[rows][columns]` of every row from the model that did not see the row's fold.
pub fn out_of_fold_softmax(
    rows: &Rows,
    labels: &[u32],
    folds: &[u32],
    columns: usize,
    dimension: usize,
    options: &SoftmaxOptions,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Vec<f32>, LearnError> {
    let mut scores = vec![0.0; labels.len() * columns];
    let count = folds.iter().copied().max().unwrap_or(0) + 1;
    for fold in 0..count {
        let mut kept = Rows::new();
        let mut kept_labels = Vec::new();
        for (row, &label) in labels.iter().enumerate().filter(|(row, _)| folds[*row] != fold) {
            let (indices, values) = rows.row(row);
            kept.push(indices.iter().copied().zip(values.iter().copied()));
            kept_labels.push(label);
        }
        let linear = fit_softmax(&kept, &kept_labels, columns, dimension, options, &|_| ())?;
        for row in (0..labels.len()).filter(|row| folds[*row] == fold) {
            scores[row * columns..(row + 1) * columns].copy_from_slice(&linear.score(rows, row));
        }
        progress((fold + 1) as f32 / count as f32);
    }
    Ok(scores)
}
