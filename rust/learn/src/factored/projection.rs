//! z: the few numbers of a prompt that every head reads.
//!
//! The supervised scores of the first level, reduced to their largest directions when they are many, beside the largest directions of
//! the static embedding. Both are linear in the features, so they become one table.

use rayon::prelude::*;

use super::level_one::{Kind, LevelOne};
use super::observed::{Observed, Shape};
use super::symmetric::{dot, largest};
use crate::{Linear, Rows};

/// A column of z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// A score of the first level.
    Score(Kind),
    /// A mixture of scores of the first level.
    Mixed,
    /// A direction of the dense features, unsupervised.
    Principal,
    /// What the signals say of cost and latency.
    Amount,
}

/// z of the training rows, as it is on new rows; the table that gives z of new rows; and what the columns are.
pub(super) struct Projection {
    pub(super) columns: Vec<Column>,
    /// `[rows][k]`, mean 0 and deviation 1.
    pub(super) held_out: Vec<f32>,
    pub(super) table: Linear,
    /// The scores of tasks from z: what the niche group is made of.
    pub(super) tasks: Vec<TaskScore>,
    /// Of each column of z before it was standardised, as far as it is a direction of dense features; else 0.
    pub(super) dense_deviation: Vec<f32>,
}

/// A task's score from z.
pub(super) struct TaskScore {
    pub(super) task: u32,
    /// `[k]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: f32,
}

impl Projection {
    /// `budget` columns at most, of which `principal` for the dense features, and one for `amount`, a direction of these.
    pub(super) fn of(
        data: &Observed<'_>,
        shape: &Shape,
        level: LevelOne,
        (budget, principal): (usize, usize),
        amount: Option<Vec<f64>>,
    ) -> Self {
        let amount: Vec<Vec<f64>> = amount.into_iter().filter(|_| budget > 2).collect();
        let room = budget.saturating_sub(1 + amount.len());
        let mut dense = principal_directions(data.rows, shape, principal.min(room));
        let principal = dense.len();
        dense.extend(amount);
        let (n, given) = (data.len(), level.kinds.len());
        let supervised = Standard::of(&level.held_out, given);
        let room = budget - dense.len();
        // Rows of `mix` are columns of z in standardised scores.
        let (mix, mut columns): (Vec<Vec<f64>>, Vec<Column>) = if given <= room {
            let unit = |at: usize| (0..given).map(|other| f64::from(u8::from(at == other))).collect();
            ((0..given).map(unit).collect(), level.kinds.iter().map(|kind| Column::Score(*kind)).collect())
        } else {
            let covariance = supervised.covariance(&level.held_out);
            let directions = largest(&covariance, given, room);
            (directions.into_iter().map(|(_, vector)| vector).collect(), vec![Column::Mixed; room])
        };
        columns.extend(vec![Column::Principal; principal]);
        columns.extend(vec![Column::Amount; dense.len() - principal]);
        let k = columns.len();
        let z = |row: usize| {
            let scores = &level.held_out[row * given..][..given];
            let scaled: Vec<f64> = supervised.scale(scores);
            let mixed = mix.iter().map(|mix| dot(mix, &scaled) as f32);
            let dense = dense.iter().map(|direction| along(direction, data.rows.row(row), shape.buckets));
            mixed.chain(dense).collect::<Vec<f32>>()
        };
        let mut held_out: Vec<f32> = (0..n).into_par_iter().flat_map_iter(z).collect();
        let last = Standard::of(&held_out, k);
        held_out.par_chunks_mut(k).for_each(|row| last.apply(row));

        let mut table = Linear { weights: vec![0.0; shape.dimension() * k], bias: vec![0.0; k] };
        for (at, mix) in mix.iter().enumerate() {
            let of = |feature: &[f32]| -> f64 {
                let scaled = feature.iter().zip(&supervised.deviation).zip(mix);
                scaled.map(|((weight, deviation), mix)| f64::from(*weight) * mix / deviation).sum()
            };
            for (into, from) in table.weights.chunks_exact_mut(k).zip(level.heads.weights.chunks_exact(given))
            {
                into[at] = (of(from) / last.deviation[at]) as f32;
            }
            let centred: Vec<f32> = level
                .heads
                .bias
                .iter()
                .zip(&supervised.mean)
                .map(|(bias, mean)| bias - *mean as f32)
                .collect();
            table.bias[at] = ((of(&centred) - last.mean[at]) / last.deviation[at]) as f32;
        }
        for (at, direction) in (mix.len()..).zip(&dense) {
            for (index, weight) in direction.iter().enumerate() {
                table.weights[(shape.buckets + index) * k + at] = (weight / last.deviation[at]) as f32;
            }
            table.bias[at] = (-last.mean[at] / last.deviation[at]) as f32;
        }
        let tasks = level.kinds.iter().enumerate().filter_map(|(at, kind)| match kind {
            Kind::Task(task) => {
                // The standardised score of the task is Σ mix[j][at] · (z_j · deviation_j + mean_j), for orthonormal mixtures.
                let (mean, deviation) = (supervised.mean[at], supervised.deviation[at]);
                let back = |j: usize| mix.get(j).map_or(0.0, |mix| mix[at] * deviation);
                let weights = (0..k).map(|j| (back(j) * last.deviation[j]) as f32).collect();
                let bias = (mean + (0..k).map(|j| back(j) * last.mean[j]).sum::<f64>()) as f32;
                Some(TaskScore { task: *task, weights, bias })
            }
            _ => None,
        });
        let tasks = tasks.collect();
        let of_column =
            |at: usize| if columns[at] == Column::Principal { last.deviation[at] as f32 } else { 0.0 };
        let dense_deviation = (0..k).map(of_column).collect();
        Self { columns, held_out, table, tasks, dense_deviation }
    }
}

/// Mean and deviation of each column.
pub(super) struct Standard {
    pub(super) mean: Vec<f64>,
    pub(super) deviation: Vec<f64>,
}

impl Standard {
    pub(super) fn of(numbers: &[f32], columns: usize) -> Self {
        let n = (numbers.len() / columns.max(1)).max(1) as f64;
        let mut mean = vec![0.0; columns];
        for row in numbers.chunks_exact(columns) {
            mean.iter_mut().zip(row).for_each(|(sum, number)| *sum += f64::from(*number));
        }
        mean.iter_mut().for_each(|sum| *sum /= n);
        let mut deviation = vec![0.0; columns];
        for row in numbers.chunks_exact(columns) {
            let squares = row.iter().zip(&mean).map(|(number, mean)| (f64::from(*number) - mean).powi(2));
            deviation.iter_mut().zip(squares).for_each(|(sum, square)| *sum += square);
        }
        deviation.iter_mut().for_each(|sum| {
            *sum = (*sum / n).sqrt();
            // A column without spread stays as it is.
            if *sum < 1e-9 {
                *sum = 1.0;
            }
        });
        Self { mean, deviation }
    }

    fn scale(&self, row: &[f32]) -> Vec<f64> {
        let numbers = row.iter().zip(&self.mean).zip(&self.deviation);
        numbers.map(|((number, mean), deviation)| (f64::from(*number) - mean) / deviation).collect()
    }

    fn apply(&self, row: &mut [f32]) {
        let scaled = self.scale(row);
        row.iter_mut().zip(scaled).for_each(|(number, scaled)| *number = scaled as f32);
    }

    /// Of the standardised columns.
    fn covariance(&self, numbers: &[f32]) -> Vec<f64> {
        let columns = self.mean.len();
        let rows: Vec<&[f32]> = numbers.chunks_exact(columns).collect();
        sum_of_squares(&rows, columns, |row| self.scale(row))
    }
}

/// Rows of a block whose sum is one addition of the total.
const BLOCK: usize = 512;

/// Σ xxᵀ / n over rows, in blocks that are cut by number.
fn sum_of_squares<R: Sync>(rows: &[R], width: usize, read: impl Fn(&R) -> Vec<f64> + Sync) -> Vec<f64> {
    let block = |rows: &[R]| {
        let mut sum = vec![0.0; width * width];
        for row in rows {
            let x = read(row);
            for (i, into) in sum.chunks_exact_mut(width).enumerate() {
                into[..=i].iter_mut().zip(&x).for_each(|(sum, other)| *sum += x[i] * other);
            }
        }
        sum
    };
    let mut total = vec![0.0; width * width];
    for group in rows.chunks(BLOCK * 64) {
        let parts: Vec<Vec<f64>> = group.par_chunks(BLOCK).map(block).collect();
        parts.iter().for_each(|part| total.iter_mut().zip(part).for_each(|(sum, number)| *sum += number));
    }
    for i in 0..width {
        for j in 0..i {
            total[i * width + j] /= rows.len().max(1) as f64;
            total[j * width + i] = total[i * width + j];
        }
        total[i * width + i] /= rows.len().max(1) as f64;
    }
    total
}

/// The largest directions of the static embedding (principal components), `[most][dense]`; signals have no part in them.
fn principal_directions(rows: &Rows, shape: &Shape, most: usize) -> Vec<Vec<f64>> {
    let width = shape.embedding;
    let most = most.min(width);
    if most == 0 {
        return Vec::new();
    }
    let read = |row: &usize| {
        let mut x = vec![0.0; width];
        let (indices, values) = rows.row(*row);
        let from = indices.partition_point(|index| (*index as usize) < shape.buckets);
        for (index, value) in indices[from..].iter().zip(&values[from..]) {
            if let Some(slot) = x.get_mut(*index as usize - shape.buckets) {
                *slot = f64::from(*value);
            }
        }
        x
    };
    let all: Vec<usize> = (0..rows.len()).collect();
    let mut covariance = sum_of_squares(&all, width, read);
    let mut mean = vec![0.0; width];
    all.iter().for_each(|row| mean.iter_mut().zip(read(row)).for_each(|(sum, x)| *sum += x));
    mean.iter_mut().for_each(|sum| *sum /= rows.len().max(1) as f64);
    for i in 0..width {
        covariance[i * width..][..width]
            .iter_mut()
            .zip(&mean)
            .for_each(|(number, other)| *number -= mean[i] * other);
    }
    largest(&covariance, width, most).into_iter().map(|(_, vector)| vector).collect()
}

fn along(direction: &[f64], (indices, values): (&[u32], &[f32]), buckets: usize) -> f32 {
    let from = indices.partition_point(|index| (*index as usize) < buckets);
    let inside = indices[from..].iter().zip(&values[from..]);
    let products = inside.map(|(index, value)| {
        direction.get(*index as usize - buckets).map_or(0.0, |weight| weight * f64::from(*value))
    });
    products.sum::<f64>() as f32
}
