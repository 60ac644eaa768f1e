//! Sparse rows: what every trainer reads.

use ecology_core::text::Features;

use crate::LearnError;

/// Rows of (index, value) pairs, one after the other (compressed sparse rows).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Rows {
    /// No rows yet.
    pub fn new() -> Self {
        Self { starts: vec![0], indices: Vec::new(), values: Vec::new() }
    }

    /// One row per [`Features`]: its n-grams, entries of equal index added up.
    pub fn from_features(features: impl IntoIterator<Item = Features>) -> Self {
        let mut rows = Self::new();
        for one in features {
            rows.push_features(&one);
        }
        rows
    }

    /// `n` rows of `d` numbers each, row-major.
    pub fn dense(n: usize, d: usize, numbers: &[f32]) -> Result<Self, LearnError> {
        if n.checked_mul(d) != Some(numbers.len()) {
            return Err(LearnError::Shape {
                what: "dense rows",
                expected: n.saturating_mul(d),
                found: numbers.len(),
            });
        }
        let mut rows = Self::new();
        for row in numbers.chunks_exact(d.max(1)) {
            rows.push((0..).zip(row.iter().copied()));
        }
        Ok(rows)
    }

    /// Adds a row.
    pub fn push(&mut self, pairs: impl IntoIterator<Item = (u32, f32)>) {
        for (index, value) in pairs {
            self.indices.push(index);
            self.values.push(value);
        }
        self.starts.push(self.indices.len());
    }

    /// Adds the n-grams of one text as a row.
    pub fn push_features(&mut self, features: &Features) {
        self.push(features.indices.iter().copied().zip(features.values.iter().copied()));
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Indices and values of one row.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }
}
