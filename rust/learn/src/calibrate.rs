//! From scores to probabilities.

use crate::LearnError;

/// Temperatures are looked for in this range.
const TEMPERATURES: (f64, f64) = (0.01, 100.0);

/// The temperature T > 0 for which `softmax(logits / T)` has the least negative log-likelihood (Guo, Pleiss, Sun & Weinberger 2017),
/// from logits `[rows][columns]` of rows that the model was **not** trained on.
///
/// The likelihood is convex in 1/T, so its derivative is bisected. Beside the rows stands one row's worth of doubt, spread over all
/// of them with every label equally likely: without it, a model that is right on every row would get T = 0.
///
/// ```
/// // Right three times out of four, with logits that claim 98 %: too sure.
/// let logits = [4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0];
/// assert!(ecology_learn::fit_temperature(&logits, &[0, 0, 0, 1], 2)? > 2.0);
/// # Ok::<(), ecology_learn::LearnError>(())
/// ```
pub fn fit_temperature(logits: &[f32], labels: &[u32], columns: usize) -> Result<f32, LearnError> {
    if labels.is_empty() {
        return Err(LearnError::NoRows);
    }
    if columns == 0 || labels.len().checked_mul(columns) != Some(logits.len()) {
        let expected = labels.len().saturating_mul(columns.max(1));
        return Err(LearnError::Shape { what: "logits", expected, found: logits.len() });
    }
    for (row, (label, logits)) in labels.iter().zip(logits.chunks_exact(columns)).enumerate() {
        if *label as usize >= columns {
            return Err(LearnError::LabelOutOfRange { row, label: *label, columns });
        }
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(LearnError::NotFinite { what: "a logit", row });
        }
    }
    let doubt = 1.0 / labels.len() as f64;
    // d/dβ of Σ log Σ exp(βz) − βz_y, for β = 1/T: the mean of z under the softmax against z of the label.
    let slope = |beta: f64| -> f64 {
        let of_row = |(label, logits): (&u32, &[f32])| {
            let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut total, mut mean, mut flat) = (0.0, 0.0, 0.0);
            for logit in logits {
                let below = f64::from(logit - top);
                let weight = (beta * below).exp();
                total += weight;
                mean += weight * below;
                flat += below;
            }
            let expected = mean / total;
            let observed = f64::from(logits[*label as usize] - top);
            (expected - observed) + doubt * (expected - flat / columns as f64)
        };
        labels.iter().zip(logits.chunks_exact(columns)).map(of_row).sum()
    };
    let (mut cold, mut hot) = (TEMPERATURES.0.ln(), TEMPERATURES.1.ln());
    // 30 halvings of 9.2 nats leave 10⁻⁸.
    for _ in 0..30 {
        let middle = 0.5 * (cold + hot);
        if slope((-middle).exp()) > 0.0 { cold = middle } else { hot = middle }
    }
    Ok((0.5 * (cold + hot)).exp() as f32)
}

/// `(a, b)` such that `sigmoid(a · score + b)` is a calibrated probability (Platt 1999), from scores of rows that the model was
/// **not** trained on. Targets lie in [0, 1] and may be soft.
///
/// Newton with backtracking after Lin, Lin & Weng 2007, with the sign turned; targets are drawn in as Platt did, towards
/// (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2). If all targets are alike, the score says nothing about them: `a` comes out as 0.
///
/// ```
/// let (a, b) = ecology_learn::fit_platt(&[-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], &[0.0, 0.0, 1.0, 0.0, 1.0, 1.0])?;
/// assert!(a > 0.0 && b.is_finite());
/// # Ok::<(), ecology_learn::LearnError>(())
/// ```
pub fn fit_platt(scores: &[f32], targets: &[f32]) -> Result<(f32, f32), LearnError> {
    check_calibration(scores, targets)?;
    let positive: f64 = targets.iter().map(|target| f64::from(*target)).sum();
    let negative = targets.len() as f64 - positive;
    let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
    let alike = targets.windows(2).all(|pair| pair[0] == pair[1]);
    let drawn_in = |target: f32| low + f64::from(target) * (high - low);
    if alike {
        let mean = drawn_in(targets[0]);
        return Ok((0.0, (mean / (1.0 - mean)).ln() as f32));
    }
    // Standardised scores make the two parameters comparable, and Newton's matrix well conditioned.
    let count = scores.len() as f64;
    let mean = scores.iter().map(|score| f64::from(*score)).sum::<f64>() / count;
    let variance = scores.iter().map(|score| (f64::from(*score) - mean).powi(2)).sum::<f64>() / count;
    let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    let rows: Vec<(f64, f64)> = scores
        .iter()
        .zip(targets)
        .map(|(score, target)| ((f64::from(*score) - mean) / deviation, drawn_in(*target)))
        .collect();
    let (a, b) = newton(&rows, ((positive + 1.0) / (negative + 1.0)).ln());
    Ok(((a / deviation) as f32, (b - a * mean / deviation) as f32))
}

/// What every calibration needs: a finite score and a target in [0, 1] for each row.
pub(crate) fn check_calibration(scores: &[f32], targets: &[f32]) -> Result<(), LearnError> {
    if scores.is_empty() {
        return Err(LearnError::NoRows);
    }
    if scores.len() != targets.len() {
        return Err(LearnError::Shape { what: "targets", expected: scores.len(), found: targets.len() });
    }
    if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
        return Err(LearnError::NotFinite { what: "the score", row });
    }
    match targets.iter().position(|target| !(0.0..=1.0).contains(target)) {
        Some(row) => Err(LearnError::TargetOutOfRange { row, target: targets[row] }),
        None => Ok(()),
    }
}

/// Minimises Σ log(1 + e^{az+b}) − t(az + b) over (a, b), from (0, `b`).
fn newton(rows: &[(f64, f64)], mut b: f64) -> (f64, f64) {
    // log(1 + eˢ) − t·s without overflow.
    let loss = |a: f64, b: f64| -> f64 {
        let of_row = |(z, t): &(f64, f64)| {
            let s = a * z + b;
            s.max(0.0) + (-s.abs()).exp().ln_1p() - t * s
        };
        rows.iter().map(of_row).sum()
    };
    let mut a = 0.0;
    let mut best = loss(a, b);
    for _ in 0..100 {
        // Lin et al. add 10⁻¹² to the diagonal, so that the matrix can be inverted.
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (1e-12, 0.0, 1e-12, 0.0, 0.0);
        for (z, t) in rows {
            let p = 1.0 / (1.0 + (-(a * z + b)).exp());
            let curvature = p * (1.0 - p);
            aa += curvature * z * z;
            ab += curvature * z;
            bb += curvature;
            ga += (p - t) * z;
            gb += p - t;
        }
        if ga.abs() < 1e-6 && gb.abs() < 1e-6 {
            break;
        }
        let determinant = aa * bb - ab * ab;
        let (da, db) = ((ab * gb - bb * ga) / determinant, (ab * ga - aa * gb) / determinant);
        let descent = ga * da + gb * db;
        let mut length = 1.0;
        while length > 1e-10 {
            let tried = loss(a + length * da, b + length * db);
            if tried < best + 1e-4 * length * descent {
                (a, b, best) = (a + length * da, b + length * db, tried);
                break;
            }
            length *= 0.5;
        }
        if length <= 1e-10 {
            break;
        }
    }
    (a, b)
}
