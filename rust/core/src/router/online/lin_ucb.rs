//! Which arm, seen from this context? Optimism in the face of what is not known yet.
//!
//! LinUCB with disjoint arms (Li, Chu, Langford and Schapire 2010, algorithm 1): a ridge regression per arm, and a bonus
//! for what it has seldom seen. Departures: the inverse is kept up to date instead of being recomputed, rewards may be any
//! finite number, and a tie goes to the first arm instead of to chance, so that a choice can be made again.

use super::ridge::{OnlineError, Ridge, check, mixed};

const LANES: usize = 16;

/// The most entries of all inverses together, each of 12 bytes: 0.8 GB.
const MOST_ENTRIES: usize = 1 << 26;

/// Arms that learn from contexts of one length.
#[derive(Clone, Debug)]
pub struct LinUcb {
    alpha: f64,
    prior: f64,
    dimensions: usize,
    arms: Vec<Ridge>,
    /// Every arm's inverse in single precision, one behind the other: the bonus is no more exact than its α, and half of the
    /// bytes is half of the time.
    widths: Vec<f32>,
}

impl LinUcb {
    /// Arms that know nothing: `alpha` weighs the bonus for what is unknown (0: none), `prior` is λ of [`Ridge`].
    pub fn new(arms: usize, dimensions: usize, alpha: f64, prior: f64) -> Result<Self, OnlineError> {
        if !(1..=1 << 16).contains(&arms) {
            return Err(OnlineError::Arms(arms));
        }
        if !(alpha.is_finite() && alpha >= 0.0) {
            return Err(OnlineError::Alpha(alpha));
        }
        let arm = Ridge::new(dimensions, prior)?;
        if arms * dimensions * dimensions > MOST_ENTRIES {
            return Err(OnlineError::Size { arms, dimensions, most: MOST_ENTRIES });
        }
        let one: Vec<f32> = arm.inverse().iter().map(|x| *x as f32).collect();
        Ok(Self { alpha, prior, dimensions, widths: one.repeat(arms), arms: vec![arm; arms] })
    }

    /// How many arms.
    pub fn arms(&self) -> usize {
        self.arms.len()
    }

    /// Numbers of a context.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Observations of each arm.
    pub fn observations(&self) -> impl Iterator<Item = u64> + '_ {
        self.arms.iter().map(Ridge::observations)
    }

    /// The weights of an arm.
    pub fn theta(&self, arm: usize) -> Option<&[f64]> {
        self.arms.get(arm).map(Ridge::theta)
    }

    /// xᵀθ + α √(xᵀA⁻¹x) of each arm.
    pub fn scores(&self, context: &[f32]) -> Result<Vec<f64>, OnlineError> {
        check(context, self.dimensions, self.prior)?;
        Ok(self.each(context).collect())
    }

    /// The arm of the highest score, the first of equals.
    pub fn choose(&self, context: &[f32]) -> Result<usize, OnlineError> {
        check(context, self.dimensions, self.prior)?;
        let best = |best: (usize, f64), (arm, score)| if score > best.1 { (arm, score) } else { best };
        Ok(self.each(context).enumerate().fold((0, f64::NEG_INFINITY), best).0)
    }

    /// This arm was chosen in this context and brought this reward. On an error nothing changes.
    pub fn update(&mut self, arm: usize, context: &[f32], reward: f64) -> Result<(), OnlineError> {
        let arms = self.arms.len();
        let ridge = self.arms.get_mut(arm).ok_or(OnlineError::Arm { arm, arms })?;
        ridge.update(context, reward)?;
        let size = self.dimensions * self.dimensions;
        for (narrow, wide) in self.widths[arm * size..][..size].iter_mut().zip(ridge.inverse()) {
            *narrow = *wide as f32;
        }
        Ok(())
    }

    fn each<'a>(&'a self, context: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
        let widths = self.widths.chunks_exact(self.dimensions * self.dimensions);
        self.arms.iter().zip(widths).map(|(arm, width)| {
            let mean = mixed(arm.theta(), context);
            mean + self.alpha * f64::from(quadratic(width, context)).max(0.0).sqrt()
        })
    }
}

/// xᵀMx of a symmetric M in a fixed order: sixteen columns at a time, from the diagonal down, what is below counted twice.
fn quadratic(matrix: &[f32], x: &[f32]) -> f32 {
    let d = x.len();
    let (blocks, last) = x.as_chunks::<LANES>();
    let mut sum = 0.0;
    for (block, own) in blocks.iter().enumerate() {
        let from = block * LANES;
        let rows = &matrix[from * d + from..];
        let diagonal = combined(rows, d, own);
        let below = combined(rows.get(LANES * d..).unwrap_or_default(), d, &x[from + LANES..]);
        for lane in 0..LANES {
            sum += own[lane] * (diagonal[lane] + 2.0 * below[lane]);
        }
    }
    let from = d - last.len();
    for (row, factor) in matrix.chunks_exact(d).zip(x).skip(from) {
        sum += row[from..].iter().zip(last).fold(0.0, |sum, (entry, x)| sum + factor * (entry * x));
    }
    sum
}

/// Σ factor · row over the first sixteen columns of rows that are `stride` numbers apart.
fn combined(rows: &[f32], stride: usize, factors: &[f32]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (row, factor) in rows.chunks(stride).zip(factors) {
        let Some(row) = row.first_chunk::<LANES>() else { break };
        for lane in 0..LANES {
            sums[lane] += factor * row[lane];
        }
    }
    sums
}
