//! What comes out of a fit: the parts of a factored router.

use crate::{Linear, Rows};

/// Most columns of the projection.
pub const MOST_PROJECTED: usize = 64;
/// Most numbers of φ.
pub const MOST_BASIS: usize = 512;

/// A group of φ: softmax(W z + b), numbers of [0, 1] that add up to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// `niche` or `prototypes`.
    pub name: String,
    /// `[size][k]`.
    pub weights: Vec<f32>,
    /// `[size]`.
    pub bias: Vec<f32>,
}

/// One linear head on φ per model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heads {
    /// `[models][φ]`.
    pub weights: Vec<f32>,
    /// `[models]`.
    pub bias: Vec<f32>,
}

impl Heads {
    /// bias + φ · h of one model.
    pub fn raw(&self, basis: &[f32], model: usize) -> f32 {
        let weights = &self.weights[model * basis.len()..][..basis.len()];
        let sum: f64 = weights.iter().zip(basis).map(|(w, b)| f64::from(*w) * f64::from(*b)).sum();
        (sum + f64::from(self.bias[model])) as f32
    }
}

/// From a raw score to a probability; each is monotone.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// 1 / (1 + exp(−(slope · raw + offset))).
    Platt {
        /// Factor on the raw score.
        slope: f32,
        /// Added after it.
        offset: f32,
    },
    /// 1 / (1 + exp(−(a · ln r − b · ln(1 − r) + c))), for r = the raw score inside [0.001, 0.999].
    Beta {
        /// Factor on ln r, 0 or above.
        a: f32,
        /// Factor on −ln(1 − r), 0 or above.
        b: f32,
        /// Added after them.
        c: f32,
    },
    /// Linear between the knots, level outside them.
    Isotonic {
        /// Rising.
        raw: Vec<f32>,
        /// Not falling.
        probability: Vec<f32>,
    },
}

/// Raw scores are drawn in to [this, 1 − this] before a logarithm is taken.
pub const BETA_EDGE: f64 = 0.001;

impl Calibration {
    /// P(good) of a raw score.
    pub fn probability(&self, raw: f32) -> f32 {
        let raw64 = f64::from(raw);
        let logit = match self {
            Self::Platt { slope, offset } => f64::from(*slope) * raw64 + f64::from(*offset),
            Self::Beta { a, b, c } => {
                let r = raw64.clamp(BETA_EDGE, 1.0 - BETA_EDGE);
                f64::from(*a) * r.ln() - f64::from(*b) * (1.0 - r).ln() + f64::from(*c)
            }
            Self::Isotonic { raw: knots, probability } => {
                let above = knots.partition_point(|knot| *knot <= raw);
                if above == 0 || above == knots.len() {
                    return probability.get(above.saturating_sub(1)).copied().unwrap_or(0.5);
                }
                let (x0, x1) = (f64::from(knots[above - 1]), f64::from(knots[above]));
                let (y0, y1) = (f64::from(probability[above - 1]), f64::from(probability[above]));
                return (y0 + (y1 - y0) * (raw64 - x0) / (x1 - x0)) as f32;
            }
        };
        (1.0 / (1.0 + (-logit).exp())) as f32
    }
}

/// A fitted router: features → z (projection) → φ (z beside softmax groups of it) → one head per model → calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Factored {
    /// `[dimension][k]` and the bias of z; the weights are integers times a scale per column.
    pub projection: Linear,
    /// Behind z in φ, in this order.
    pub groups: Vec<Group>,
    /// Raw score of success.
    pub heads: Heads,
    /// One per model.
    pub calibration: Vec<Calibration>,
    /// ln of the expected cost; absent when cost was not observed or says nothing about the prompt.
    pub cost: Option<Heads>,
    /// ln of the expected latency, likewise.
    pub latency: Option<Heads>,
}

impl Factored {
    /// Number of columns of the projection.
    pub fn projected(&self) -> usize {
        self.projection.columns()
    }

    /// φ of one row.
    pub fn basis(&self, rows: &Rows, row: usize) -> Vec<f32> {
        let mut basis = self.projection.score(rows, row);
        spread(&self.groups, self.projected(), &mut basis);
        basis
    }

    /// Raw scores, one per model.
    pub fn raw(&self, basis: &[f32]) -> Vec<f32> {
        (0..self.heads.bias.len()).map(|model| self.heads.raw(basis, model)).collect()
    }

    /// P(good), one per model.
    pub fn scores(&self, basis: &[f32]) -> Vec<f32> {
        self.raw(basis).iter().zip(&self.calibration).map(|(raw, one)| one.probability(*raw)).collect()
    }
}

/// Appends the groups to z.
pub(super) fn spread(groups: &[Group], k: usize, basis: &mut Vec<f32>) {
    for group in groups {
        let start = basis.len();
        for (weights, bias) in group.weights.chunks_exact(k).zip(&group.bias) {
            let logit = weights.iter().zip(&basis[..k]).map(|(w, z)| w * z).sum::<f32>() + bias;
            basis.push(logit);
        }
        let top = basis[start..].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        basis[start..].iter_mut().for_each(|logit| *logit = crate::math::exp(*logit - top));
        let sum: f32 = basis[start..].iter().sum();
        basis[start..].iter_mut().for_each(|number| *number /= sum);
    }
}
