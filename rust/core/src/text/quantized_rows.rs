//! Rows of one byte per weight: a quarter of the memory that scoring walks through.
//!
//! The weights of a column are integers from −128 to 127 times a scale of that column. Scoring a prompt reads a few hundred rows
//! picked by hashes: at 150 columns they are 20 MB of f32, which no cache near the core holds, and 5 MB of bytes.
//!
//! **Reduction order** (part of format `ecology.linear.v2`): features fall into runs of one value (an extraction has two, one for
//! words and one for characters; a run ends after 2²⁴ features). For each run the integers of a column are summed, exactly,
//! in whatever order. The score is `bias + scale · Σ value · sum`, in f64, run after run, and rounded to f32 at the end. So
//! neither vector width nor the order of additions can change a bit.

//!
//! Two columns are packed into a u16. Four instructions add a vector of them: the sum of the u16 themselves, modulo 2¹⁶, and
//! the sum of their high bytes. The latter is the sum of the odd columns; 256 times it taken from the former leaves that
//! of the even ones. Widening each byte, as a compiler does by itself, takes half as many again.

use super::aligned::{Aligned, LINE};

/// Columns that a pass over the features accumulates, and the pairs of them.
const PASS: usize = 256;
const PAIRS: usize = PASS / 2;
/// Rows whose bytes a u16 can sum: 257 · 255 = 65,535.
const BATCH: usize = 256;
/// Wide rows that are fetched before they are summed: at 256 columns they take 12 KB, a fraction of the first-level cache.
const FETCHED: usize = 48;
/// Features in a run: 2²⁴ · 128 fits an i32.
const LONGEST_RUN: usize = 1 << 24;
/// What is added to an integer weight so that it is a byte without a sign.
const ZERO: u8 = 128;

/// One row of bytes per bucket, one scale per column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct QuantizedRows {
    columns: usize,
    /// Pairs from one row to the next: 4, 8 or a multiple of 16, so that no row touches a line that it need not.
    stride: usize,
    /// `[buckets][stride]`: each weight plus [`ZERO`], the even column in the low byte.
    pairs: Aligned<u16>,
    scales: Vec<f32>,
}

impl QuantizedRows {
    /// Takes integer weights as `[buckets][columns]` and a scale per column.
    pub(super) fn new(scales: &[f32], integers: &[i8]) -> Self {
        let columns = scales.len();
        let stride = match columns {
            0..=8 => 4,
            9..=16 => 8,
            _ => columns.div_ceil(2).next_multiple_of(16),
        };
        let byte = |weight: i8| weight.cast_unsigned().wrapping_add(ZERO);
        let mut pairs = Aligned::filled(u16::from_le_bytes([ZERO; 2]), integers.len() / columns * stride);
        for (to, from) in pairs.as_mut_slice().chunks_exact_mut(stride).zip(integers.chunks_exact(columns)) {
            for (to, from) in to.iter_mut().zip(from.chunks(2)) {
                *to = u16::from_le_bytes([byte(from[0]), from.get(1).map_or(ZERO, |weight| byte(*weight))]);
            }
        }
        Self { columns, stride, pairs, scales: scales.to_vec() }
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
        let rows = self.pairs.as_slice().chunks_exact(self.stride);
        let bytes = |row: &[u16]| row.iter().flat_map(|pair| pair.to_le_bytes()).collect::<Vec<u8>>();
        rows.flat_map(|row| bytes(row).into_iter().take(self.columns))
            .map(|byte| byte.wrapping_sub(ZERO).cast_signed())
            .collect()
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
        size_of_val(self.pairs.as_slice())
    }

    /// Writes `bias + Σ value · row(index)` into `out`.
    pub(super) fn score_into(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        match self.stride {
            4 => self.score_narrow::<4>(features, bias, out),
            8 => self.score_narrow::<8>(features, bias, out),
            16 => self.score_narrow::<16>(features, bias, out),
            32 => self.score_narrow::<32>(features, bias, out),
            _ => self.score_wide(features, bias, out),
        }
    }

    /// Rows of `P` pairs: the sums of a batch stay in registers.
    fn score_narrow<const P: usize>(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        let (rows, _) = self.pairs.as_slice().as_chunks::<P>();
        let mut totals = [[0.0; 2]; P];
        for (indices, value) in runs(features) {
            let mut sums = [[0; 2]; P];
            for batch in indices.chunks(BATCH) {
                let (mut both, mut odd) = ([0_u16; P], [0_u16; P]);
                for index in batch {
                    let row = &rows[*index as usize];
                    for j in 0..P {
                        both[j] = both[j].wrapping_add(row[j]);
                        odd[j] += row[j] >> 8;
                    }
                }
                add_batch(&mut sums, (&both, &odd), batch.len());
            }
            add_run(&mut totals, &sums, value);
        }
        self.finish(totals.as_flattened(), bias, out, 0);
    }

    /// Rows of several lines: the sums of a batch stay in the first-level cache, 256 columns at a time.
    fn score_wide(&self, features: (&[u32], &[f32]), bias: &[f32], out: &mut [f32]) {
        let pairs = self.pairs.as_slice();
        for (pass, (out, bias)) in out.chunks_mut(PASS).zip(bias.chunks(PASS)).enumerate() {
            let first = pass * PAIRS;
            let width = (self.stride - first).min(PAIRS);
            let row = |index: u32| &pairs[index as usize * self.stride + first..][..width];
            let mut totals = [[0.0; 2]; PAIRS];
            for (indices, value) in runs(features) {
                let mut sums = [[0; 2]; PAIRS];
                for batch in indices.chunks(BATCH) {
                    let (mut both, mut odd) = ([0; PAIRS], [0; PAIRS]);
                    let (both, odd) = (&mut both[..width], &mut odd[..width]);
                    for fetched in batch.chunks(FETCHED) {
                        std::hint::black_box(fetched.iter().fold(0, |seen, index| seen | touch(row(*index))));
                        let (eights, last) = fetched.as_chunks::<8>();
                        eights.iter().for_each(|eight| add_eight(both, odd, eight.map(row)));
                        last.iter().for_each(|index| add_one(both, odd, row(*index)));
                    }
                    add_batch(&mut sums[..width], (both, odd), batch.len());
                }
                add_run(&mut totals[..width], &sums[..width], value);
            }
            self.finish(totals.as_flattened(), bias, out, first * 2);
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

/// Reads one pair of each cache line of a row. Summing eight rows takes so many instructions that a processor sees little
/// further ahead, and waits for memory at each of them; a loop that does nothing else waits for dozens of lines at once.
#[inline(always)]
fn touch(row: &[u16]) -> u16 {
    let last = row.last().copied().unwrap_or(0);
    row.iter().step_by(LINE / size_of::<u16>()).fold(last, |seen, pair| seen | pair)
}

/// Adds eight rows. Not inlined: as a function of its own, nothing that it reads can alias what it writes, so that LLVM
/// vectorises it.
#[inline(never)]
fn add_eight(both: &mut [u16], odd: &mut [u16], [a, b, c, d, e, f, g, h]: [&[u16]; 8]) {
    let n = both.len();
    let odd = &mut odd[..n];
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    let (e, f, g, h) = (&e[..n], &f[..n], &g[..n], &h[..n]);
    for j in 0..n {
        let four = a[j].wrapping_add(b[j]).wrapping_add(c[j]).wrapping_add(d[j]);
        let eight = four.wrapping_add(e[j]).wrapping_add(f[j]).wrapping_add(g[j]).wrapping_add(h[j]);
        both[j] = both[j].wrapping_add(eight);
        odd[j] += ((a[j] >> 8) + (b[j] >> 8) + (c[j] >> 8) + (d[j] >> 8))
            + ((e[j] >> 8) + (f[j] >> 8) + (g[j] >> 8) + (h[j] >> 8));
    }
}

#[inline(never)]
fn add_one(both: &mut [u16], odd: &mut [u16], row: &[u16]) {
    for ((both, odd), pair) in both.iter_mut().zip(odd).zip(row) {
        *both = both.wrapping_add(*pair);
        *odd += pair >> 8;
    }
}

/// Adds the sums of a batch of `rows` rows, without what [`ZERO`] put in.
fn add_batch(sums: &mut [[i32; 2]], (both, odd): (&[u16], &[u16]), rows: usize) {
    let zeros = i32::from(ZERO) * rows as i32;
    for ((sum, both), odd) in sums.iter_mut().zip(both).zip(odd) {
        let even = both.wrapping_sub(odd << 8);
        sum[0] += i32::from(even) - zeros;
        sum[1] += i32::from(*odd) - zeros;
    }
}

/// Adds the sums of a run of features of that value.
fn add_run(totals: &mut [[f64; 2]], sums: &[[i32; 2]], value: f32) {
    let value = f64::from(value);
    for (total, sum) in totals.iter_mut().zip(sums) {
        total[0] += value * f64::from(sum[0]);
        total[1] += value * f64::from(sum[1]);
    }
}
