//! Linear classifiers: one score per class, and softmax of the scores as the probability.
//!
//! **The loss.** Softmax is what the scores are *read* by; they are not trained by its likelihood. One-vs-rest squared hinge
//! (an L2-loss linear SVM) was better than multinomial logistic regression on the same features: CLINC150 .937 against .918 by
//! AdaGrad and .925 by SGD at its best rate, BANKING77 .912 against .911 and .903; and after one temperature its probabilities
//! are at least as good (NLL .27 against .31 on CLINC150). The likelihood of a row is content once the row is right; the hinge
//! keeps every *other* class at a distance too, which is what hundreds of similar intents need. Label smoothing, ridge
//! regression and the squared hinge of Weston & Watkins were tried too, and lost.

use rayon::prelude::*;

use crate::dual::{Descent, Loss, Span, descend};
use crate::progress::{Part, Progress};
use crate::{LearnError, Linear, Rows};

/// How to train a linear classifier.
///
/// The defaults are for rows of hashed n-grams, tuned on CLINC150 and BANKING77 together and tried on 20 classes with 60
/// rows each; [`dense`](Self::dense) is for sentence embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftmaxOptions {
    /// Most passes over the rows; fewer are made when `tolerance` is reached.
    pub epochs: u32,
    /// Stop when no row would move one of its scores by more than this; the margin is 1.
    pub tolerance: f32,
    /// λ in λ/2 ‖w‖² + Σ loss. The loss is a sum over rows, so more rows need no other λ.
    pub l2: f32,
    /// Weight of the rows of a class in its own column; above 1 since rows of other classes outnumber them.
    pub positive_weight: f32,
    /// Factor on the finished scores, so that their softmax is near calibration before a temperature is fitted.
    pub sharpness: f32,
    /// Seed of the order of the rows.
    pub seed: u64,
}

impl Default for SoftmaxOptions {
    fn default() -> Self {
        Self { epochs: 12, tolerance: 0.05, l2: 1.0, positive_weight: 3.0, sharpness: 5.0, seed: 0 }
    }
}

impl SoftmaxOptions {
    /// Defaults for dense, L2-normalised sentence embeddings of a few hundred numbers.
    pub fn dense() -> Self {
        Self { epochs: 12, tolerance: 0.05, l2: 1.5, positive_weight: 4.0, sharpness: 4.5, seed: 0 }
    }

    fn check(&self) -> Result<(), LearnError> {
        let positive = "a finite number above 0";
        for (option, value, expected, holds) in [
            ("epochs", f64::from(self.epochs), "at least 1", self.epochs > 0),
            ("tolerance", f64::from(self.tolerance), "a finite number, 0 or above", self.tolerance >= 0.0),
            ("l2", f64::from(self.l2), positive, self.l2 > 0.0),
            ("positive_weight", f64::from(self.positive_weight), positive, self.positive_weight > 0.0),
            ("sharpness", f64::from(self.sharpness), positive, self.sharpness > 0.0),
        ] {
            if !(holds && value.is_finite()) {
                return Err(LearnError::Option { option, value, expected });
            }
        }
        Ok(())
    }
}

/// L2-loss support vector machine, one class against the rest (Hsieh et al. 2008, eq. 4 with their D_ii).
struct SquaredHinge<'l> {
    labels: &'l [u32],
    /// 1 / 2C of rows of other classes and of the column's own.
    diagonal: f32,
    own_diagonal: f32,
}

impl Loss for SquaredHinge<'_> {
    fn start<const W: usize>(&self, _row: usize, _first: usize) -> [f32; W] {
        [0.0; W]
    }

    #[inline]
    fn step<const W: usize>(
        &self,
        row: usize,
        first: usize,
        scores: &[f32; W],
        curvature: f32,
        dual: &mut [f32; W],
    ) -> [f32; W] {
        // The gradient of α is y·s − 1 + D·α; the best α ≥ 0 is one Newton step away, since the dual is quadratic.
        let mut step = [0.0; W];
        let own = (self.labels[row] as usize).wrapping_sub(first);
        let own_before = dual.get(own).copied();
        let inverse = 1.0 / (curvature + self.diagonal);
        for column in 0..W {
            let gradient = -scores[column] - 1.0 + self.diagonal * dual[column];
            let best = (dual[column] - gradient * inverse).max(0.0);
            step[column] = dual[column] - best;
            dual[column] = best;
        }
        if let Some(before) = own_before {
            let gradient = scores[own] - 1.0 + self.own_diagonal * before;
            dual[own] = (before - gradient / (curvature + self.own_diagonal)).max(0.0);
            step[own] = dual[own] - before;
        }
        step
    }
}

/// Fits a linear classifier: the class of a row is its highest score, and softmax(scores / temperature) its probability, with the
/// temperature of [`fit_temperature`](crate::fit_temperature).
///
/// `labels` has one entry in `0..columns` per row. `progress` is told a rising number in (0, 1], from any thread.
/// The result depends on the arguments alone, not on the number of threads.
pub fn fit_softmax(
    rows: &Rows,
    labels: &[u32],
    columns: usize,
    dimension: usize,
    options: &SoftmaxOptions,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Linear, LearnError> {
    check(rows, labels, columns, dimension, options)?;
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    fit(rows, &all, labels, (columns, dimension), options, &Progress::new(progress).part(1.0))
}

/// Scores `[rows][columns]` of every row from the classifier that did not see the row's fold: what calibration and routing
/// have to be learned from. `folds` has one fold id per row, see [`folds`](crate::folds()).
pub fn out_of_fold_softmax(
    rows: &Rows,
    labels: &[u32],
    folds: &[u32],
    columns: usize,
    dimension: usize,
    options: &SoftmaxOptions,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Vec<f32>, LearnError> {
    check(rows, labels, columns, dimension, options)?;
    if folds.len() != rows.len() {
        return Err(LearnError::Shape { what: "folds", expected: rows.len(), found: folds.len() });
    }
    let mut ids = folds.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < 2 {
        return Err(LearnError::TooFewFolds { folds: ids.len(), rows: rows.len() });
    }
    let progress = Progress::new(progress);
    let share = 1.0 / ids.len() as f32;
    let scored = ids.par_iter().map(|fold| {
        let (held_out, seen): (Vec<u32>, Vec<u32>) =
            (0..rows.len() as u32).partition(|row| folds[*row as usize] == *fold);
        let linear = fit(rows, &seen, labels, (columns, dimension), options, &progress.part(share))?;
        let scores: Vec<Vec<f32>> = held_out.iter().map(|row| linear.score(rows, *row as usize)).collect();
        Ok((held_out, scores))
    });
    let mut all = vec![0.0; rows.len() * columns];
    for (held_out, scores) in scored.collect::<Result<Vec<_>, LearnError>>()? {
        for (row, scores) in held_out.into_iter().zip(scores) {
            all[row as usize * columns..][..columns].copy_from_slice(&scores);
        }
    }
    Ok(all)
}

fn check(
    rows: &Rows,
    labels: &[u32],
    columns: usize,
    dimension: usize,
    options: &SoftmaxOptions,
) -> Result<(), LearnError> {
    options.check()?;
    rows.check(dimension)?;
    if labels.len() != rows.len() {
        return Err(LearnError::Shape { what: "labels", expected: rows.len(), found: labels.len() });
    }
    match labels.iter().enumerate().find(|(_, label)| **label as usize >= columns) {
        Some((row, label)) => Err(LearnError::LabelOutOfRange { row, label: *label, columns }),
        None => Ok(()),
    }
}

fn fit(
    rows: &Rows,
    chosen: &[u32],
    labels: &[u32],
    shape: (usize, usize),
    options: &SoftmaxOptions,
    progress: &Part<'_, '_>,
) -> Result<Linear, LearnError> {
    let label = labels[chosen[0] as usize];
    if chosen.iter().all(|row| labels[*row as usize] == label) {
        return Err(LearnError::OneClass { label });
    }
    let diagonal = 0.5 * options.l2;
    let loss = SquaredHinge { labels, diagonal, own_diagonal: diagonal / options.positive_weight };
    let descent = Descent { epochs: options.epochs, tolerance: options.tolerance, seed: options.seed };
    let (columns, dimension) = shape;
    let shape = (columns, Span::whole(dimension));
    let mut linear = descend((rows, chosen), shape, &vec![0.0; shape.0], &loss, descent, progress);
    linear.scale(options.sharpness);
    Ok(linear)
}
