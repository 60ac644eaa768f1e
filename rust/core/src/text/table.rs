//! Bucket-major weights and the scoring kernel.
//!
//! Scoring is Σ value · row over a few hundred rows picked by hashes, so it is a walk through memory, not arithmetic. Rows are therefore
//! whole cache lines (or whole parts of one), aligned, and four of them are in flight at once.
//!
//! **Reduction order** (part of feature version 1, the same on every CPU and for every number of columns): starting from the
//! bias, features are taken four at a time in their order, and each column adds
//! `(v₀·w₀ + v₁·w₁) + (v₂·w₂ + v₃·w₃)`; up to three left over add `v·w` one by one. Each product and sum is rounded to f32 by
//! itself, without fused multiply-add. A column never mixes with another, so vector width cannot change a bit.

use super::aligned::{Aligned, LINE};
use super::{FeatureSpec, Features, SpecError};

/// Columns that a pass over the features accumulates: 1 KB on the stack.
const PASS: usize = 256;

/// Linear weights over the buckets of a [`FeatureSpec`]: one row per bucket, one column per class or model.
///
/// ```
/// use ecology_core::text::{FeatureSpec, WeightTable};
/// let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
/// let table = WeightTable::new(spec.clone(), 2, &[0.5; 2 * 256], &[0.0, 1.0])?;
/// let mut scores = [0.0; 2];
/// table.score_into(&spec.extract("where is my card?"), &mut scores);
/// assert!((scores[1] - scores[0] - 1.0).abs() < 1e-5);
/// # Ok::<(), ecology_core::text::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTable {
    spec: FeatureSpec,
    columns: usize,
    /// f32 from one row to the next: 4, 8 or a multiple of 16, so that no row touches a line that it need not.
    stride: usize,
    /// `[buckets][stride]`.
    weights: Aligned,
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
        let stride = stride(columns);
        let mut padded = Aligned::zeros(spec.buckets() * stride);
        for (to, from) in padded.as_mut_slice().chunks_exact_mut(stride).zip(weights.chunks_exact(columns)) {
            to[..columns].copy_from_slice(from);
        }
        Ok(Self { spec, columns, stride, weights: padded, bias: bias.to_vec() })
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
        let rows = self.weights.as_slice().chunks_exact(self.stride);
        rows.flat_map(|row| &row[..self.columns]).copied().collect()
    }

    /// Bias of each column.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Bytes that the weights take in memory.
    pub fn memory_bytes(&self) -> usize {
        size_of_val(self.weights.as_slice())
    }

    /// Writes `bias + Σ value · row(index)` for each column into `out`, in the reduction order of this module.
    ///
    /// # Panics
    /// When `out` is not `columns` long, or when an index is not below the spec's buckets: the features of another spec.
    pub fn score_into(&self, features: &Features, out: &mut [f32]) {
        assert_eq!(out.len(), self.columns, "one score per column");
        let features = (&features.indices[..], &features.values[..]);
        match self.stride {
            4 => self.score_narrow::<4>(features, out),
            8 => self.score_narrow::<8>(features, out),
            16 => self.score_narrow::<16>(features, out),
            _ => self.score_wide(features, out),
        }
    }

    /// Rows of `S` columns: the sums stay in registers.
    fn score_narrow<const S: usize>(&self, features: (&[u32], &[f32]), out: &mut [f32]) {
        let weights = self.weights.as_slice();
        let row = |index: usize| {
            let mut row = [0.0; S];
            row.copy_from_slice(&weights[index * S..index * S + S]);
            row
        };
        let mut sum = [0.0; S];
        sum[..out.len()].copy_from_slice(&self.bias);
        in_fours(
            features,
            &mut sum,
            |sum, [a, b, c, d], v| {
                let (a, b, c, d) = (row(a), row(b), row(c), row(d));
                for j in 0..S {
                    sum[j] += (v[0] * a[j] + v[1] * b[j]) + (v[2] * c[j] + v[3] * d[j]);
                }
            },
            |sum, index, value| {
                let row = row(index);
                for j in 0..S {
                    sum[j] += value * row[j];
                }
            },
        );
        out.copy_from_slice(&sum[..out.len()]);
    }

    /// Rows of several lines: the sums stay in the first-level cache, 256 columns at a time.
    fn score_wide(&self, features: (&[u32], &[f32]), out: &mut [f32]) {
        let weights = self.weights.as_slice();
        for (pass, (out, bias)) in out.chunks_mut(PASS).zip(self.bias.chunks(PASS)).enumerate() {
            let first = pass * PASS;
            let width = (self.stride - first).min(PASS);
            let row = |index: usize| &weights[index * self.stride + first..][..width];
            let mut sums = [0.0; PASS];
            sums[..bias.len()].copy_from_slice(bias);
            in_fours(
                features,
                &mut sums[..width],
                |sums, [a, b, c, d], values| add_four(sums, [row(a), row(b), row(c), row(d)], values),
                |sums, index, value| {
                    sums.iter_mut().zip(row(index)).for_each(|(sum, weight)| *sum += value * weight);
                },
            );
            out.copy_from_slice(&sums[..out.len()]);
        }
    }
}

/// Adds four weighted rows. Not inlined: as a function of its own, nothing that it reads can alias what it writes, so
/// that LLVM vectorises it.
#[inline(never)]
fn add_four(sums: &mut [f32], [a, b, c, d]: [&[f32]; 4], v: [f32; 4]) {
    let n = sums.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for j in 0..n {
        sums[j] += (v[0] * a[j] + v[1] * b[j]) + (v[2] * c[j] + v[3] * d[j]);
    }
}

/// f32 from one row to the next.
fn stride(columns: usize) -> usize {
    match columns {
        0..=4 => 4,
        5..=8 => 8,
        _ => columns.next_multiple_of(LINE),
    }
}

/// Calls `four` with features four at a time in their order, then `one` with each of the last few.
#[inline(always)]
fn in_fours<S: ?Sized>(
    (mut indices, mut values): (&[u32], &[f32]),
    sums: &mut S,
    mut four: impl FnMut(&mut S, [usize; 4], [f32; 4]),
    mut one: impl FnMut(&mut S, usize, f32),
) {
    while let ([i0, i1, i2, i3, later @ ..], [v0, v1, v2, v3, values_later @ ..]) = (indices, values) {
        four(sums, [*i0 as usize, *i1 as usize, *i2 as usize, *i3 as usize], [*v0, *v1, *v2, *v3]);
        (indices, values) = (later, values_later);
    }
    for (index, value) in indices.iter().zip(values) {
        one(sums, *index as usize, *value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::Signals;

    /// The reduction order of the module's first lines, one column at a time.
    fn twin(table: &WeightTable, features: &Features) -> Vec<f32> {
        let (columns, weights) = (table.columns(), table.weights());
        let product =
            |column: usize, (index, value): (&u32, &f32)| value * weights[*index as usize * columns + column];
        let column = |column: usize| {
            let mut sum = table.bias()[column];
            for (indices, values) in features.indices.chunks(4).zip(features.values.chunks(4)) {
                let products: Vec<f32> =
                    indices.iter().zip(values).map(|pair| product(column, pair)).collect();
                match products[..] {
                    [a, b, c, d] => sum += (a + b) + (c + d),
                    _ => products.iter().for_each(|product| sum += product),
                }
            }
            sum
        };
        (0..columns).map(column).collect()
    }

    fn table(columns: usize) -> WeightTable {
        let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
        // Numbers of very different sizes, so that another order of summation would show.
        let number = |i: usize| ((i * 7919 % 1013) as f32 - 500.0) * 10_f32.powi((i % 7) as i32 - 3);
        let weights: Vec<f32> = (0..256 * columns).map(number).collect();
        let bias: Vec<f32> = (0..columns).map(number).collect();
        WeightTable::new(spec, columns, &weights, &bias).unwrap()
    }

    proptest! {
        #[test]
        fn scores_equal_their_slow_twin_bit_for_bit(
            columns in prop::sample::select(vec![1_usize, 3, 4, 5, 8, 9, 16, 17, 32, 150, 256, 257, 600]),
            pairs in prop::collection::vec((0_u32..256, -2.0_f32..2.0), 0..40),
        ) {
            let table = table(columns);
            let (indices, values) = pairs.into_iter().unzip();
            let features = Features::new(Signals::default(), indices, values);
            let mut scores = vec![0.0; columns];
            table.score_into(&features, &mut scores);
            prop_assert_eq!(scores, twin(&table, &features));
        }
    }

    #[test]
    fn weights_come_back_as_they_were_given() {
        for columns in [1, 4, 7, 16, 30] {
            let weights: Vec<f32> = (0..256 * columns).map(|i| i as f32).collect();
            let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
            let table = WeightTable::new(spec, columns, &weights, &vec![0.0; columns]).unwrap();
            assert_eq!(table.weights(), weights);
            assert_eq!(table.clone(), table);
        }
    }

    #[test]
    fn tables_that_mean_nothing_are_refused() {
        let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
        let new = |columns, weights: &[f32], bias: &[f32]| {
            WeightTable::new(spec.clone(), columns, weights, bias).unwrap_err()
        };
        let mut broken = [0.0; 512];
        broken[300] = f32::NAN;
        assert_eq!(new(0, &[], &[]), TableError::NoColumns);
        assert_eq!(
            new(2, &[0.0; 256], &[0.0; 2]),
            TableError::Shape { what: "weights", expected: 512, found: 256 }
        );
        assert_eq!(new(2, &[0.0; 512], &[0.0]), TableError::Shape { what: "bias", expected: 2, found: 1 });
        assert_eq!(new(2, &broken, &[0.0; 2]), TableError::NotFinite { what: "weights", position: 300 });
        assert_eq!(
            new(2, &[0.0; 512], &[0.0, f32::INFINITY]),
            TableError::NotFinite { what: "bias", position: 1 }
        );
        let wrong = FeatureSpec { buckets_log2: 60, ..spec.clone() };
        assert!(matches!(WeightTable::new(wrong, 2, &[], &[]), Err(TableError::Spec(_))));
    }
}
