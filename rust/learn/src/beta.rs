//! Beta calibration: for scores that are nearly probabilities already.

use crate::LearnError;
use crate::calibrate::check_calibration;

/// Scores are drawn in to [this, 1 − this] before a logarithm is taken.
const EDGE: f64 = 0.001;
const ROUNDS: usize = 100;
/// What changes nothing.
const IDENTITY: [f64; 3] = [1.0, 1.0, 0.0];

/// `(a, b, c)` such that 1 / (1 + exp(−(a·ln s − b·ln(1 − s) + c))) is a calibrated probability of a score s in [0, 1] (Kull, Silva Filho &
/// Flach 2017, §3), with a, b ≥ 0 so that it rises: logistic regression on ln s and −ln(1 − s), from scores of rows that the
/// model was **not** trained on. Scores outside [0.001, 0.999] count as its ends. (1, 1, 0) changes nothing.
///
/// Where a or b would be negative it is held at 0 and the others are fitted again, as the authors do. Targets may be soft, and are drawn
/// in like Platt's, so that the fit is finite when the score separates them. If all targets are alike, a and b are 0.
///
/// ```
/// let scores = [0.1, 0.2, 0.4, 0.6, 0.8, 0.9];
/// let (a, b, c) = ecology_learn::fit_beta(&scores, &[0.0, 0.0, 1.0, 0.0, 1.0, 1.0])?;
/// assert!(a >= 0.0 && b >= 0.0 && a + b > 0.0 && c.is_finite());
/// # Ok::<(), ecology_learn::LearnError>(())
/// ```
pub fn fit_beta(scores: &[f32], targets: &[f32]) -> Result<(f32, f32, f32), LearnError> {
    fit_beta_towards(scores, targets, 0.0)
}

/// As [`fit_beta`], held towards (1, 1, 0) by `trust`/2 · ‖(a, b, c) − (1, 1, 0)‖².
pub(crate) fn fit_beta_towards(
    scores: &[f32],
    targets: &[f32],
    trust: f64,
) -> Result<(f32, f32, f32), LearnError> {
    check_calibration(scores, targets)?;
    let positive: f64 = targets.iter().map(|target| f64::from(*target)).sum();
    let negative = targets.len() as f64 - positive;
    let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
    let row = |(score, target): (&f32, &f32)| {
        let s = f64::from(*score).clamp(EDGE, 1.0 - EDGE);
        ([s.ln(), -(1.0 - s).ln(), 1.0], low + f64::from(*target) * (high - low))
    };
    let rows: Vec<([f64; 3], f64)> = scores.iter().zip(targets).map(row).collect();
    let mean = rows.iter().map(|(_, target)| target).sum::<f64>() / rows.len() as f64;
    let start = (mean / (1.0 - mean)).ln();
    if targets.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok((0.0, 0.0, start as f32));
    }
    // Convex: the best of those that may be, whichever numbers are held at 0.
    let mut best = (f64::INFINITY, [0.0, 0.0, start]);
    for free in [[true, true], [true, false], [false, true], [false, false]] {
        let (loss, found) = newton(&rows, free, start, trust);
        if found[0] >= 0.0 && found[1] >= 0.0 && loss < best.0 {
            best = (loss, found);
        }
    }
    let [a, b, c] = best.1;
    Ok((a as f32, b as f32, c as f32))
}

/// Minimises Σ log(1 + eˢ) − t·s over the free numbers, by Newton with backtracking.
fn newton(rows: &[([f64; 3], f64)], free: [bool; 2], start: f64, trust: f64) -> (f64, [f64; 3]) {
    let free = [free[0], free[1], true];
    let score = |w: &[f64; 3], x: &[f64; 3]| w[0] * x[0] + w[1] * x[1] + w[2] * x[2];
    let loss = |w: &[f64; 3]| -> f64 {
        let of_row = |(x, t): &([f64; 3], f64)| {
            let s = score(w, x);
            s.max(0.0) + (-s.abs()).exp().ln_1p() - t * s
        };
        let held: f64 = w.iter().zip(&IDENTITY).map(|(w, to)| 0.5 * trust * (w - to).powi(2)).sum();
        rows.iter().map(of_row).sum::<f64>() + held
    };
    let mut w = [0.0, 0.0, start];
    let mut best = loss(&w);
    for _ in 0..ROUNDS {
        let (mut gradient, mut hessian) = ([0.0; 3], [[0.0; 3]; 3]);
        for (x, t) in rows {
            let p = 1.0 / (1.0 + (-score(&w, x)).exp());
            for i in 0..3 {
                gradient[i] += (p - t) * x[i];
                (0..3).for_each(|j| hessian[i][j] += p * (1.0 - p) * x[i] * x[j]);
            }
        }
        for i in 0..3 {
            gradient[i] += trust * (w[i] - IDENTITY[i]);
            hessian[i][i] += trust;
            // What is held: a row of the identity, so that it does not move.
            if !free[i] {
                (0..3).for_each(|j| (hessian[i][j], hessian[j][i]) = (0.0, 0.0));
                (hessian[i][i], gradient[i]) = (1.0, 0.0);
            }
            hessian[i][i] += 1e-9 * rows.len() as f64;
        }
        if gradient.iter().all(|slope| slope.abs() < 1e-7 * rows.len() as f64) {
            break;
        }
        let step = solve(hessian, gradient);
        let descent: f64 = gradient.iter().zip(&step).map(|(g, s)| -g * s).sum();
        let mut length = 1.0;
        loop {
            let tried = [w[0] - length * step[0], w[1] - length * step[1], w[2] - length * step[2]];
            let found = loss(&tried);
            if found < best + 1e-4 * length * descent {
                (w, best) = (tried, found);
                break;
            }
            length *= 0.5;
            if length < 1e-10 {
                return (best, w);
            }
        }
    }
    (best, w)
}

/// Cramer's rule.
fn solve(m: [[f64; 3]; 3], right: [f64; 3]) -> [f64; 3] {
    let determinant = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(&m);
    let column = |at: usize| {
        let mut replaced = m;
        (0..3).for_each(|i| replaced[i][at] = right[i]);
        determinant(&replaced) / whole
    };
    [column(0), column(1), column(2)]
}
