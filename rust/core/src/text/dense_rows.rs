//! Rows of f32 for dense features: each text has all of them, so this is a small matrix product.
//!
//! **Reduction order** (part of format `ecology.linear.v3`): on top of what the n-grams gave a column, rounded to f32, features are
//! taken four at a time in their order, and each column adds `(v₀·w₀ + v₁·w₁) + (v₂·w₂ + v₃·w₃)`; up to three left over add `v·w` one by one. Each
//! product and sum is rounded to f32 by itself. A column never mixes with another, so vector width cannot change a bit.

/// One row of f32 per dense feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DenseRows {
    columns: usize,
    /// `[features][columns]`.
    weights: Vec<f32>,
}

impl DenseRows {
    pub(super) fn new(columns: usize, weights: &[f32]) -> Self {
        Self { columns, weights: weights.to_vec() }
    }

    /// `[features][columns]`.
    pub(super) fn weights(&self) -> &[f32] {
        &self.weights
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self.weights.as_slice())
    }

    /// Adds `Σ value · row` to `out`. Values that are missing are 0.
    pub(super) fn add_into(&self, values: &[f32], out: &mut [f32]) {
        let fours = self.weights.chunks_exact(self.columns * 4).zip(values.chunks_exact(4));
        let done = fours.len() * 4;
        fours.for_each(|(rows, values)| add_four(out, rows, values));
        let rest = self.weights.chunks_exact(self.columns).zip(values).skip(done);
        rest.for_each(|(row, value)| add_one(out, row, *value));
    }
}

/// Not inlined: as a function of its own, nothing that it reads can alias what it writes, so that LLVM vectorises it.
#[inline(never)]
fn add_four(sums: &mut [f32], rows: &[f32], values: &[f32]) {
    let n = sums.len();
    let ([v0, v1, v2, v3], true) = (values, rows.len() == 4 * n) else { return };
    let (a, rest) = rows.split_at(n);
    let (b, rest) = rest.split_at(n);
    let (c, d) = rest.split_at(n);
    let d = &d[..n];
    for j in 0..n {
        sums[j] += (v0 * a[j] + v1 * b[j]) + (v2 * c[j] + v3 * d[j]);
    }
}

#[inline(never)]
fn add_one(sums: &mut [f32], row: &[f32], value: f32) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += value * weight;
    }
}
