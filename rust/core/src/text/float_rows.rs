//! Rows of f32: weights as they were trained.
//!
//! Scoring is Σ value · row over a few hundred rows picked by hashes, so it is a walk through memory, not arithmetic. Rows are therefore
//! whole cache lines (or whole parts of one), aligned, and four of them are in flight at once.
//!
//! **Reduction order** (part of format `ecology.linear.v1`, the same on every CPU and for every number of columns): starting from the
//! bias, features are taken four at a time in their order, and each column adds
//! `(v₀·w₀ + v₁·w₁) + (v₂·w₂ + v₃·w₃)`; up to three left over add `v·w` one by one. Each product and sum is rounded to f32 by
//! itself, without fused multiply-add. A column never mixes with another, so vector width cannot change a bit.

use super::aligned::{Aligned, LINE};

/// Columns that a pass over the features accumulates: 1 KB on the stack.
const PASS: usize = 256;

/// One row of f32 per bucket.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FloatRows {
    columns: usize,
    /// f32 from one row to the next: 4, 8 or a multiple of 16, so that no row touches a line that it need not.
    stride: usize,
    /// `[buckets][stride]`.
    weights: Aligned<f32>,
}

impl FloatRows {
    /// Takes `weights` as `[buckets][columns]`.
    pub(super) fn new(columns: usize, weights: &[f32]) -> Self {
        let stride = stride(columns);
        let mut padded = Aligned::filled(0.0, weights.len() / columns * stride);
        for (to, from) in padded.as_mut_slice().chunks_exact_mut(stride).zip(weights.chunks_exact(columns)) {
            to[..columns].copy_from_slice(from);
        }
        Self { columns, stride, weights: padded }
    }

    /// `[buckets][columns]`.
    pub(super) fn weights(&self) -> Vec<f32> {
        let rows = self.weights.as_slice().chunks_exact(self.stride);
        rows.flat_map(|row| &row[..self.columns]).copied().collect()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self.weights.as_slice())
    }

    /// Writes `bias + Σ value · row(index)` into `out`.
    pub(super) fn score_into(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        match self.stride {
            4 => self.score_narrow::<4>(features, bias, out),
            8 => self.score_narrow::<8>(features, bias, out),
            16 => self.score_narrow::<16>(features, bias, out),
            _ => self.score_wide(features, bias, out),
        }
    }

    /// Rows of `S` columns: the sums stay in registers.
    fn score_narrow<const S: usize>(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        let weights = self.weights.as_slice();
        let row = |index: usize| {
            let mut row = [0.0; S];
            row.copy_from_slice(&weights[index * S..index * S + S]);
            row
        };
        let mut sum = [0.0; S];
        sum[..out.len()].copy_from_slice(bias);
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
    fn score_wide(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        let weights = self.weights.as_slice();
        for (pass, (out, bias)) in out.chunks_mut(PASS).zip(bias.chunks(PASS)).enumerate() {
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
        _ => columns.next_multiple_of(LINE / size_of::<f32>()),
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
