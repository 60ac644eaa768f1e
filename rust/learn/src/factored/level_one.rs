//! First level: supervised scores of each prompt, from its features alone.
//!
//! A column per model (does it answer well?), per pair of models when there are few (which of the two is better?), and per task when
//! tasks are known (is it this one?). Each is a logistic head over n-grams and dense features. Whatever is fitted on top of these
//! scores must see them as they are on new prompts, so for training rows they are out-of-fold: a head is nearly always right
//! about rows that it was fitted on.

use rayon::prelude::*;

use super::observed::{NO_TASK, Observed, Shape};
use crate::dual::Span;
use crate::logistic::cross_fit_logistic;
use crate::progress::Part;
use crate::{LearnError, Linear, LogisticOptions};

/// Models observed on fewer prompts have no score of their own; their head is on the scores of others.
const FEWEST: usize = 20;
/// More models than this share columns, neighbours in mean score together: what is hard for one is hard for those of like ability.
const MOST_SUCCESS: usize = 48;
/// Up to this many models, each pair has a column.
const FEW_MODELS: usize = 3;

/// What a column of the first level is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// How well a model (or a few alike) does.
    Success,
    /// Which of two models does better.
    Difference,
    /// Whether the prompt is of this task.
    Task(u32),
}

/// Scores of the training rows by heads that did not see them, `[rows][columns]`, and heads that saw all rows.
pub(super) struct LevelOne {
    pub(super) kinds: Vec<Kind>,
    pub(super) held_out: Vec<f32>,
    pub(super) heads: Linear,
}

/// Targets `[rows][columns]` of the first level.
struct Targets {
    kinds: Vec<Kind>,
    numbers: Vec<f32>,
}

impl LevelOne {
    pub(super) fn fit(
        data: &Observed<'_>,
        shape: &Shape,
        (folds, count): (&[u32], u32),
        dense_scale: f32,
        options: &LogisticOptions,
        progress: &Part<'_, '_>,
    ) -> Result<Self, LearnError> {
        let targets = targets(data, shape, folds, count);
        let columns = targets.kinds.len();
        if columns == 0 {
            return Err(LearnError::NothingObserved { column: 0 });
        }
        let dimension = shape.dimension();
        let span = Span { dimension, dense_from: shape.buckets, dense_scale };
        let copies = cross_fit_logistic(
            data.rows,
            (&targets.numbers, columns),
            (folds, count),
            span,
            options,
            progress,
        )?;
        let score = |row: usize| {
            let mut out = vec![0.0; columns];
            add_scores(&copies, folds[row] as usize * columns, data.rows.row(row), &mut out);
            out
        };
        let mut held_out: Vec<f32> = (0..data.len()).into_par_iter().flat_map_iter(score).collect();
        centre(&mut held_out, columns, folds, count);
        let last = count as usize * columns;
        let all = columns * (count as usize + 1);
        let weights = copies.weights.chunks_exact(all).flat_map(|row| row[last..].to_vec()).collect();
        let heads = Linear { weights, bias: copies.bias[last..].to_vec() };
        Ok(Self { kinds: targets.kinds, held_out, heads })
    }
}

/// Gives every fold the mean of all rows, in each column.
///
/// A head that did not see a fold with many good answers has a lower bias than one that did, so that means of folds come out-of-fold
/// with the sign turned: on few rows this hides what the scores say.
pub(super) fn centre(numbers: &mut [f32], columns: usize, folds: &[u32], count: u32) {
    let mut sums = vec![0.0_f64; (count as usize + 1) * columns];
    let mut rows = vec![0_u32; count as usize];
    for (row, fold) in numbers.chunks_exact(columns).zip(folds) {
        rows[*fold as usize] += 1;
        for start in [*fold as usize * columns, count as usize * columns] {
            sums[start..][..columns].iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
    }
    let all = folds.len().max(1) as f64;
    let (of_folds, overall) = sums.split_at(count as usize * columns);
    let shifts: Vec<f32> = (of_folds.chunks_exact(columns).zip(&rows))
        .flat_map(|(sums, rows)| {
            let n = f64::from((*rows).max(1));
            sums.iter().zip(overall).map(move |(sum, whole)| (whole / all - sum / n) as f32)
        })
        .collect();
    for (row, fold) in numbers.chunks_exact_mut(columns).zip(folds) {
        row.iter_mut().zip(&shifts[*fold as usize * columns..]).for_each(|(x, shift)| *x += shift);
    }
}

/// Adds the scores of the columns from `first` on.
fn add_scores(linear: &Linear, first: usize, (indices, values): (&[u32], &[f32]), out: &mut [f32]) {
    let (columns, width) = (linear.columns(), out.len());
    out.copy_from_slice(&linear.bias[first..first + width]);
    for (index, value) in indices.iter().zip(values) {
        let weights = &linear.weights[*index as usize * columns + first..][..width];
        out.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
    }
}

fn targets(data: &Observed<'_>, shape: &Shape, folds: &[u32], count: u32) -> Targets {
    let (n, models) = (data.len(), shape.models);
    let score = |row: usize, model: usize| data.scores[row * models + model];
    let mut columns: Vec<(Kind, Vec<f32>)> = Vec::new();
    for group in alike(data, models) {
        let mean = |row: usize| {
            let seen = group.iter().map(|model| score(row, *model)).filter(|score| !score.is_nan());
            let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), score| (sum + score, count + 1.0));
            if count > 0.0 { sum / count } else { f32::NAN }
        };
        columns.push((Kind::Success, (0..n).map(mean).collect()));
    }
    if models <= FEW_MODELS {
        for (a, b) in (0..models).flat_map(|a| (a + 1..models).map(move |b| (a, b))) {
            // NaN of either is NaN of both.
            let half = |row: usize| (score(row, a) - score(row, b) + 1.0) / 2.0;
            columns.push((Kind::Difference, (0..n).map(half).collect()));
        }
    }
    for task in 0..shape.tasks as u32 {
        let Some(tasks) = data.tasks else { break };
        let is = |known: &u32| if *known == NO_TASK { f32::NAN } else { f32::from(u8::from(*known == task)) };
        columns.push((Kind::Task(task), tasks.iter().map(is).collect()));
    }
    // Outside of every fold something has to be seen; and what never varies has no score.
    columns.retain(|(_, numbers)| {
        let mut seen = vec![0; count as usize];
        let known = numbers.iter().zip(folds).filter(|(number, _)| !number.is_nan());
        known.for_each(|(_, fold)| seen[*fold as usize] += 1);
        let all: usize = seen.iter().sum();
        let mut known = numbers.iter().filter(|number| !number.is_nan());
        let first = known.next();
        let varied = known.any(|number| Some(number) != first);
        varied && all >= FEWEST.min(n) && seen.iter().all(|inside| all > *inside)
    });
    let numbers = (0..n).flat_map(|row| columns.iter().map(move |(_, numbers)| numbers[row])).collect();
    Targets { kinds: columns.iter().map(|(kind, _)| *kind).collect(), numbers }
}

/// Models that share a column: each its own, unless there are too many.
fn alike(data: &Observed<'_>, models: usize) -> Vec<Vec<usize>> {
    if models <= MOST_SUCCESS {
        return (0..models).map(|model| vec![model]).collect();
    }
    let mean = |model: usize| {
        let seen = data.scores.iter().skip(model).step_by(models).filter(|score| !score.is_nan());
        let (sum, count) =
            seen.fold((0.0, 0.0), |(sum, count), score| (sum + f64::from(*score), count + 1.0));
        (sum + 0.5) / (count + 1.0)
    };
    let means: Vec<f64> = (0..models).map(mean).collect();
    let mut order: Vec<usize> = (0..models).collect();
    order.sort_by(|a, b| means[*a].total_cmp(&means[*b]));
    let edge = |at: usize| at * models / MOST_SUCCESS;
    (0..MOST_SUCCESS).map(|at| order[edge(at)..edge(at + 1)].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fold_gets_the_mean_of_all_rows_and_rows_of_a_fold_keep_their_distances() {
        let mut numbers = vec![1.0, 10.0, 3.0, 10.0, 7.0, 40.0];
        centre(&mut numbers, 2, &[0, 0, 1], 3);
        let mean = [11.0 / 3.0, 20.0];
        let expected = [mean[0] - 1.0, mean[1], mean[0] + 1.0, mean[1], mean[0], mean[1]];
        numbers.iter().zip(expected).for_each(|(x, y)| assert!((x - y).abs() < 1e-5, "{numbers:?}"));
    }
}
