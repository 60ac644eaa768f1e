//! Sparse rows: what every trainer reads.

use ecology_core::text::{FeatureSpec, Features};

use crate::LearnError;

/// Rows of (index, value) pairs, one after the other (compressed sparse rows). Within a row indices rise and are unique.
///
/// ```
/// use ecology_learn::Rows;
/// let mut rows = Rows::new();
/// rows.push([(7, 1.0), (2, 0.5), (7, 1.0)]);
/// assert_eq!(rows.row(0), (&[2, 7][..], &[0.5, 2.0][..]));
/// let dense = Rows::dense(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(dense.row(1), (&[0, 1, 2][..], &[4.0, 5.0, 6.0][..]));
/// # Ok::<(), ecology_learn::LearnError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { starts: vec![0], indices: Vec::new(), values: Vec::new() }
    }
}

impl Rows {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One row per [`Features`] of such a spec: its n-grams, entries of equal index added up, then its dense features.
    pub fn from_features(spec: &FeatureSpec, features: impl IntoIterator<Item = Features>) -> Self {
        let mut rows = Self::new();
        for one in features {
            rows.push_features(spec, &one);
        }
        rows
    }

    /// `n` rows of `d` numbers each, row-major.
    pub fn dense(n: usize, d: usize, numbers: &[f32]) -> Result<Self, LearnError> {
        if n.checked_mul(d) != Some(numbers.len()) {
            let expected = n.saturating_mul(d);
            return Err(LearnError::Shape { what: "dense rows", expected, found: numbers.len() });
        }
        let starts = (0..=n).map(|row| row * d).collect();
        let indices = (0..n).flat_map(|_| 0..d as u32).collect();
        Ok(Self { starts, indices, values: numbers.to_vec() })
    }

    /// Adds a row; pairs of equal index are added up.
    pub fn push(&mut self, pairs: impl IntoIterator<Item = (u32, f32)>) {
        let mut row: Vec<(u32, f32)> = pairs.into_iter().collect();
        // Stable, so that equal indices are added in their order and the sum is the same everywhere.
        row.sort_by_key(|(index, _)| *index);
        let start = self.indices.len();
        for (index, value) in row {
            match self.values.last_mut() {
                Some(last) if self.indices.len() > start && self.indices.last() == Some(&index) => {
                    *last += value
                }
                _ => {
                    self.indices.push(index);
                    self.values.push(value);
                }
            }
        }
        self.starts.push(self.indices.len());
    }

    /// Adds the features of one text as a row: the index of an n-gram is its bucket, the dense features follow the last bucket.
    pub fn push_features(&mut self, spec: &FeatureSpec, features: &Features) {
        self.push(features.indices.iter().copied().zip(features.values.iter().copied()));
        let first = spec.buckets() as u32;
        self.indices.extend((first..).take(features.dense.len()));
        self.values.extend_from_slice(&features.dense);
        if let Some(end) = self.starts.last_mut() {
            *end = self.indices.len();
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
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

    /// Refuses what no trainer can use: no rows, an index beyond `dimension`, a value that is not finite.
    pub(crate) fn check(&self, dimension: usize) -> Result<(), LearnError> {
        if self.is_empty() {
            return Err(LearnError::NoRows);
        }
        for row in 0..self.len() {
            let (indices, values) = self.row(row);
            if let Some(index) = indices.iter().find(|index| **index as usize >= dimension) {
                return Err(LearnError::IndexOutOfRange { row, index: *index, dimension });
            }
            if values.iter().any(|value| !value.is_finite()) {
                return Err(LearnError::NotFinite { what: "a feature value", row });
            }
        }
        Ok(())
    }
}
