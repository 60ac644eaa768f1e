//! Rows of one byte per weight: a quarter of the memory that scoring walks through.
//!
//! The weights of a column are integers from −128 to 127 times a scale of that column. Scoring a prompt reads a few hundred rows
//! picked by hashes: at 150 columns they are 20 MB of f32, which no cache near the core holds, and 5 MB of bytes.
//!
//! **Reduction order** (part of format `ecology.linear.v2`): features fall into runs of one value (an extraction has two, one for
//! words and one for characters; a run ends after 2²⁴ features). For each run the integers of a column are summed, exactly,
//! in whatever order. The score is `bias + scale · Σ value · sum`, in f64, run after run, and rounded to f32 at the end. So
//! neither vector width nor the order of additions can change a bit.

use super::aligned::Aligned;

/// Columns that a pass over the features accumulates.
const PASS: usize = 256;
/// Rows whose bytes a u16 can sum: 257 · 255 = 65,535.
const BATCH: usize = 256;
/// Features in a run: 2²⁴ · 128 fits an i32.
const LONGEST_RUN: usize = 1 << 24;
/// What is added to an integer weight so that it is a byte without a sign, which costs one instruction less to widen.
const ZERO: u8 = 128;

/// One row of bytes per bucket, one scale per column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct QuantizedRows {
    columns: usize,
    /// Bytes from one row to the next: 8, 16 or a multiple of 32, so that no row touches a line that it need not.
    stride: usize,
    /// `[buckets][stride]`, each weight plus [`ZERO`].
    bytes: Aligned<u8>,
    scales: Vec<f32>,
}

impl QuantizedRows {
    /// Takes integer weights as `[buckets][columns]` and a scale per column.
    pub(super) fn new(scales: &[f32], integers: &[i8]) -> Self {
        let columns = scales.len();
        let stride = match columns {
            0..=8 => 8,
            9..=16 => 16,
            _ => columns.next_multiple_of(32),
        };
        let mut bytes = Aligned::filled(ZERO, integers.len() / columns * stride);
        for (to, from) in bytes.as_mut_slice().chunks_exact_mut(stride).zip(integers.chunks_exact(columns)) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from.cast_unsigned().wrapping_add(ZERO));
        }
        Self { columns, stride, bytes, scales: scales.to_vec() }
    }

    /// The nearest integers to f32 weights, `[buckets][columns]`: the largest weight of each column becomes 127.
    pub(super) fn nearest(columns: usize, weights: &[f32]) -> Self {
        let mut largest = vec![0.0_f32; columns];
        for row in weights.chunks_exact(columns) {
            largest.iter_mut().zip(row).for_each(|(largest, weight)| *largest = largest.max(weight.abs()));
        }
        let scales: Vec<f32> = largest.iter().map(|largest| largest / 127.0).collect();
        // A column of zeros has scale 0: 0 / 0 is NaN, which `as` turns into 0.
        let nearest = |(weight, scale): (&f32, &f32)| (weight / scale).round() as i8;
        let integers: Vec<i8> =
            weights.chunks_exact(columns).flat_map(|row| row.iter().zip(&scales).map(nearest)).collect();
        Self::new(&scales, &integers)
    }

    /// `[buckets][columns]`.
    pub(super) fn integers(&self) -> Vec<i8> {
        let rows = self.bytes.as_slice().chunks_exact(self.stride);
        rows.flat_map(|row| &row[..self.columns]).map(|byte| byte.wrapping_sub(ZERO).cast_signed()).collect()
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// As f32, `[buckets][columns]`.
    pub(super) fn weights(&self) -> Vec<f32> {
        let scales = self.scales.iter().cycle();
        self.integers().into_iter().zip(scales).map(|(integer, scale)| f32::from(integer) * scale).collect()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.as_slice().len()
    }

    /// Writes `bias + Σ value · row(index)` into `out`.
    pub(super) fn score_into(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        match self.stride {
            8 => self.score_narrow::<1>(features, bias, out),
            16 => self.score_narrow::<2>(features, bias, out),
            32 => self.score_narrow::<4>(features, bias, out),
            _ => self.score_wide(features, bias, out),
        }
    }

    /// Rows of `W` times eight columns: the sums of a batch stay in registers, four u16 in each u64 (SIMD within a register).
    fn score_narrow<const W: usize>(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        /// The bytes at even places.
        const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
        let (words, _) = self.bytes.as_slice().as_chunks::<8>();
        let (rows, _) = words.as_chunks::<W>();
        let mut totals = [[0.0; 8]; W];
        for (indices, value) in runs(features) {
            let mut sums = [[0_i32; 8]; W];
            for batch in indices.chunks(BATCH) {
                let (mut even, mut odd) = ([0_u64; W], [0_u64; W]);
                for index in batch {
                    let row = &rows[*index as usize];
                    for j in 0..W {
                        let word = u64::from_le_bytes(row[j]);
                        even[j] += word & EVEN;
                        odd[j] += word >> 8 & EVEN;
                    }
                }
                let partial: [[u16; 8]; W] = std::array::from_fn(|j| {
                    std::array::from_fn(|byte| {
                        let word = if byte % 2 == 0 { even[j] } else { odd[j] };
                        (word >> (byte / 2 * 16)) as u16
                    })
                });
                add_batch(sums.as_flattened_mut(), partial.as_flattened(), batch.len());
            }
            add_run(totals.as_flattened_mut(), sums.as_flattened(), value);
        }
        self.finish(totals.as_flattened(), bias, out, 0);
    }

    /// Rows of several lines: the sums of a batch stay in the first-level cache, 256 columns at a time.
    fn score_wide(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        let bytes = self.bytes.as_slice();
        for (pass, (out, bias)) in out.chunks_mut(PASS).zip(bias.chunks(PASS)).enumerate() {
            let first = pass * PASS;
            let width = (self.stride - first).min(PASS);
            let row = |index: &u32| &bytes[*index as usize * self.stride + first..][..width];
            let mut totals = [0.0; PASS];
            for (indices, value) in runs(features) {
                let mut sums = [0_i32; PASS];
                for batch in indices.chunks(BATCH) {
                    let mut partial = [0_u16; PASS];
                    let (fours, last) = batch.as_chunks::<4>();
                    for [a, b, c, d] in fours {
                        add_four(&mut partial[..width], [row(a), row(b), row(c), row(d)]);
                    }
                    for index in last {
                        partial.iter_mut().zip(row(index)).for_each(|(sum, byte)| *sum += u16::from(*byte));
                    }
                    add_batch(&mut sums[..width], &partial[..width], batch.len());
                }
                add_run(&mut totals[..width], &sums[..width], value);
            }
            self.finish(&totals, bias, out, first);
        }
    }

    fn finish(&self, totals: &[f64], bias: &[f32], out: &mut [f32], first: usize) {
        for (((out, bias), scale), total) in out.iter_mut().zip(bias).zip(&self.scales[first..]).zip(totals) {
            *out = (f64::from(*bias) + f64::from(*scale) * total) as f32;
        }
    }
}

/// The runs of equal values (to the bit), each as its indices and that value.
fn runs<'f>((mut indices, mut values): (&'f [u32], &'f [f32])) -> impl Iterator<Item = (&'f [u32], f32)> {
    std::iter::from_fn(move || {
        let first = *values.first()?;
        let same = |value: &f32| value.to_bits() == first.to_bits();
        let len = values.iter().take(LONGEST_RUN).take_while(|value| same(value)).count();
        let (run, later) = indices.split_at(len);
        (indices, values) = (later, &values[len..]);
        Some((run, first))
    })
}

/// Adds four rows. Not inlined: as a function of its own, nothing that it reads can alias what it writes, so that LLVM
/// vectorises it.
#[inline(never)]
fn add_four(sums: &mut [u16], [a, b, c, d]: [&[u8]; 4]) {
    let n = sums.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for j in 0..n {
        sums[j] += (u16::from(a[j]) + u16::from(b[j])) + (u16::from(c[j]) + u16::from(d[j]));
    }
}

/// Adds the sums of a batch of `rows` rows, without what [`ZERO`] put in.
fn add_batch(sums: &mut [i32], partial: &[u16], rows: usize) {
    let zeros = i32::from(ZERO) * rows as i32;
    sums.iter_mut().zip(partial).for_each(|(sum, partial)| *sum += i32::from(*partial) - zeros);
}

/// Adds the sums of a run of features of that value.
fn add_run(totals: &mut [f64], sums: &[i32], value: f32) {
    let value = f64::from(value);
    totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += value * f64::from(*sum));
}
