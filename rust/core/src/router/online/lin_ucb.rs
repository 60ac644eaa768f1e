//! Which arm, seen from this context? Optimism in the face of what is not known yet.
//!
//! LinUCB with disjoint arms (Li, Chu, Langford and Schapire 2010, algorithm 1): a ridge regression per arm, and a bonus
//! for what it has seldom seen. Departures: the inverse is kept up to date instead of being recomputed, rewards may be
//! negative or large, and a tie goes to the first arm instead of to chance, so that a choice can be made again.

use super::ridge::{OnlineError, Ridge, check, mixed};

const LANES: usize = 16;

/// The most entries of all inverses together, each of at most 12 bytes: 0.8 GB.
const MOST_ENTRIES: usize = 1 << 26;

/// Arms that learn from contexts of one length.
#[derive(Clone, Debug)]
pub struct LinUcb {
    alpha: f64,
    prior: f64,
    dimensions: usize,
    arms: Vec<Ridge>,
    widths: Widths,
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
        if arms * dimensions.max(LANES) * dimensions.max(LANES) > MOST_ENTRIES {
            return Err(OnlineError::Size { arms, dimensions, most: MOST_ENTRIES });
        }
        let mut widths = Widths::new(arms, dimensions);
        (0..arms).for_each(|at| widths.take(at, arm.inverse()));
        Ok(Self { alpha, prior, dimensions, widths, arms: vec![arm; arms] })
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
        self.widths.take(arm, ridge.inverse());
        Ok(())
    }

    fn each<'a>(&'a self, context: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
        let padded = self.widths.padded(context);
        self.arms.iter().enumerate().map(move |(at, arm)| {
            let mean = mixed(arm.theta(), context);
            mean + self.alpha * f64::from(self.widths.of(at, &padded)).max(0.0).sqrt()
        })
    }
}

/// Sixteen numbers, which are multiplied and added side by side.
type Lanes = [f32; LANES];

/// The symmetric inverses of all arms as bonuses read them.
///
/// In single precision: a bonus is no more exact than its α, and half of the bytes is half of the time. Sixteen columns at a
/// time, from the diagonal down, with zeros up to whole blocks; what is below the diagonal's block stands for the other side as well, so
/// it is kept twice as large.
#[derive(Clone, Debug)]
struct Widths {
    blocks: usize,
    rows: Vec<Lanes>,
}

impl Widths {
    fn new(arms: usize, dimensions: usize) -> Self {
        let blocks = dimensions.div_ceil(LANES);
        Self { blocks, rows: vec![[0.0; LANES]; arms * Self::per_arm(blocks)] }
    }

    /// Rows of one arm: a block of columns has as many as there are from its diagonal down.
    fn per_arm(blocks: usize) -> usize {
        LANES * blocks * (blocks + 1) / 2
    }

    fn take(&mut self, arm: usize, inverse: &[f64]) {
        let d = inverse.len().isqrt();
        let size = Self::per_arm(self.blocks);
        let mut mine = self.rows[arm * size..][..size].iter_mut();
        for from in (0..self.blocks).map(|block| block * LANES) {
            for (at, lanes) in (from..self.blocks * LANES).zip(&mut mine) {
                let Some(row) = inverse.get(at * d..(at + 1) * d) else { continue };
                let times = if at < from + LANES { 1.0 } else { 2.0 };
                for (lane, entry) in lanes.iter_mut().zip(&row[from..]) {
                    *lane = (entry * times) as f32;
                }
            }
        }
    }

    fn padded(&self, context: &[f32]) -> Vec<Lanes> {
        let mut padded = vec![[0.0; LANES]; self.blocks];
        padded.as_flattened_mut()[..context.len()].copy_from_slice(context);
        padded
    }

    /// xᵀA⁻¹x in a fixed order. Rows alternate between two sums, so that one need not wait for the other.
    fn of(&self, arm: usize, context: &[Lanes]) -> f32 {
        let size = Self::per_arm(self.blocks);
        let mut rest = &self.rows[arm * size..][..size];
        let mut total = [0.0_f32; LANES];
        for (block, own) in context.iter().enumerate() {
            let factors = context[block..].as_flattened();
            let (rows, others) = rest.split_at(factors.len());
            rest = others;
            let (mut even, mut odd) = ([0.0_f32; LANES], [0.0_f32; LANES]);
            for (rows, factors) in rows.as_chunks::<2>().0.iter().zip(factors.as_chunks::<2>().0) {
                for lane in 0..LANES {
                    even[lane] += factors[0] * rows[0][lane];
                    odd[lane] += factors[1] * rows[1][lane];
                }
            }
            for lane in 0..LANES {
                total[lane] += own[lane] * (even[lane] + odd[lane]);
            }
        }
        total.iter().sum()
    }
}
