//! Dual coordinate descent, for many columns at once: the solver below every sparse or dense head.
//!
//! **The problem.** Stochastic gradients need a learning rate that is right for one data set and wrong for the next. In the dual,
//! each row of each column has one number, and the best value of that number with all others held still is known in
//! closed form (Hsieh, Chang, Keerthi, Lundararajan & Lin 2008, as in liblinear; for the logistic loss Yu, Huang & Lin
//! 2011). So there is no rate to tune, ten passes are enough, and what comes out is the one optimum of a convex problem.
//!
//! liblinear trains one class after the other. Here a pass over the rows serves up to 32 columns together: they are independent
//! problems that read the same row, so their weights lie side by side, their scores fit in registers, and most rows end with no
//! step for any of them. Blocks of columns are independent again and go to rayon; since blocks are cut by column, never by thread,
//! the result does not depend on the number of threads.

use rayon::prelude::*;

use crate::math::Random;
use crate::progress::Part;
use crate::{Linear, Rows};

/// Columns that are trained together at most: two cache lines, eight SSE registers.
const WIDEST: usize = 32;
/// Up to this many columns a step is written one by one.
const FEW: usize = 6;

/// What differs between heads: how far one row moves the coefficients of its columns. A block has `W` columns from `first`
/// on; those beyond the last are padding, and what is said of them is not used.
pub(crate) trait Loss: Sync {
    /// Dual variables of a row before the first pass. The weights start from 0, so they have to be those of a row
    /// without influence.
    fn start<const W: usize>(&self, row: usize, first: usize) -> [f32; W];

    /// The best dual variables of `row` given its present `scores` and the `curvature` x·x (with the bias): updates
    /// `dual` and gives the change of each column's coefficient, to be multiplied by the row.
    fn step<const W: usize>(
        &self,
        row: usize,
        first: usize,
        scores: &[f32; W],
        curvature: f32,
        dual: &mut [f32; W],
    ) -> [f32; W];
}

/// How long to descend.
#[derive(Clone, Copy)]
pub(crate) struct Descent {
    pub(crate) epochs: u32,
    /// Stop when no row would move one of its scores by more than this.
    pub(crate) tolerance: f32,
    pub(crate) seed: u64,
}

/// Which features of a row are read, and how large those from `dense_from` on are made: regularisation is the same for all
/// weights, so a feature of twice the size is held back a quarter as much.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Features from here on are left out.
    pub(crate) dimension: usize,
    pub(crate) dense_from: usize,
    pub(crate) dense_scale: f32,
}

impl Span {
    /// All features, as they are.
    pub(crate) fn whole(dimension: usize) -> Self {
        Self { dimension, dense_from: dimension, dense_scale: 1.0 }
    }

    fn scale(&self, index: u32) -> f32 {
        if index as usize >= self.dense_from { self.dense_scale } else { 1.0 }
    }

    fn read<'r>(&self, rows: &'r Rows, row: u32) -> (&'r [u32], &'r [f32]) {
        let (indices, values) = rows.row(row as usize);
        let end = indices.partition_point(|index| (*index as usize) < self.dimension);
        (&indices[..end], &values[..end])
    }
}

/// The rows of one problem, their features renumbered by falling frequency: weights of frequent features share pages and
/// caches, features that never occur take no room.
struct Local {
    starts: Vec<usize>,
    entries: Vec<(u32, f32)>,
    /// x·x + 1 of each row: the bias is a feature of value 1.
    curvature: Vec<f32>,
    /// Index of each feature in the caller's numbering.
    original: Vec<u32>,
}

impl Local {
    fn of(rows: &Rows, chosen: &[u32], span: Span) -> Self {
        let mut counts = vec![0_u32; span.dimension];
        let mut size = 0;
        for row in chosen {
            let (indices, _) = span.read(rows, *row);
            indices.iter().for_each(|index| counts[*index as usize] += 1);
            size += indices.len();
        }
        let mut original: Vec<u32> =
            (0..span.dimension as u32).filter(|index| counts[*index as usize] > 0).collect();
        original.sort_by_key(|index| std::cmp::Reverse(counts[*index as usize]));
        let mut local = counts;
        for (position, index) in original.iter().enumerate() {
            local[*index as usize] = position as u32;
        }
        // Room for exactly what comes: a vector that grows would take up to twice that, and this is the largest one of a training.
        let (mut starts, mut entries) = (vec![0], Vec::with_capacity(size));
        let mut curvature = Vec::with_capacity(chosen.len());
        for row in chosen {
            let (indices, values) = span.read(rows, *row);
            let start = entries.len();
            let scaled = |(index, value): (&u32, &f32)| (local[*index as usize], *value * span.scale(*index));
            entries.extend(indices.iter().zip(values).map(scaled));
            starts.push(entries.len());
            curvature.push(1.0 + entries[start..].iter().map(|(_, value)| value * value).sum::<f32>());
        }
        Self { starts, entries, curvature, original }
    }

    fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }
}

/// Weights and bias of one block.
struct Block<const W: usize> {
    weights: Vec<[f32; W]>,
    bias: [f32; W],
}

/// Minimises ½‖w‖² + the loss, for every column, over the `chosen` rows. `offset` is added to every score and becomes
/// part of the bias.
pub(crate) fn descend<L: Loss>(
    data: (&Rows, &[u32]),
    shape: (usize, Span),
    offset: &[f32],
    loss: &L,
    descent: Descent,
    progress: &Part<'_, '_>,
) -> Linear {
    match shape.0 {
        ..=4 => in_blocks::<4, L>(data, shape, offset, loss, descent, progress),
        5..=8 => in_blocks::<8, L>(data, shape, offset, loss, descent, progress),
        9..=16 => in_blocks::<16, L>(data, shape, offset, loss, descent, progress),
        _ => in_blocks::<WIDEST, L>(data, shape, offset, loss, descent, progress),
    }
}

fn in_blocks<const W: usize, L: Loss>(
    (rows, chosen): (&Rows, &[u32]),
    (columns, span): (usize, Span),
    offset: &[f32],
    loss: &L,
    descent: Descent,
    progress: &Part<'_, '_>,
) -> Linear {
    let local = Local::of(rows, chosen, span);
    // Blocks of like size: the last thread to finish decides.
    let width = columns.div_ceil(columns.div_ceil(W).max(1)).max(1);
    let firsts: Vec<usize> = (0..columns).step_by(width).collect();
    let share = 1.0 / firsts.len() as f32;
    let train = |first: &usize| {
        let mut start = [0.0; W];
        let width = (columns - first).min(width);
        start[..width].copy_from_slice(&offset[*first..first + width]);
        block(&local, chosen, (*first, width), start, loss, descent, progress.part(share))
    };
    let blocks: Vec<Block<W>> = firsts.par_iter().map(train).collect();

    let mut linear = Linear { weights: vec![0.0; span.dimension * columns], bias: vec![0.0; columns] };
    for (first, block) in firsts.into_iter().zip(blocks) {
        let width = (columns - first).min(width);
        linear.bias[first..first + width].copy_from_slice(&block.bias[..width]);
        for (index, weights) in local.original.iter().zip(&block.weights) {
            let at = *index as usize * columns + first;
            let scale = span.scale(*index);
            linear.weights[at..at + width].iter_mut().zip(weights).for_each(|(to, from)| *to = from * scale);
        }
    }
    linear
}

fn block<const W: usize, L: Loss>(
    local: &Local,
    chosen: &[u32],
    (first, width): (usize, usize),
    offset: [f32; W],
    loss: &L,
    descent: Descent,
    mut progress: Part<'_, '_>,
) -> Block<W> {
    let mut weights = vec![[0.0; W]; local.original.len()];
    let mut bias = offset;
    let mut duals: Vec<[f32; W]> = chosen.iter().map(|row| loss.start(*row as usize, first)).collect();
    let mut order: Vec<u32> = (0..chosen.len() as u32).collect();
    let mut random = Random::new(descent.seed);
    for epoch in 0..descent.epochs {
        // A new order each time converges faster than a fixed one (Hsieh et al. 2008, §3.1).
        random.shuffle(&mut order);
        let mut largest = 0.0_f32;
        for &position in &order {
            let position = position as usize;
            let (entries, curvature) = (local.row(position), local.curvature[position]);
            let scores = score(&weights, bias, entries);
            let mut dual = duals[position];
            let mut step = loss.step(chosen[position] as usize, first, &scores, curvature, &mut dual);
            // Padding columns never move; and a step that changes a score by next to nothing is not worth writing.
            let bound = 0.1 * descent.tolerance / curvature;
            let (mut moved, mut count) = ([0_usize; W], 0);
            for (column, step) in step.iter_mut().enumerate() {
                if column < width && step.abs() > bound {
                    largest = largest.max(step.abs() * curvature);
                    duals[position][column] = dual[column];
                    moved[count] = column;
                    count += 1;
                } else {
                    *step = 0.0;
                }
            }
            match count {
                0 => {}
                1..=FEW => {
                    for &column in &moved[..count] {
                        let step = step[column];
                        bias[column] += step;
                        entries
                            .iter()
                            .for_each(|(index, value)| weights[*index as usize][column] += step * value);
                    }
                }
                _ => {
                    add(&mut bias, &step, 1.0);
                    entries
                        .iter()
                        .for_each(|(index, value)| add(&mut weights[*index as usize], &step, *value));
                }
            }
        }
        progress.advance((epoch + 1) as f32 / descent.epochs as f32);
        if largest <= descent.tolerance {
            break;
        }
    }
    progress.advance(1.0);
    Block { weights, bias }
}

/// bias + Σ value · weights, four features at a time.
#[inline]
fn score<const W: usize>(weights: &[[f32; W]], bias: [f32; W], entries: &[(u32, f32)]) -> [f32; W] {
    let mut sum = bias;
    let fours = entries.chunks_exact(4);
    let rest = fours.remainder();
    for four in fours {
        let row = |at: usize| (&weights[four[at].0 as usize], four[at].1);
        let ((r0, v0), (r1, v1), (r2, v2), (r3, v3)) = (row(0), row(1), row(2), row(3));
        for j in 0..W {
            sum[j] += (v0 * r0[j] + v1 * r1[j]) + (v2 * r2[j] + v3 * r3[j]);
        }
    }
    for (index, value) in rest {
        add(&mut sum, &weights[*index as usize], *value);
    }
    sum
}

#[inline]
fn add<const W: usize>(sum: &mut [f32; W], row: &[f32; W], value: f32) {
    for j in 0..W {
        sum[j] += value * row[j];
    }
}
