//! Normal equations of many columns at once, where each column has its own observations.
//!
//! **The problem.** A head per model needs Σ φφᵀ over the rows on which that model was observed. Models that were observed on the same
//! rows share the matrix, so that with full feedback it is summed once, however many models there are. Sums go over blocks of rows
//! that are cut by number, never by thread, and are added in their order.

use rayon::prelude::*;

/// Rows of a block: sums inside it are f32, blocks are added in f64.
const BLOCK: usize = 128;
/// Blocks that one task takes.
const TASK: usize = 16;

/// φ, row-major: `[rows][width]`.
#[derive(Clone)]
pub(super) struct Basis {
    pub(super) width: usize,
    pub(super) numbers: Vec<f32>,
}

impl Basis {
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.numbers[row * self.width..][..self.width]
    }

    /// Without the first numbers of each row.
    pub(super) fn without(&self, first: usize) -> Self {
        let rest = |row: &[f32]| row[first..].to_vec();
        Self {
            width: self.width - first,
            numbers: self.numbers.chunks_exact(self.width).flat_map(rest).collect(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.numbers.len() / self.width.max(1)
    }
}

/// Σ φφᵀ `[width][width]` and, for each of `columns` targets, Σ φ·t and the number of rows.
#[derive(Clone)]
pub(super) struct Normal {
    pub(super) gram: Vec<f64>,
    pub(super) right: Vec<Vec<f64>>,
    pub(super) rows: f64,
}

impl Normal {
    pub(super) fn zero(width: usize, columns: usize) -> Self {
        Self { gram: vec![0.0; width * width], right: vec![vec![0.0; width]; columns], rows: 0.0 }
    }

    pub(super) fn add(&mut self, other: &Self, sign: f64) {
        self.gram.iter_mut().zip(&other.gram).for_each(|(a, b)| *a += sign * b);
        for (mine, theirs) in self.right.iter_mut().zip(&other.right) {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += sign * b);
        }
        self.rows += sign * other.rows;
    }

    /// Sums over `rows`; `target(row, column)` is finite on them.
    pub(super) fn of(
        basis: &Basis,
        rows: &[u32],
        columns: usize,
        target: &(dyn Fn(usize, usize) -> f32 + Sync),
    ) -> Self {
        let width = basis.width;
        let task = |chosen: &[u32]| {
            let mut sum = Self::zero(width, columns);
            let (mut block, mut right) = (vec![0.0_f32; width * width], vec![0.0_f32; width * columns]);
            for rows in chosen.chunks(BLOCK) {
                block.fill(0.0);
                right.fill(0.0);
                accumulate(basis, rows, &mut block);
                for row in rows {
                    let phi = basis.row(*row as usize);
                    for column in 0..columns {
                        let t = target(*row as usize, column);
                        right[column * width..][..width].iter_mut().zip(phi).for_each(|(r, p)| *r += t * p);
                    }
                }
                sum.gram.iter_mut().zip(&block).for_each(|(sum, part)| *sum += f64::from(*part));
                for (sum, part) in sum.right.iter_mut().flatten().zip(&right) {
                    *sum += f64::from(*part);
                }
            }
            sum.rows = chosen.len() as f64;
            sum
        };
        // Few parts are alive at once: a part is as large as the sum.
        let mut total = Self::zero(width, columns);
        for group in rows.chunks(BLOCK * TASK * 16) {
            let parts: Vec<Self> = group.par_chunks(BLOCK * TASK).map(task).collect();
            parts.iter().for_each(|part| total.add(part, 1.0));
        }
        for i in 0..width {
            for j in 0..i {
                total.gram[i * width + j] = total.gram[j * width + i];
            }
        }
        total
    }
}

/// Adds φφᵀ of each row to the upper triangle, four rows at a time.
fn accumulate(basis: &Basis, rows: &[u32], sum: &mut [f32]) {
    let width = basis.width;
    let fours = rows.chunks_exact(4);
    let rest = fours.remainder();
    for four in fours {
        let row = |at: usize| basis.row(four[at] as usize);
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        for i in 0..width {
            let (x, y, z, w) = (a[i], b[i], c[i], d[i]);
            let into = &mut sum[i * width + i..(i + 1) * width];
            let (a, b, c, d) = (&a[i..], &b[i..], &c[i..], &d[i..]);
            for j in 0..into.len() {
                into[j] += (x * a[j] + y * b[j]) + (z * c[j] + w * d[j]);
            }
        }
    }
    for row in rest {
        let a = basis.row(*row as usize);
        for i in 0..width {
            let into = &mut sum[i * width + i..(i + 1) * width];
            into.iter_mut().zip(&a[i..]).for_each(|(sum, other)| *sum += a[i] * other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Random;

    #[test]
    fn sums_equal_their_slow_twin_on_one_thread_and_on_three() {
        let (width, count) = (7, 4_500);
        let mut random = Random::new(3);
        let numbers: Vec<f32> = (0..count * width).map(|_| random.unit() as f32 - 0.5).collect();
        let basis = Basis { width, numbers };
        let rows: Vec<u32> = (0..count as u32).filter(|row| row % 3 != 1).collect();
        let target = |row: usize, column: usize| ((row * 7 + column) % 5) as f32 / 4.0;
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Normal::of(&basis, &rows, 2, &target))
        };
        let (one, three) = (run(1), run(3));
        assert_eq!(one.gram, three.gram);
        assert_eq!(one.right, three.right);
        for i in 0..width {
            for j in 0..width {
                let slow: f64 = rows
                    .iter()
                    .map(|row| basis.row(*row as usize))
                    .map(|phi| f64::from(phi[i]) * f64::from(phi[j]))
                    .sum();
                assert!((one.gram[i * width + j] - slow).abs() < 1e-2, "{slow}");
            }
            let slow: f64 = rows
                .iter()
                .map(|row| f64::from(basis.row(*row as usize)[i] * target(*row as usize, 1)))
                .sum();
            assert!((one.right[1][i] - slow).abs() < 1e-2);
        }
    }
}
