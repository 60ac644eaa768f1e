//! Ridge regression of many columns, each on the rows where it was observed, with folds left out.

use std::collections::HashMap;

use rayon::prelude::*;

use super::gram::{Basis, Normal};
use super::symmetric::Cholesky;

/// With more different sets of observed rows than this, one matrix of all rows stands for each, by its share of them: a matrix a
/// model would take more memory than it is worth.
const MOST_SETS: usize = 64;

/// The sums over the rows of one set of columns that were observed together, apart for each fold.
struct Sums {
    columns: Vec<usize>,
    folds: Vec<Normal>,
    total: Normal,
}

/// Normal equations, ready to be solved under any penalty. The last number of each row of φ is 1: the bias, which is not
/// penalised.
pub(super) struct Ridge {
    width: usize,
    columns: usize,
    sums: Vec<Sums>,
    /// Of all rows, where it stands for the matrix of each set: those have none.
    whole: Option<Normal>,
}

/// How strongly each number of φ is held towards the prior; infinite to leave it out.
pub(super) type Penalty<'p> = &'p [f64];

impl Ridge {
    /// Targets are `[rows][columns]`, NaN where not observed; rows have a fold below `count`.
    pub(super) fn of(basis: &Basis, targets: &[f32], columns: usize, folds: &[u32], count: u32) -> Self {
        let mut sets: HashMap<Vec<u64>, usize> = HashMap::new();
        let mut groups: Vec<(Vec<usize>, Vec<u32>)> = Vec::new();
        for column in 0..columns {
            let seen = |row: &u32| !targets[*row as usize * columns + column].is_nan();
            let mut mask = vec![0_u64; basis.rows().div_ceil(64)];
            let rows: Vec<u32> = (0..basis.rows() as u32).filter(seen).collect();
            rows.iter().for_each(|row| mask[*row as usize / 64] |= 1 << (row % 64));
            let at = *sets.entry(mask).or_insert_with(|| {
                groups.push((Vec::new(), rows));
                groups.len() - 1
            });
            groups[at].0.push(column);
        }
        let target = |row: usize, column: usize| targets[row * columns + column];
        let (sums, whole) = if groups.len() <= MOST_SETS {
            let own = |(columns, rows): (_, Vec<u32>)| Sums::of(basis, columns, &rows, folds, count, &target);
            (groups.into_iter().map(own).collect(), None)
        } else {
            let all: Vec<u32> = (0..basis.rows() as u32).collect();
            let whole = Normal::of(basis, &all, 0, &|_, _| 0.0);
            (Self::narrow(basis, groups, &target), Some(whole))
        };
        Self { width: basis.width, columns, sums, whole }
    }

    /// Right sides, which are exact, without a matrix.
    fn narrow(
        basis: &Basis,
        groups: Vec<(Vec<usize>, Vec<u32>)>,
        target: &(dyn Fn(usize, usize) -> f32 + Sync),
    ) -> Vec<Sums> {
        let narrow = |(columns, rows): (Vec<usize>, Vec<u32>)| {
            let right = columns.iter().map(|column| right(basis, &rows, *column, target)).collect();
            let total = Normal { gram: Vec::new(), right, rows: rows.len() as f64 };
            Sums { columns, folds: Vec::new(), total }
        };
        groups.into_par_iter().map(narrow).collect()
    }

    /// The matrix of a set of rows, and what it is to be multiplied by.
    fn matrix<'r>(&'r self, own: &'r Normal) -> (&'r [f64], f64) {
        match &self.whole {
            None => (&own.gram, 1.0),
            Some(whole) => (&whole.gram, own.rows / whole.rows.max(1.0)),
        }
    }

    /// Whether a fold can be left out.
    pub(super) fn folded(&self) -> bool {
        self.sums.iter().all(|sums| !sums.folds.is_empty())
    }

    /// Coefficients `[columns][width]` that minimise Σ (t − φ·h)² + Σ penalty·(h − prior)², without the rows of fold `without`.
    pub(super) fn solve(
        &self,
        penalty: Penalty<'_>,
        prior: Option<&[f64]>,
        without: Option<u32>,
    ) -> Vec<Vec<f64>> {
        let kept: Vec<usize> = (0..self.width).filter(|at| penalty[*at].is_finite()).collect();
        let of_set = |sums: &Sums| {
            let mut normal = sums.total.clone();
            if let Some(fold) = without.and_then(|fold| sums.folds.get(fold as usize)) {
                normal.add(fold, -1.0);
            }
            let heads = solve(self.matrix(&normal), &normal.right, &kept, penalty, prior);
            sums.columns.iter().copied().zip(heads).collect::<Vec<_>>()
        };
        let solved: Vec<Vec<(usize, Vec<f64>)>> = self.sums.par_iter().map(of_set).collect();
        let mut heads = vec![Vec::new(); self.columns];
        for (column, head) in solved.into_iter().flatten() {
            heads[column] = head;
        }
        heads
    }

    /// One head for all columns together, as if they were more rows of one.
    pub(super) fn solve_pooled(&self, penalty: Penalty<'_>, without: Option<u32>) -> Vec<f64> {
        let kept: Vec<usize> = (0..self.width).filter(|at| penalty[*at].is_finite()).collect();
        let mut pooled = Normal::zero(self.width, 1);
        for sums in &self.sums {
            let mut part = sums.total.clone();
            if let Some(fold) = without.and_then(|fold| sums.folds.get(fold as usize)) {
                part.add(fold, -1.0);
            }
            let times = sums.columns.len() as f64;
            let (gram, share) = self.matrix(&part);
            pooled.gram.iter_mut().zip(gram).for_each(|(sum, number)| *sum += times * (number * share));
            for right in &part.right {
                pooled.right[0].iter_mut().zip(right).for_each(|(sum, number)| *sum += number);
            }
            pooled.rows += times * part.rows;
        }
        solve((&pooled.gram, 1.0), &pooled.right, &kept, penalty, None).swap_remove(0)
    }

    /// Σ φφᵀ over all rows, or those of the first set: how the numbers of φ go together.
    pub(super) fn gram(&self) -> Option<&[f64]> {
        self.sums.first().map(|sums| self.matrix(&sums.total).0)
    }
}

impl Sums {
    fn of(
        basis: &Basis,
        columns: Vec<usize>,
        rows: &[u32],
        folds: &[u32],
        count: u32,
        target: &(dyn Fn(usize, usize) -> f32 + Sync),
    ) -> Self {
        let mine = |row: usize, at: usize| target(row, columns[at]);
        let fold = |fold: u32| {
            let rows: Vec<u32> = rows.iter().copied().filter(|row| folds[*row as usize] == fold).collect();
            Normal::of(basis, &rows, columns.len(), &mine)
        };
        let parts: Vec<Normal> = (0..count).map(fold).collect();
        let mut total = Normal::zero(basis.width, columns.len());
        parts.iter().for_each(|part| total.add(part, 1.0));
        Self { columns, folds: parts, total }
    }
}

fn right(
    basis: &Basis,
    rows: &[u32],
    column: usize,
    target: &(dyn Fn(usize, usize) -> f32 + Sync),
) -> Vec<f64> {
    let mut sum = vec![0.0; basis.width];
    for row in rows {
        let t = f64::from(target(*row as usize, column));
        let phi = basis.row(*row as usize);
        sum.iter_mut().zip(phi).for_each(|(sum, number)| *sum += t * f64::from(*number));
    }
    sum
}

fn solve(
    (gram, share): (&[f64], f64),
    right: &[Vec<f64>],
    kept: &[usize],
    penalty: Penalty<'_>,
    prior: Option<&[f64]>,
) -> Vec<Vec<f64>> {
    let (width, size) = (penalty.len(), kept.len());
    let mut matrix: Vec<f64> =
        kept.iter().flat_map(|i| kept.iter().map(move |j| gram[i * width + j] * share)).collect();
    kept.iter().enumerate().for_each(|(at, i)| matrix[at * size + at] += penalty[*i]);
    let cholesky = Cholesky::of(matrix, size);
    let of_column = |right: &Vec<f64>| {
        let pull = |i: usize| prior.map_or(0.0, |prior| penalty[i] * prior[i]);
        let right: Vec<f64> = kept.iter().map(|i| right[*i] + pull(*i)).collect();
        let mut head = vec![0.0; width];
        kept.iter().zip(cholesky.solve(&right)).for_each(|(i, x)| head[*i] = x);
        head
    };
    right.iter().map(of_column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Random;

    const WIDTH: usize = 4;

    fn problem(columns: usize, full: bool) -> (Basis, Vec<f32>, Vec<u32>) {
        let mut random = Random::new(1);
        let count = 200;
        let row = |random: &mut Random| -> Vec<f32> {
            (0..WIDTH).map(|at| if at + 1 == WIDTH { 1.0 } else { random.unit() as f32 - 0.5 }).collect()
        };
        let numbers = (0..count).flat_map(|_| row(&mut random)).collect();
        let target = |_| if !full && random.unit() < 0.3 { f32::NAN } else { random.unit() as f32 };
        let targets = (0..count * columns).map(target).collect();
        (Basis { width: WIDTH, numbers }, targets, (0..count as u32).map(|row| row % 3).collect())
    }

    /// The gradient of what is said to be minimised, one number after the other.
    fn slope(
        (basis, targets, folds): &(Basis, Vec<f32>, Vec<u32>),
        columns: usize,
        column: usize,
        head: &[f64],
        penalty: f64,
        without: Option<u32>,
    ) -> f64 {
        let gradient = |at: usize| {
            let of_row = |row: usize| {
                let t = targets[row * columns + column];
                if t.is_nan() || without == Some(folds[row]) {
                    return 0.0;
                }
                let phi = basis.row(row);
                let score: f64 = phi.iter().zip(head).map(|(p, h)| f64::from(*p) * h).sum();
                (score - f64::from(t)) * f64::from(phi[at])
            };
            let held = if at + 1 == WIDTH { 0.0 } else { penalty * head[at] };
            (0..basis.rows()).map(of_row).sum::<f64>() + held
        };
        (0..WIDTH).map(|at| gradient(at).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn every_column_is_at_its_own_minimum_with_any_fold_left_out() {
        for full in [true, false] {
            let data = problem(3, full);
            let ridge = Ridge::of(&data.0, &data.1, 3, &data.2, 3);
            for without in [None, Some(0), Some(2)] {
                let heads = ridge.solve(&[2.0, 2.0, 2.0, 0.0], None, without);
                for (column, head) in heads.iter().enumerate() {
                    assert!(slope(&data, 3, column, head, 2.0, without) < 1e-4);
                }
            }
        }
    }

    #[test]
    fn what_is_left_out_gets_no_weight_and_a_strong_prior_wins() {
        let data = problem(2, false);
        let ridge = Ridge::of(&data.0, &data.1, 2, &data.2, 3);
        let head = &ridge.solve(&[f64::INFINITY, 1.0, 1.0, 0.0], None, None)[1];
        assert_eq!(head[0], 0.0);
        assert!(head[1] != 0.0);
        let prior = [3.0, -2.0, 1.0, 0.0];
        let head = &ridge.solve(&[1e9, 1e9, 1e9, 0.0], Some(&prior), None)[0];
        (0..3).for_each(|at| assert!((head[at] - prior[at]).abs() < 1e-3));
    }

    #[test]
    fn very_many_sets_of_rows_share_one_matrix_and_stay_near_their_own_minimum() {
        let data = problem(MOST_SETS + 1, false);
        let columns = MOST_SETS + 1;
        let ridge = Ridge::of(&data.0, &data.1, columns, &data.2, 3);
        assert!(!ridge.folded());
        let own: usize = ridge.sums.iter().map(|sums| sums.total.gram.len()).sum();
        assert_eq!(own + ridge.whole.as_ref().unwrap().gram.len(), WIDTH * WIDTH, "memory for one matrix");
        let heads = ridge.solve(&[2.0, 2.0, 2.0, 0.0], None, None);
        for (column, head) in heads.iter().enumerate() {
            let mean = |row: usize| data.1[row * columns + column];
            let seen: Vec<f32> = (0..200).map(mean).filter(|t| !t.is_nan()).collect();
            let mean = f64::from(seen.iter().sum::<f32>()) / seen.len() as f64;
            assert!((head[WIDTH - 1] - mean).abs() < 0.1);
        }
    }
}
