//! Symmetric matrices: solving with them, and their largest directions.
//!
//! Sizes are a few hundred, so the plain textbook forms in f64 are fast enough and come out the same on any number of threads.

use crate::math::Random;

/// Up to this size all directions are computed, above it only those that are asked for.
const SMALL: usize = 96;
/// Rounds of orthogonal iteration; directions of nearly equal size need not be told apart.
const ROUNDS: usize = 40;
const SWEEPS: usize = 30;

/// L with L·Lᵀ = the matrix (Cholesky), to solve with as often as one likes.
pub(super) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Of a `[size][size]` matrix that is positive definite up to rounding: a pivot that is not above 10⁻¹² of its diagonal
    /// is a direction without data, and stays at zero.
    pub(super) fn of(mut matrix: Vec<f64>, size: usize) -> Self {
        for j in 0..size {
            let (before, rest) = matrix.split_at_mut(j * size);
            let row_j = &mut rest[..size];
            let diagonal = row_j[j];
            for k in 0..j {
                let row_k = &before[k * size..][..k + 1];
                row_j[k] = (row_j[k] - dot(&row_j[..k], &row_k[..k])) / row_k[k];
            }
            let pivot = diagonal - dot(&row_j[..j], &row_j[..j]);
            row_j[j] = if pivot > 1e-12 * diagonal.abs() { pivot.sqrt() } else { f64::INFINITY };
        }
        Self { size, lower: matrix }
    }

    /// x with matrix · x = `right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (n, lower) = (self.size, &self.lower);
        let mut x = right.to_vec();
        for i in 0..n {
            x[i] = (x[i] - dot(&lower[i * n..][..i], &x[..i])) / lower[i * n + i];
        }
        for i in (0..n).rev() {
            let value = x[i] / lower[i * n + i];
            x[i] = value;
            for k in 0..i {
                x[k] -= lower[i * n + k] * value;
            }
        }
        x
    }
}

/// Σ a·b in four lanes, whose order is fixed.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (fours, others) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = fours.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in fours.zip(others) {
        for lane in 0..4 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// The `most` largest eigenvalues of a symmetric `[size][size]` matrix, falling, each with its unit vector. Signs are fixed by making
/// the largest coordinate of each vector positive.
pub(super) fn largest(matrix: &[f64], size: usize, most: usize) -> Vec<(f64, Vec<f64>)> {
    let mut pairs = if size <= SMALL { jacobi(matrix.to_vec(), size) } else { iterate(matrix, size, most) };
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs.truncate(most);
    for (_, vector) in &mut pairs {
        let top = vector.iter().copied().fold(0.0_f64, |top, x| if x.abs() > top.abs() { x } else { top });
        if top < 0.0 {
            vector.iter_mut().for_each(|x| *x = -*x);
        }
    }
    pairs
}

/// Cyclic Jacobi rotations (Golub & Van Loan 2013, §8.5).
fn jacobi(mut a: Vec<f64>, n: usize) -> Vec<(f64, Vec<f64>)> {
    // Rows of `vectors` are the eigenvectors.
    let mut vectors: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
    let scale = a.iter().map(|x| x * x).sum::<f64>();
    for _ in 0..SWEEPS {
        let off: f64 =
            (0..n).flat_map(|p| (0..p).map(move |q| (p, q))).map(|(p, q)| a[p * n + q].powi(2)).sum();
        if off <= 1e-24 * scale {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                let apq = a[p * n + q];
                if apq == 0.0 {
                    continue;
                }
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[k * n + p], a[k * n + q]);
                    (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
                }
                for m in [&mut a, &mut vectors] {
                    let (head, tail) = m.split_at_mut(q * n);
                    for (x, y) in head[p * n..][..n].iter_mut().zip(&mut tail[..n]) {
                        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                    }
                }
            }
        }
    }
    (0..n).map(|i| (a[i * n + i], vectors[i * n..][..n].to_vec())).collect()
}

/// Orthogonal iteration from a fixed start, then Jacobi in the space that it found (Rayleigh & Ritz).
fn iterate(matrix: &[f64], n: usize, most: usize) -> Vec<(f64, Vec<f64>)> {
    let width = (most + 8).min(n);
    let mut random = Random::new(0);
    let mut basis: Vec<Vec<f64>> =
        (0..width).map(|_| (0..n).map(|_| random.unit() - 0.5).collect()).collect();
    let times = |v: &Vec<f64>| -> Vec<f64> { (0..n).map(|i| dot(&matrix[i * n..][..n], v)).collect() };
    orthonormalise(&mut basis);
    for _ in 0..ROUNDS {
        basis = basis.iter().map(times).collect();
        orthonormalise(&mut basis);
    }
    let images: Vec<Vec<f64>> = basis.iter().map(times).collect();
    let small = (0..width * width).map(|at| dot(&basis[at / width], &images[at % width])).collect();
    let back = |(value, mix): (f64, Vec<f64>)| {
        let vector = (0..n).map(|i| mix.iter().zip(&basis).map(|(m, b)| m * b[i]).sum()).collect();
        (value, vector)
    };
    jacobi(small, width).into_iter().map(back).collect()
}

/// Modified Gram–Schmidt, twice; a vector that vanishes becomes zero.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let vector = &mut rest[0];
        let length = dot(vector, vector).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let along = dot(vector, other);
                vector.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            }
        }
        let left = dot(vector, vector).sqrt();
        let scale = if left > 1e-10 * length { 1.0 / left } else { 0.0 };
        vector.iter_mut().for_each(|x| *x *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_symmetric(n: usize, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        let tall: Vec<Vec<f64>> = (0..n).map(|_| (0..n).map(|_| random.unit() - 0.5).collect()).collect();
        (0..n * n).map(|at| dot(&tall[at / n], &tall[at % n])).collect()
    }

    #[test]
    fn solving_gives_back_the_right_side() {
        for n in [1, 2, 5, 40] {
            let mut matrix = random_symmetric(n, n as u64);
            (0..n).for_each(|i| matrix[i * n + i] += 1.0);
            let right: Vec<f64> = (0..n).map(|i| i as f64 - 1.5).collect();
            let x = Cholesky::of(matrix.clone(), n).solve(&right);
            for i in 0..n {
                assert!((dot(&matrix[i * n..][..n], &x) - right[i]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_direction_without_data_is_zero_and_not_infinite() {
        let x = Cholesky::of(vec![4.0, 0.0, 0.0, 0.0], 2).solve(&[8.0, 0.0]);
        assert_eq!(x, [2.0, 0.0]);
    }

    #[test]
    fn directions_are_those_that_the_matrix_only_stretches() {
        for (n, most) in [(1, 1), (3, 3), (20, 5), (150, 10)] {
            let matrix = random_symmetric(n, 7);
            let pairs = largest(&matrix, n, most);
            assert_eq!(pairs.len(), most);
            for (at, (value, vector)) in pairs.iter().enumerate() {
                assert!((dot(vector, vector) - 1.0).abs() < 1e-9);
                let tolerance = if n > SMALL { 0.05 * value } else { 1e-9 };
                for i in 0..n {
                    assert!((dot(&matrix[i * n..][..n], vector) - value * vector[i]).abs() < tolerance);
                }
                assert!(pairs[..at].iter().all(|(larger, _)| larger >= value));
            }
        }
    }
}
