//! Bucket-major weights and the scoring kernel.
//!
//! Scoring is Σ value · row over a few hundred rows picked by hashes, so it is a walk through memory, not arithmetic. Rows are therefore
//! whole cache lines (or whole parts of one), aligned, and four of them are in flight at once.
//!
//! **Reduction order** (part of feature version 1, the same on every CPU and for every number of columns): starting from the
//! bias, features are taken four at a time in their order, and each column adds
//! `(v₀·w₀ + v₁·w₁) + (v₂·w₂ + v₃·w₃)`; up to three left over add `v·w` one by one. Each product and sum is rounded to f32 by
//! itself, without fused multiply-add. A column never mixes with another, so vector width cannot change a bit.

use super::{FeatureSpec, Features, SpecError};

/// f32 in a cache line.
const LINE: usize = 16;
/// Lines that a pass over the features accumulates: 256 columns, 1 KB on the stack.
const PASS: usize = 16;

/// One cache line of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
struct Line([f32; LINE]);

/// Linear weights over the buckets of a [`FeatureSpec`]: one row per bucket, one column per class or model.
///
/// ```
/// use ecology_core::text::{FeatureSpec, WeightTable};
/// let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
/// let table = WeightTable::new(spec.clone(), 2, &[0.5; 2 * 256], &[0.0, 1.0])?;
/// let mut scores = [0.0; 2];
/// table.score_into(&spec.extract("where is my card?"), &mut scores);
/// assert_eq!(scores[1] - scores[0], 1.0);
/// # Ok::<(), ecology_core::text::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTable {
    spec: FeatureSpec,
    columns: usize,
    /// f32 from one row to the next: 4, 8 or a multiple of 16, so that no row crosses a line that it need not.
    stride: usize,
    lines: Vec<Line>,
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
        let mut lines = vec![Line([0.0; LINE]); (spec.buckets() * stride).div_ceil(LINE)];
        for (bucket, row) in weights.chunks_exact(columns).enumerate() {
            for (column, weight) in row.iter().enumerate() {
                let at = bucket * stride + column;
                lines[at / LINE].0[at % LINE] = *weight;
            }
        }
        Ok(Self { spec, columns, stride, lines, bias: bias.to_vec() })
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
        let mut weights = Vec::with_capacity(self.spec.buckets() * self.columns);
        for bucket in 0..self.spec.buckets() {
            let row = bucket * self.stride..bucket * self.stride + self.columns;
            weights.extend(row.map(|at| self.lines[at / LINE].0[at % LINE]));
        }
        weights
    }

    /// Bias of each column.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Bytes that the weights take in memory.
    pub fn memory_bytes(&self) -> usize {
        self.lines.len() * size_of::<Line>()
    }

    /// Writes `bias + Σ value · row(index)` for each column into `out`, in the reduction order of this module.
    ///
    /// # Panics
    /// When `out` is not `columns` long, or when an index is not below the spec's buckets: the features of another spec.
    pub fn score_into(&self, features: &Features, out: &mut [f32]) {
        assert_eq!(out.len(), self.columns, "one score per column");
        let features = (&features.indices[..], &features.values[..]);
        match self.stride {
            4 => self.score_part_of_a_line::<4>(features, out),
            8 => self.score_part_of_a_line::<8>(features, out),
            16 => self.score_line(features, out),
            _ => self.score_wide(features, out),
        }
    }

    /// Rows of `S` < 16 columns, several in a line.
    fn score_part_of_a_line<const S: usize>(&self, features: (&[u32], &[f32]), out: &mut [f32]) {
        let row = |index: usize| {
            let mut row = [0.0; S];
            row.copy_from_slice(&self.lines[index / (LINE / S)].0[index % (LINE / S) * S..][..S]);
            row
        };
        let mut sum = [0.0; S];
        sum[..out.len()].copy_from_slice(&self.bias);
        in_fours(
            features,
            &mut sum,
            |sum, [a, b, c, d], values| add_four(sum, [&row(a), &row(b), &row(c), &row(d)], values),
            |sum, index, value| add_one(sum, &row(index), value),
        );
        out.copy_from_slice(&sum[..out.len()]);
    }

    /// Rows of one line: the sums stay in registers.
    fn score_line(&self, features: (&[u32], &[f32]), out: &mut [f32]) {
        let row = |index: usize| &self.lines[index].0;
        let mut sum = [0.0; LINE];
        sum[..out.len()].copy_from_slice(&self.bias);
        in_fours(
            features,
            &mut sum,
            |sum, [a, b, c, d], values| add_four(sum, [row(a), row(b), row(c), row(d)], values),
            |sum, index, value| add_one(sum, row(index), value),
        );
        out.copy_from_slice(&sum[..out.len()]);
    }

    /// Rows of several lines: the sums stay in the first-level cache, 256 columns at a time.
    fn score_wide(&self, features: (&[u32], &[f32]), out: &mut [f32]) {
        let per_row = self.stride / LINE;
        let parts = out.chunks_mut(PASS * LINE).zip(self.bias.chunks(PASS * LINE));
        for (pass, (out, bias)) in parts.enumerate() {
            let first = pass * PASS;
            let count = (per_row - first).min(PASS);
            let row = |index: usize| &self.lines[index * per_row + first..][..count];
            let mut sums = [[0.0; LINE]; PASS];
            sums.as_flattened_mut()[..bias.len()].copy_from_slice(bias);
            in_fours(
                features,
                &mut sums,
                |sums, [a, b, c, d], values| {
                    let (a, b, c, d) = (row(a), row(b), row(c), row(d));
                    for line in 0..count {
                        add_four(&mut sums[line], [&a[line].0, &b[line].0, &c[line].0, &d[line].0], values);
                    }
                },
                |sums, index, value| {
                    for (sum, line) in sums.iter_mut().zip(row(index)) {
                        add_one(sum, &line.0, value);
                    }
                },
            );
            out.copy_from_slice(&sums.as_flattened()[..out.len()]);
        }
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
fn in_fours<S>(
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

#[inline(always)]
fn add_four<const N: usize>(sum: &mut [f32; N], rows: [&[f32; N]; 4], v: [f32; 4]) {
    for j in 0..N {
        sum[j] += (v[0] * rows[0][j] + v[1] * rows[1][j]) + (v[2] * rows[2][j] + v[3] * rows[3][j]);
    }
}

#[inline(always)]
fn add_one<const N: usize>(sum: &mut [f32; N], row: &[f32; N], value: f32) {
    for j in 0..N {
        sum[j] += value * row[j];
    }
}
