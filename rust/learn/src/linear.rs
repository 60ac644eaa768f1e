//! What a trainer returns.

use ecology_core::text::{Extractor, TableError, WeightTable};

use crate::Rows;

/// A linear head: `score[column] = bias[column] + Σ value · weights[index][column]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// `[dimension][columns]`, row-major.
    pub weights: Vec<f32>,
    /// `[columns]`.
    pub bias: Vec<f32>,
}

impl Linear {
    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.bias.len()
    }

    /// Scores of one row.
    ///
    /// # Panics
    /// When the row has an index beyond the head's dimension.
    pub fn score(&self, rows: &Rows, row: usize) -> Vec<f32> {
        let mut scores = self.bias.clone();
        let (indices, values) = rows.row(row);
        for (&index, &value) in indices.iter().zip(values) {
            let start = index as usize * self.columns();
            for (score, weight) in scores.iter_mut().zip(&self.weights[start..start + self.columns()]) {
                *score += value * weight;
            }
        }
        scores
    }

    /// The same weights as a table for serving.
    pub fn into_table(self, extractor: Extractor) -> Result<WeightTable, TableError> {
        WeightTable::over(extractor, self.columns(), &self.weights, &self.bias)
    }

    /// Multiplies every score by `factor`.
    pub(crate) fn scale(&mut self, factor: f32) {
        self.weights.iter_mut().chain(&mut self.bias).for_each(|number| *number *= factor);
    }
}
