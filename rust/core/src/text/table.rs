//! Bucket-major weights and the scoring kernel.

use super::{FeatureSpec, Features, SpecError};

/// Linear weights over the buckets of a [`FeatureSpec`]: one row per bucket, one column per class or model.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTable {
    spec: FeatureSpec,
    columns: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// A [`WeightTable`] that would not mean anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The spec itself is refused.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A table without columns scores nothing.
    #[error("a weight table needs at least one column")]
    NoColumns,
    /// A length that does not fit.
    #[error("{what} has {found} numbers, expected {expected}")]
    Shape {
        /// `weights` or `bias`.
        what: &'static str,
        /// How many numbers it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// NaN or infinity.
    #[error("{what}[{position}] is not a finite number")]
    NotFinite {
        /// `weights` or `bias`.
        what: &'static str,
        /// Offset of the first such number.
        position: usize,
    },
}

impl WeightTable {
    /// Takes `weights` as `[buckets][columns]` and `bias` as `[columns]`.
    pub fn new(spec: FeatureSpec, columns: usize, weights: &[f32], bias: &[f32]) -> Result<Self, TableError> {
        spec.validate()?;
        if columns == 0 {
            return Err(TableError::NoColumns);
        }
        for (what, numbers, expected) in
            [("weights", weights, spec.buckets().saturating_mul(columns)), ("bias", bias, columns)]
        {
            if numbers.len() != expected {
                return Err(TableError::Shape { what, expected, found: numbers.len() });
            }
            if let Some(position) = numbers.iter().position(|number| !number.is_finite()) {
                return Err(TableError::NotFinite { what, position });
            }
        }
        Ok(Self { spec, columns, weights: weights.to_vec(), bias: bias.to_vec() })
    }

    /// What the rows stand for.
    pub fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// Number of scores that come out.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A copy of the weights as `[buckets][columns]`, as [`new`](Self::new) took them.
    pub fn weights(&self) -> Vec<f32> {
        self.weights.clone()
    }

    /// Bias of each column.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Writes `bias + Σ value · row(index)` for each column into `out`.
    ///
    /// # Panics
    /// When `out` is not `columns` long or an index is not below the spec's buckets.
    pub fn score_into(&self, features: &Features, out: &mut [f32]) {
        out.copy_from_slice(&self.bias);
        for (&index, &value) in features.indices.iter().zip(&features.values) {
            let start = index as usize * self.columns;
            for (score, weight) in out.iter_mut().zip(&self.weights[start..start + self.columns]) {
                *score += value * weight;
            }
        }
    }
}
