//! Ridge regression, one observation at a time.

/// The longest context, in units of the prior's standard deviation: ‖x‖² / λ. Past it, what one observation says about its
/// own direction drowns what doubles can hold of the others.
const LONGEST: f64 = 1e9;

/// The largest reward: what is learned from such stays finite under every prior and context.
const LARGEST_REWARD: f64 = 1e100;

/// The most numbers of a context: a regression keeps the square of them.
pub(super) const MOST_DIMENSIONS: usize = 2048;

/// What cannot be learned from.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum OnlineError {
    /// There is nothing to regress on, or too much.
    #[error("{0} dimensions; give 1 to {MOST_DIMENSIONS}")]
    Dimensions(usize),
    /// The prior is no weight, or one beside which nothing else counts.
    #[error("the prior is {0}; give a number from 1e-9 to 1e9")]
    Prior(f64),
    /// The width of the bonus is no width.
    #[error("alpha is {0}; give 0 or more")]
    Alpha(f64),
    /// There is nothing to choose from.
    #[error("{0} arms; give 1 to 65,536")]
    Arms(usize),
    /// More than a process should keep.
    #[error("{arms} arms of {dimensions} dimensions keep {arms} · {dimensions}² numbers; the most is {most}")]
    Size {
        /// How many arms.
        arms: usize,
        /// Numbers of a context.
        dimensions: usize,
        /// The bound.
        most: usize,
    },
    /// A context of another length.
    #[error("the context has {given} numbers, not {expected}")]
    Length {
        /// What came.
        given: usize,
        /// What is needed.
        expected: usize,
    },
    /// NaN or infinity in a context.
    #[error("number {0} of the context is not finite")]
    Context(usize),
    /// A context that would swamp everything else.
    #[error("the squared length of the context is {0:.3e} times the prior; scale its numbers to about 1")]
    TooLong(f64),
    /// A reward that is no number, or one beside which nothing else counts.
    #[error("the reward is {0}; give a number from -1e100 to 1e100")]
    Reward(f64),
    /// There is no such arm.
    #[error("arm {arm} of {arms}")]
    Arm {
        /// What came.
        arm: usize,
        /// How many there are.
        arms: usize,
    },
}

/// θ = (λI + Σ xxᵀ)⁻¹ Σ rx, kept up to date by Sherman's and Morrison's formula. λ counts like so many observations that said
/// "nothing" about each direction: what was learned from few of them stays near 0.
///
/// Numbers are doubles, sums run in a fixed order, and the inverse is symmetric to the last bit: what is subtracted at
/// (i, j) and (j, i) is one product of the same two factors. An update takes 2d² steps; memory is 8d² bytes.
#[derive(Clone, Debug)]
pub struct Ridge {
    prior: f64,
    /// (λI + Σ xxᵀ)⁻¹, by rows.
    inverse: Vec<f64>,
    theta: Vec<f64>,
    observations: u64,
    /// The context as doubles, and the inverse times it.
    scratch: [Vec<f64>; 2],
}

impl Ridge {
    /// Knows nothing yet.
    pub fn new(dimensions: usize, prior: f64) -> Result<Self, OnlineError> {
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(OnlineError::Dimensions(dimensions));
        }
        if !(1e-9..=1e9).contains(&prior) {
            return Err(OnlineError::Prior(prior));
        }
        let mut inverse = vec![0.0; dimensions * dimensions];
        inverse.iter_mut().step_by(dimensions + 1).for_each(|x| *x = 1.0 / prior);
        let zeros = vec![0.0; dimensions];
        let scratch = [zeros.clone(), zeros.clone()];
        Ok(Self { prior, inverse, theta: zeros, observations: 0, scratch })
    }

    /// One as [`Ridge::inverse`] and the others gave it. `None` if the numbers do not fit together or are not finite.
    pub fn resumed(prior: f64, inverse: Vec<f64>, theta: Vec<f64>, observations: u64) -> Option<Self> {
        let mut ridge = Self::new(theta.len(), prior).ok()?;
        let fits =
            inverse.len() == ridge.inverse.len() && inverse.iter().chain(&theta).all(|x| x.is_finite());
        fits.then(|| {
            (ridge.inverse, ridge.theta, ridge.observations) = (inverse, theta, observations);
            ridge
        })
    }

    /// Numbers of a context.
    pub fn dimensions(&self) -> usize {
        self.theta.len()
    }

    /// The weights.
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// (λI + Σ xxᵀ)⁻¹, by rows.
    pub fn inverse(&self) -> &[f64] {
        &self.inverse
    }

    /// Observations so far.
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Whether it could learn from such a context.
    pub fn check(&self, context: &[f32]) -> Result<(), OnlineError> {
        check(context, self.dimensions(), self.prior)
    }

    /// Learns that this context brought this reward. On an error nothing changes.
    pub fn update(&mut self, context: &[f32], reward: f64) -> Result<(), OnlineError> {
        self.check(context)?;
        if !(-LARGEST_REWARD..=LARGEST_REWARD).contains(&reward) {
            return Err(OnlineError::Reward(reward));
        }
        let Self { inverse, theta, scratch: [x, v], .. } = self;
        let d = theta.len();
        for (wide, narrow) in x.iter_mut().zip(context) {
            *wide = f64::from(*narrow);
        }
        for (out, row) in v.iter_mut().zip(inverse.chunks_exact(d)) {
            *out = dot(row, x);
        }
        let spread = dot(x, v);
        self.observations += 1;
        if spread <= 0.0 {
            // A direction that is known exactly, or the zero context: it teaches nothing, and rounding must not say otherwise.
            return Ok(());
        }
        let gain = (reward - dot(theta, x)) / (1.0 + spread);
        for (weight, v) in theta.iter_mut().zip(&*v) {
            *weight += v * gain;
        }
        // √ spread over both factors, so that (i, j) and (j, i) subtract the same product.
        let root = (1.0 + spread).sqrt().recip();
        v.iter_mut().for_each(|v| *v *= root);
        for (row, factor) in inverse.chunks_exact_mut(d).zip(&*v) {
            for (entry, v) in row.iter_mut().zip(&*v) {
                *entry -= factor * v;
            }
        }
        Ok(())
    }

    /// xᵀθ.
    pub fn predict(&self, context: &[f32]) -> f64 {
        mixed(&self.theta, context)
    }
}

/// Whether a context of so many numbers may come in.
pub(super) fn check(context: &[f32], expected: usize, prior: f64) -> Result<(), OnlineError> {
    if context.len() != expected {
        return Err(OnlineError::Length { given: context.len(), expected });
    }
    let squared = context.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / prior;
    if squared <= LONGEST {
        return Ok(());
    }
    match context.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(OnlineError::Context(at)),
        None => Err(OnlineError::TooLong(squared)),
    }
}

const LANES: usize = 8;

/// Σ ab in a fixed order: eight sums side by side, then the rest.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut sums, mut rest) = ([0.0; LANES], 0.0);
    let ((a, a_last), (b, b_last)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (a, b) in a_last.iter().zip(b_last) {
        rest += a * b;
    }
    sums.iter().fold(rest, |sum, lane| sum + lane)
}

/// The same of doubles and floats.
pub(super) fn mixed(a: &[f64], b: &[f32]) -> f64 {
    let (mut sums, mut rest) = ([0.0; LANES], 0.0);
    let ((a, a_last), (b, b_last)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * f64::from(b[lane]);
        }
    }
    for (a, b) in a_last.iter().zip(b_last) {
        rest += a * f64::from(*b);
    }
    sums.iter().fold(rest, |sum, lane| sum + lane)
}
