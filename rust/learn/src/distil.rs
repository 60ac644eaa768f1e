//! A static embedding from a sentence encoder: which vector should each word piece have, so that their sum says what the encoder says?
//!
//! **The problem.** Averaging what an encoder says of single pieces (as model2vec does) is weak: a piece means something else in a sentence.
//! The encoder can be asked about whole texts instead, which need no labels: with X the L2-normalised counts of pieces in each text and E
//! the encoder's vectors of the same texts, the table W is the ridge regression ‖XW − E‖² + λ‖W − W₀‖². The prior W₀, what the encoder
//! says of single pieces, is what remains for pieces that no text holds.
//!
//! Solved by conjugate gradients on the normal equations (Hestenes & Stiefel 1952). Columns are independent problems that read the same
//! rows, so blocks of them go to rayon; blocks are cut by column, never by thread, and the result does not depend on the number of threads.

use ecology_core::text::StaticEmbedding;
use rayon::prelude::*;

use crate::progress::Progress;
use crate::{LearnError, Rows};

/// Columns that are solved together: a cache line of f32.
const WIDTH: usize = 16;

/// How a table is fitted to an encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistilOptions {
    /// Weight of the prior, in texts: above 0. On intents and examination questions 0.1 to 1 differ by nothing.
    pub lambda: f32,
    /// Conjugate-gradient steps, 1 to 1,000. From 25 on nothing changes.
    pub steps: u32,
}

impl Default for DistilOptions {
    fn default() -> Self {
        Self { lambda: 0.3, steps: 25 }
    }
}

/// The L2-normalised counts of the table's pieces in each text, as rows.
pub fn piece_counts(table: &StaticEmbedding, texts: &[&str]) -> Rows {
    let counted: Vec<Vec<(u32, f32)>> = texts
        .par_iter()
        .map(|text| {
            let mut pieces = Vec::new();
            table.pieces_into(text, &mut pieces);
            pieces.sort_unstable();
            let counts = pieces.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as f32));
            let norm = counts.clone().map(|(_, count)| count * count).sum::<f32>().sqrt();
            counts.map(|(piece, count)| (piece, count / norm)).collect()
        })
        .collect();
    let mut rows = Rows::new();
    counted.into_iter().for_each(|row| rows.push(row));
    rows
}

/// `rows · weights`: `[rows][columns]` from weights `[dimension][columns]`.
pub fn project(rows: &Rows, weights: &[f32], columns: usize) -> Result<Vec<f32>, LearnError> {
    rows.check(weights.len() / columns.max(1))?;
    let project = |row: usize| {
        let mut sums = vec![0.0; columns];
        let (indices, values) = rows.row(row);
        for (index, value) in indices.iter().zip(values) {
            let weights = &weights[*index as usize * columns..][..columns];
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
        }
        sums
    };
    Ok((0..rows.len()).into_par_iter().map(project).collect::<Vec<_>>().concat())
}

/// The table W `[dimension][columns]` that minimises ‖XW − E‖² + λ‖W − W₀‖², for rows X, `targets` E `[rows][columns]` and the
/// `prior` W₀ `[dimension][columns]`. `tell` is told how far the work is, in [0, 1].
pub fn distil(
    rows: &Rows,
    targets: &[f32],
    prior: &[f32],
    columns: usize,
    options: &DistilOptions,
    tell: &(dyn Fn(f32) + Sync),
) -> Result<Vec<f32>, LearnError> {
    let option = |option, value, expected| Err(LearnError::Option { option, value, expected });
    if !(options.lambda.is_finite() && options.lambda > 0.0) {
        return option("lambda", f64::from(options.lambda), "above 0");
    }
    if !(1..=1_000).contains(&options.steps) {
        return option("steps", f64::from(options.steps), "1 to 1000");
    }
    if columns == 0 {
        return option("columns", 0.0, "at least 1");
    }
    let dimension = prior.len() / columns;
    for (what, found, expected) in
        [("targets", targets.len(), rows.len() * columns), ("prior", prior.len(), dimension * columns)]
    {
        if found != expected {
            return Err(LearnError::Shape { what, expected, found });
        }
    }
    rows.check(dimension)?;
    for (what, numbers) in [("a target", targets), ("the prior", prior)] {
        if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(LearnError::NotFinite { what, row: at / columns });
        }
    }
    let progress = Progress::new(tell);
    let firsts: Vec<usize> = (0..columns).step_by(WIDTH).collect();
    let share = 1.0 / firsts.len() as f32;
    let solve = |first: &usize| {
        let mut part = progress.part(share);
        let block = Block { rows, columns, first: *first, lambda: options.lambda };
        block.solve(targets, prior, options.steps, |done| part.advance(done))
    };
    let blocks: Vec<Vec<[f32; WIDTH]>> = firsts.par_iter().map(solve).collect();
    let mut table = prior.to_vec();
    for (first, change) in firsts.into_iter().zip(blocks) {
        for (row, change) in table.chunks_exact_mut(columns).zip(change) {
            row[first..].iter_mut().zip(change).for_each(|(weight, change)| *weight += change);
        }
    }
    Ok(table)
}

/// Up to 16 columns from `first` on; those beyond the last stay 0.
struct Block<'a> {
    rows: &'a Rows,
    columns: usize,
    first: usize,
    lambda: f32,
}

type Lanes = [f32; WIDTH];

impl Block<'_> {
    /// W − W₀.
    fn solve(&self, targets: &[f32], prior: &[f32], steps: u32, mut tell: impl FnMut(f32)) -> Vec<Lanes> {
        let prior: Vec<Lanes> = prior.chunks_exact(self.columns).map(|row| self.lanes(row)).collect();
        // Xᵀ(E − XW₀)
        let mut residual = vec![[0.0; WIDTH]; prior.len()];
        for row in 0..self.rows.len() {
            let said = self.times(&prior, row);
            let mut missing = self.lanes(&targets[row * self.columns..][..self.columns]);
            missing.iter_mut().zip(said).for_each(|(missing, said)| *missing -= said);
            self.add(&mut residual, row, &missing);
        }
        let mut change = vec![[0.0; WIDTH]; prior.len()];
        let mut direction = residual.clone();
        let mut squares = dot(&residual, &residual);
        for step in 0..steps {
            // (XᵀX + λ) · direction, in one pass over the rows.
            let mut curved: Vec<Lanes> = direction.iter().map(|row| row.map(|x| self.lambda * x)).collect();
            for row in 0..self.rows.len() {
                let along = self.times(&direction, row);
                self.add(&mut curved, row, &along);
            }
            let length = ratio(&squares, &dot(&direction, &curved));
            axpy(&mut change, &length, &direction);
            axpy(&mut residual, &length.map(|x| -x), &curved);
            let next = dot(&residual, &residual);
            let turn = ratio(&next, &squares);
            for (direction, residual) in direction.iter_mut().zip(&residual) {
                for j in 0..WIDTH {
                    direction[j] = residual[j] + turn[j] * direction[j];
                }
            }
            squares = next;
            tell((step + 1) as f32 / steps as f32);
        }
        change
    }

    fn lanes(&self, row: &[f32]) -> Lanes {
        let mut lanes = [0.0; WIDTH];
        lanes.iter_mut().zip(&row[self.first..]).for_each(|(lane, number)| *lane = *number);
        lanes
    }

    /// The row times a table.
    #[inline]
    fn times(&self, table: &[Lanes], row: usize) -> Lanes {
        let mut sum = [0.0; WIDTH];
        let (indices, values) = self.rows.row(row);
        for (index, value) in indices.iter().zip(values) {
            let weights = &table[*index as usize];
            for j in 0..WIDTH {
                sum[j] += value * weights[j];
            }
        }
        sum
    }

    /// Adds the outer product of the row and `numbers` to a table.
    #[inline]
    fn add(&self, table: &mut [Lanes], row: usize, numbers: &Lanes) {
        let (indices, values) = self.rows.row(row);
        for (index, value) in indices.iter().zip(values) {
            let weights = &mut table[*index as usize];
            for j in 0..WIDTH {
                weights[j] += value * numbers[j];
            }
        }
    }
}

/// Products of each column, summed in f64 in the order of the rows.
fn dot(a: &[Lanes], b: &[Lanes]) -> [f64; WIDTH] {
    let mut sums = [0.0; WIDTH];
    for (a, b) in a.iter().zip(b) {
        for j in 0..WIDTH {
            sums[j] += f64::from(a[j]) * f64::from(b[j]);
        }
    }
    sums
}

/// 0 where there is nothing left to do.
fn ratio(a: &[f64; WIDTH], b: &[f64; WIDTH]) -> Lanes {
    std::array::from_fn(|j| if b[j] > 0.0 { (a[j] / b[j]) as f32 } else { 0.0 })
}

fn axpy(sum: &mut [Lanes], factor: &Lanes, rows: &[Lanes]) {
    for (sum, row) in sum.iter_mut().zip(rows) {
        for j in 0..WIDTH {
            sum[j] += factor[j] * row[j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(i: usize) -> f32 {
        ((i * 7919 + 13) % 1009) as f32 / 504.5 - 1.0
    }

    fn problem(columns: usize) -> (Rows, Vec<f32>, Vec<f32>) {
        let mut rows = Rows::new();
        for row in 0..30 {
            rows.push((0..4).map(|i| (((row * 5 + i * 3) % 7) as u32, 0.5)));
        }
        let targets = (0..30 * columns).map(number).collect();
        let prior = (0..8 * columns).map(|i| number(i + 999)).collect();
        (rows, targets, prior)
    }

    fn solved(columns: usize, options: &DistilOptions) -> Vec<f32> {
        let (rows, targets, prior) = problem(columns);
        distil(&rows, &targets, &prior, columns, options, &|_| ()).unwrap()
    }

    /// The gradient of the objective, by definition.
    fn gradient(table: &[f32], columns: usize, lambda: f32) -> Vec<f64> {
        let (rows, targets, prior) = problem(columns);
        let mut gradient: Vec<f64> =
            table.iter().zip(&prior).map(|(w, w0)| f64::from(lambda) * f64::from(w - w0)).collect();
        for row in 0..rows.len() {
            let (indices, values) = rows.row(row);
            for column in 0..columns {
                let at = |index: &u32| *index as usize * columns + column;
                let said: f64 = indices
                    .iter()
                    .zip(values)
                    .map(|(index, value)| f64::from(*value) * f64::from(table[at(index)]))
                    .sum();
                let error = said - f64::from(targets[row * columns + column]);
                for (index, value) in indices.iter().zip(values) {
                    gradient[at(index)] += f64::from(*value) * error;
                }
            }
        }
        gradient
    }

    #[test]
    fn the_gradient_is_0_at_the_solution_whatever_the_number_of_columns() {
        for columns in [1, 3, 16, 17, 40] {
            for lambda in [0.1, 1.0, 30.0] {
                let table = solved(columns, &DistilOptions { lambda, ..DistilOptions::default() });
                for slope in gradient(&table, columns, lambda) {
                    assert!(slope.abs() < 1e-4, "{slope} at {columns} columns");
                }
            }
        }
    }

    #[test]
    fn a_piece_that_no_text_holds_keeps_its_prior_and_columns_do_not_see_each_other() {
        let (_, _, prior) = problem(17);
        let table = solved(17, &DistilOptions::default());
        assert_eq!(table[7 * 17..], prior[7 * 17..]);
        assert_ne!(table[..7 * 17], prior[..7 * 17]);
        let (rows, targets, prior) = problem(17);
        let first =
            |numbers: &[f32]| numbers.chunks(17).flat_map(|row| &row[..2]).copied().collect::<Vec<f32>>();
        let alone =
            distil(&rows, &first(&targets), &first(&prior), 2, &DistilOptions::default(), &|_| ()).unwrap();
        assert_eq!(first(&table), alone);
    }

    #[test]
    fn the_number_of_threads_changes_no_bit_and_progress_rises_to_1() {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| solved(40, &DistilOptions::default()))
        };
        assert_eq!(on(1), on(3));
        let told = std::sync::Mutex::new(vec![0.0]);
        let (rows, targets, prior) = problem(40);
        distil(&rows, &targets, &prior, 40, &DistilOptions::default(), &|done| {
            told.lock().unwrap().push(done)
        })
        .unwrap();
        let told = told.into_inner().unwrap();
        assert!(told.is_sorted() && told.last().is_some_and(|last| (last - 1.0).abs() < 1e-3));
    }

    #[test]
    fn counts_have_norm_1_and_projections_are_products() {
        let table = StaticEmbedding::new(&["a", "b", "##b"], &[1, 2, 3], &[1.0; 3], &[1.0; 3]).unwrap();
        let rows = piece_counts(&table, &["a b a ab", "", "zz"]);
        let norm = 11.0_f32.sqrt();
        assert_eq!(rows.row(0), (&[0, 1, 2][..], &[3.0 / norm, 1.0 / norm, 1.0 / norm][..]));
        assert_eq!((rows.len(), rows.row(1).0.len(), rows.row(2).0.len()), (3, 0, 0));
        let product = project(&rows, &[1.0, 0.0, 0.0, 1.0, 0.0, 2.0], 2).unwrap();
        assert!(product[..2].iter().all(|number| (number - 3.0 / norm).abs() < 1e-6));
        assert_eq!(product[2..], [0.0; 4]);
    }

    #[test]
    fn what_cannot_be_solved_is_refused() {
        let (rows, targets, mut prior) = problem(2);
        let solve =
            |targets: &[f32], prior: &[f32], options| distil(&rows, targets, prior, 2, &options, &|_| ());
        let usual = DistilOptions::default();
        assert!(matches!(
            solve(&targets[1..], &prior, usual),
            Err(LearnError::Shape { what: "targets", .. })
        ));
        assert!(matches!(solve(&targets, &prior[..8], usual), Err(LearnError::IndexOutOfRange { .. })));
        for options in [DistilOptions { lambda: 0.0, ..usual }, DistilOptions { steps: 0, ..usual }] {
            assert!(matches!(solve(&targets, &prior, options), Err(LearnError::Option { .. })));
        }
        prior[3] = f32::NAN;
        assert!(matches!(solve(&targets, &prior, usual), Err(LearnError::NotFinite { row: 1, .. })));
    }
}
