//! Logistic heads: one probability per column, each column with its own observations.
//!
//! The heads of a learned router: P(model m answers this prompt well). Targets are scores in [0, 1], not only 0 and 1, and a
//! model that did not answer a prompt says nothing about itself there.

use crate::dual::{Descent, Loss, Span, descend};
use crate::math::sigmoid;
use crate::progress::{Part, Progress};
use crate::{LearnError, Linear, Rows};

/// How to train logistic heads.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticOptions {
    /// Most passes over the rows; fewer are made when `tolerance` is reached.
    pub epochs: u32,
    /// Stop when no row would move one of its scores by more than this, in logits.
    pub tolerance: f32,
    /// λ in λ/2 ‖w‖² + Σ loss. The loss is a sum over rows, so more rows need no other λ.
    pub l2: f32,
    /// Seed of the order of the rows.
    pub seed: u64,
}

impl Default for LogisticOptions {
    fn default() -> Self {
        Self { epochs: 30, tolerance: 0.01, l2: 5.0, seed: 0 }
    }
}

impl LogisticOptions {
    fn check(&self) -> Result<(), LearnError> {
        for (option, value, expected, holds) in [
            ("epochs", f64::from(self.epochs), "at least 1", self.epochs > 0),
            ("tolerance", f64::from(self.tolerance), "a finite number, 0 or above", self.tolerance >= 0.0),
            ("l2", f64::from(self.l2), "a finite number above 0", self.l2 > 0.0),
        ] {
            if !(holds && value.is_finite()) {
                return Err(LearnError::Option { option, value, expected });
            }
        }
        Ok(())
    }
}

/// Cross-entropy against a soft target: log(1 + eˢ) − t·s, times 1/λ.
///
/// With `folds`, the columns come once for each of the `copies` folds and then once more: copy `f` does not see the rows of
/// fold `f`, the last sees all. So one pass over a row serves all folds, and its features are in memory once.
struct CrossEntropy<'t> {
    targets: &'t [f32],
    columns: usize,
    folds: Option<&'t [u32]>,
    /// Columns of all copies.
    last: usize,
    inverse_l2: f32,
}

impl CrossEntropy<'_> {
    /// Targets of `W` columns from `first` on; NaN for what was not observed, or must not be seen.
    #[inline]
    fn targets<const W: usize>(&self, row: usize, first: usize) -> [f32; W] {
        let mut out = [f32::NAN; W];
        let mine = &self.targets[row * self.columns..][..self.columns];
        match self.folds {
            None => {
                let end = (first + W).min(self.last);
                out[..end - first].copy_from_slice(&mine[first..end]);
            }
            Some(folds) => {
                let (mut copy, mut column) = (first / self.columns, first % self.columns);
                for target in out.iter_mut().take(self.last - first) {
                    if folds[row] as usize != copy {
                        *target = mine[column];
                    }
                    column += 1;
                    if column == self.columns {
                        (copy, column) = (copy + 1, 0);
                    }
                }
            }
        }
        out
    }
}

/// Newton steps for the logit of one row; the next pass goes on from where they end.
const NEWTON_STEPS: usize = 2;
/// Stands for the logit of 0 and of 1: its sigmoid is 0 and 1 in f32.
const CERTAIN: f32 = 80.0;

impl Loss for CrossEntropy<'_> {
    /// The dual variable is the probability p of the row, kept as its logit; its coefficient is (t − p)/λ. Without influence,
    /// p = t.
    fn start<const W: usize>(&self, row: usize, first: usize) -> [f32; W] {
        let mut dual = [0.0; W];
        for (dual, target) in dual.iter_mut().zip(self.targets::<W>(row, first)) {
            *dual = (target / (1.0 - target)).ln().clamp(-CERTAIN, CERTAIN);
        }
        dual
    }

    /// At the optimum p = σ(s), and s itself falls by x·x/λ for each unit of p. So the logit z of the best p solves
    /// f(z) = z − s + (x·x/λ)(σ(z) − p) = 0. f rises, is negative where σ(z) = 0 and positive where it is 1, which gives a bracket;
    /// Newton where it stays inside, the middle of the bracket where it does not. It starts from the logit before: late in the
    /// descent that is nearly right, while s, on the flat of f, is far away when λ is small.
    #[inline]
    fn step<const W: usize>(
        &self,
        row: usize,
        first: usize,
        scores: &[f32; W],
        curvature: f32,
        dual: &mut [f32; W],
    ) -> [f32; W] {
        let pull = curvature * self.inverse_l2;
        let (mut before, mut low, mut high, mut logit) = ([0.0; W], [0.0; W], [0.0; W], [0.0; W]);
        for column in 0..W {
            before[column] = sigmoid(dual[column]);
            low[column] = scores[column] - pull * (1.0 - before[column]);
            high[column] = scores[column] + pull * before[column];
            logit[column] = dual[column].max(low[column]).min(high[column]);
        }
        for _ in 0..NEWTON_STEPS {
            for column in 0..W {
                let z = logit[column];
                let p = sigmoid(z);
                let error = z - scores[column] + pull * (p - before[column]);
                low[column] = if error < 0.0 { z } else { low[column] };
                high[column] = if error < 0.0 { high[column] } else { z };
                let newton = z - error / (1.0 + pull * p * (1.0 - p));
                // At the root itself Newton stays, and so it must: the bounds are inside.
                let inside = newton >= low[column] && newton <= high[column];
                logit[column] = if inside { newton } else { 0.5 * (low[column] + high[column]) };
            }
        }
        let mut step = [0.0; W];
        for (column, target) in self.targets::<W>(row, first).iter().enumerate() {
            if !target.is_nan() {
                step[column] = (before[column] - sigmoid(logit[column])) * self.inverse_l2;
                dual[column] = logit[column];
            }
        }
        step
    }
}

/// Fits `P(target = 1 | row) = sigmoid(score)` for every column; targets are `[rows][columns]` in [0, 1], NaN where
/// nothing was observed. The result depends on the arguments alone, not on the number of threads.
///
/// ```
/// use ecology_learn::{LogisticOptions, Rows, fit_logistic};
/// let rows = Rows::dense(4, 1, &[-1.0, -0.5, 0.5, 1.0])?;
/// let targets = [0.0, f32::NAN, 0.1, 1.0, 0.9, 0.0, 1.0, f32::NAN];
/// let heads = fit_logistic(&rows, &targets, 2, 1, &LogisticOptions::default())?;
/// assert!(heads.weights[0] > 0.0 && heads.weights[1] < 0.0);
/// # Ok::<(), ecology_learn::LearnError>(())
/// ```
pub fn fit_logistic(
    rows: &Rows,
    targets: &[f32],
    columns: usize,
    dimension: usize,
    options: &LogisticOptions,
) -> Result<Linear, LearnError> {
    options.check()?;
    rows.check(dimension)?;
    check_targets(targets, rows.len(), columns)?;
    let offset = (0..columns).map(|column| base_logit(targets, columns, column, |_| true));
    let offset = offset.collect::<Result<Vec<f32>, LearnError>>()?;
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    let loss = CrossEntropy { targets, columns, folds: None, last: columns, inverse_l2: 1.0 / options.l2 };
    let descent = Descent { epochs: options.epochs, tolerance: options.tolerance, seed: options.seed };
    let progress = Progress::new(&|_| ());
    Ok(descend((rows, &all), (columns, Span::whole(dimension)), &offset, &loss, descent, &progress.part(1.0)))
}

/// As [`fit_logistic`], once without the rows of each of the `count` folds and once with all: a head of
/// `columns * (count + 1)` columns, those of fold 0 first, those that saw every row last.
///
/// Every column is observed outside each fold; the caller has checked rows and targets.
pub(crate) fn cross_fit_logistic(
    rows: &Rows,
    (targets, columns): (&[f32], usize),
    (folds, count): (&[u32], u32),
    span: Span,
    options: &LogisticOptions,
    progress: &Part<'_, '_>,
) -> Result<Linear, LearnError> {
    options.check()?;
    let last = columns * (count as usize + 1);
    let offset = (0..last)
        .map(|at| base_logit(targets, columns, at % columns, |row| folds[row] as usize != at / columns));
    let offset = offset.collect::<Result<Vec<f32>, LearnError>>()?;
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    let loss = CrossEntropy { targets, columns, folds: Some(folds), last, inverse_l2: 1.0 / options.l2 };
    let descent = Descent { epochs: options.epochs, tolerance: options.tolerance, seed: options.seed };
    Ok(descend((rows, &all), (last, span), &offset, &loss, descent, progress))
}

/// Refuses targets of another shape than `[rows][columns]`, or outside [0, 1] and not NaN.
pub(crate) fn check_targets(targets: &[f32], rows: usize, columns: usize) -> Result<(), LearnError> {
    if Some(targets.len()) != rows.checked_mul(columns) || columns == 0 {
        let expected = rows.saturating_mul(columns.max(1));
        return Err(LearnError::Shape { what: "targets", expected, found: targets.len() });
    }
    let outside = |target: &f32| !target.is_nan() && !(0.0..=1.0).contains(target);
    match targets.iter().position(outside) {
        Some(at) => Err(LearnError::TargetOutOfRange { row: at / columns, target: targets[at] }),
        None => Ok(()),
    }
}

/// Logit of a column's mean target over the rows `seen`, smoothed by half an observation on either side (Krichevsky & Trofimov 1981).
/// It is given, not learned, so that regularisation pulls a head towards its base rate and not towards one half.
fn base_logit(
    targets: &[f32],
    columns: usize,
    column: usize,
    seen: impl Fn(usize) -> bool,
) -> Result<f32, LearnError> {
    let observed = targets.iter().skip(column).step_by(columns).enumerate();
    let observed = observed.filter(|(row, target)| !target.is_nan() && seen(*row));
    let (count, sum) =
        observed.fold((0, 0.0), |(count, sum), (_, target)| (count + 1, sum + f64::from(*target)));
    if count == 0 {
        return Err(LearnError::NothingObserved { column });
    }
    Ok(((sum + 0.5) / (f64::from(count) - sum + 0.5)).ln() as f32)
}
