//! Rows of one byte per number, and the sum of those that a text picks.
//!
//! **Order of additions** (part of format `ecology.embedding.v1`): pieces are taken four at a time in the order of the text, and each
//! dimension adds `(f₀·r₀ + f₁·r₁) + (f₂·r₂ + f₃·r₃)`; up to three left over add `f·r` one by one. A factor f is the rounded product of weight and
//! scale; every product and sum is rounded to f32 by itself. The squares of the sums are added in f64 in eight lanes (dimension modulo
//! eight), the lanes in pairs; the root and the quotient are exact to the last bit wherever IEEE 754 holds.

use super::super::aligned::{Aligned, LINE};

/// Integers, scales, weights.
#[derive(Clone, Debug)]
pub(super) struct EmbeddingRows {
    dimensions: usize,
    /// `[pieces][dimensions]`.
    integers: Aligned<i8>,
    scales: Vec<f32>,
    weights: Vec<f32>,
    /// `scale · weight`.
    factors: Vec<f32>,
}

/// Rows that are fetched before they are summed.
const FETCHED: usize = 16;

impl EmbeddingRows {
    pub(super) fn new(integers: &[i8], scales: &[f32], weights: &[f32]) -> Self {
        let mut aligned = Aligned::filled(0, integers.len());
        aligned.as_mut_slice().copy_from_slice(integers);
        let factors = scales.iter().zip(weights).map(|(scale, weight)| scale * weight).collect();
        Self {
            dimensions: integers.len() / scales.len().max(1),
            integers: aligned,
            scales: scales.to_vec(),
            weights: weights.to_vec(),
            factors,
        }
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub(super) fn len(&self) -> usize {
        self.factors.len()
    }

    pub(super) fn integers(&self) -> &[i8] {
        self.integers.as_slice()
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    pub(super) fn weights(&self) -> &[f32] {
        &self.weights
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.integers.as_slice().len() + 3 * size_of_val(self.factors.as_slice())
    }

    /// The sum of the rows of `pieces`, of L2 norm 1, into `out`; 0 where that sum is 0.
    pub(super) fn mean_into(&self, pieces: &[u32], out: &mut [f32]) {
        out.fill(0.0);
        let row = |piece: u32| {
            let start = piece as usize * self.dimensions;
            &self.integers.as_slice()[start..start + self.dimensions]
        };
        let factor = |piece: u32| self.factors[piece as usize];
        for batch in pieces.chunks(FETCHED) {
            std::hint::black_box(batch.iter().fold(0, |seen, piece| seen | touch(row(*piece))));
            let (fours, last) = batch.as_chunks::<4>();
            fours.iter().for_each(|four| add_four(out, four.map(row), four.map(factor)));
            last.iter().for_each(|piece| add_one(out, row(*piece), factor(*piece)));
        }
        let norm = norm(out);
        if norm > 0.0 {
            // In f64, so that a sum that is tiny or huge loses nothing.
            out.iter_mut().for_each(|number| *number = (f64::from(*number) / norm) as f32);
        }
    }
}

/// Reads one number of each cache line of a row: a loop that does nothing else waits for many lines at once.
#[inline(always)]
fn touch(row: &[i8]) -> i8 {
    row.iter().step_by(LINE).fold(0, |seen, number| seen | number)
}

/// Not inlined: as a function of its own, nothing that it reads can alias what it writes, so that LLVM vectorises it.
#[inline(never)]
fn add_four(sums: &mut [f32], [a, b, c, d]: [&[i8]; 4], f: [f32; 4]) {
    let n = sums.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for j in 0..n {
        sums[j] += (f[0] * f32::from(a[j]) + f[1] * f32::from(b[j]))
            + (f[2] * f32::from(c[j]) + f[3] * f32::from(d[j]));
    }
}

#[inline(never)]
fn add_one(sums: &mut [f32], row: &[i8], factor: f32) {
    for (sum, number) in sums.iter_mut().zip(row) {
        *sum += factor * f32::from(*number);
    }
}

fn norm(numbers: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    for eight in numbers.chunks(8) {
        for (lane, number) in lanes.iter_mut().zip(eight) {
            *lane += f64::from(*number) * f64::from(*number);
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    (((a + b) + (c + d)) + ((e + f) + (g + h))).sqrt()
}
