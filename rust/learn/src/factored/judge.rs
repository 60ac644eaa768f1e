//! How good heads are on rows that they were not fitted on.
//!
//! **The measure.** Routing needs to know which model is better *here*; how hard the prompt is for all of them decides nothing, and is most of
//! the variance. So the loss of a prompt is the squared error of the predicted scores after the mean error over its models is
//! taken out (with one model observed, the plain squared error): a smooth stand-in for regret, with far less noise than the
//! score of the chosen model.

use rayon::prelude::*;

use super::gram::Basis;
use super::level_one::centre;

/// As many validation rows judge alone; with fewer, training rows judge too, by heads that did not see their fold.
const ENOUGH: usize = 5_000;

pub(super) struct Judge<'a> {
    pub(super) validation: &'a Basis,
    pub(super) validation_targets: &'a [f32],
    pub(super) train: &'a Basis,
    pub(super) train_targets: &'a [f32],
    pub(super) folds: &'a [u32],
    pub(super) models: usize,
}

impl Judge<'_> {
    /// Whether validation rows are too few to judge alone.
    pub(super) fn needs_folds(&self) -> bool {
        self.validation.rows() < ENOUGH
    }

    /// Loss of each prompt: of validation under `whole`, then, if heads by fold are given, of each training row.
    pub(super) fn losses(&self, whole: &[Vec<f64>], by_fold: &[Vec<Vec<f64>>]) -> Vec<f32> {
        let validation =
            |row: usize| self.loss(self.validation.row(row), self.validation_targets, row, whole);
        let mut losses: Vec<f32> = (0..self.validation.rows()).into_par_iter().map(validation).collect();
        if !by_fold.is_empty() {
            let train = |row: usize| {
                let heads = &by_fold[self.folds[row] as usize];
                self.loss(self.train.row(row), self.train_targets, row, heads)
            };
            losses.extend((0..self.train.rows()).into_par_iter().map(train).collect::<Vec<f32>>());
        }
        losses
    }

    fn loss(&self, phi: &[f32], targets: &[f32], row: usize, heads: &[Vec<f64>]) -> f32 {
        let targets = &targets[row * self.models..][..self.models];
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for (target, head) in targets.iter().zip(heads).filter(|(target, _)| !target.is_nan()) {
            let error = raw(phi, head) - f64::from(*target);
            (sum, squares, count) = (sum + error, squares + error * error, count + 1.0);
        }
        if count < 1.5 { squares as f32 } else { ((squares - sum * sum / count) / (count - 1.0)) as f32 }
    }

    /// Raw scores `[prompts][models]`: of validation, then, if heads by fold are given, of each training row, folds centred.
    pub(super) fn predictions(&self, whole: &[Vec<f64>], by_fold: &[Vec<Vec<f64>>]) -> Vec<f32> {
        let mut scores = self.raw(whole);
        if !by_fold.is_empty() {
            let row = |row: usize| {
                let phi = self.train.row(row);
                by_fold[self.folds[row] as usize].iter().map(move |head| raw(phi, head) as f32)
            };
            let mut held_out: Vec<f32> = (0..self.train.rows()).into_par_iter().flat_map_iter(row).collect();
            centre(&mut held_out, self.models, self.folds, by_fold.len() as u32);
            scores.extend(held_out);
        }
        scores
    }

    /// What `predictions` are about.
    pub(super) fn targets(&self, with_train: bool) -> Vec<f32> {
        let train = if with_train { self.train_targets } else { &[] };
        [self.validation_targets, train].concat()
    }

    /// Raw scores of the validation rows, `[rows][models]`.
    pub(super) fn raw(&self, heads: &[Vec<f64>]) -> Vec<f32> {
        let row = |row: usize| {
            let phi = self.validation.row(row);
            heads.iter().map(move |head| raw(phi, head) as f32)
        };
        (0..self.validation.rows()).into_par_iter().flat_map_iter(row).collect()
    }

    /// Mean squared error of the validation rows (Brier 1950), over all that was observed.
    pub(super) fn brier(&self, heads: &[Vec<f64>]) -> f64 {
        let scores = self.raw(heads);
        let pairs = scores.iter().zip(self.validation_targets).filter(|(_, target)| !target.is_nan());
        let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), (score, target)| {
            (sum + f64::from(score.clamp(0.0, 1.0) - target).powi(2), count + 1.0)
        });
        sum / f64::max(count, 1.0)
    }
}

/// φ · h in four lanes.
pub(super) fn raw(phi: &[f32], head: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (phis, heads) = (phi.chunks_exact(4), head.chunks_exact(4));
    let rest: f64 = phis.remainder().iter().zip(heads.remainder()).map(|(p, h)| f64::from(*p) * h).sum();
    for (p, h) in phis.zip(heads) {
        (0..4).for_each(|lane| lanes[lane] += f64::from(p[lane]) * h[lane]);
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// Mean of `a − b`, and its standard error.
pub(super) fn difference(a: &[f32], b: &[f32]) -> (f64, f64) {
    let n = a.len().max(1) as f64;
    let each = a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b));
    let (sum, squares) = each.fold((0.0, 0.0), |(sum, squares), d| (sum + d, squares + d * d));
    let mean = sum / n;
    (mean, ((squares / n - mean * mean).max(0.0) / n).sqrt())
}
