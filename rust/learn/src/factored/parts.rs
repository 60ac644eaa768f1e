//! What comes out of a fit: the parts of a factored router.

use std::sync::Arc;

use ecology_core::snapshot::{Calibration, FactoredParts, Group, Heads, LogHeads};
use ecology_core::text::{Extractor, TableError};

use crate::{Linear, Rows};

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
        (0..self.heads.bias.len()).map(|model| apply(&self.heads, basis, model)).collect()
    }

    /// P(good), one per model.
    pub fn scores(&self, basis: &[f32]) -> Vec<f32> {
        self.raw(basis).iter().zip(&self.calibration).map(|(raw, one)| one.probability(*raw)).collect()
    }

    /// The same for serving. Raw scores rank prompts by gain: they were fitted together, so that their differences have less noise than
    /// those of two calibrations.
    pub fn into_parts(self, extractor: Extractor) -> Result<FactoredParts, TableError> {
        let logs = |heads: Heads| LogHeads { known: vec![true; heads.bias.len()], heads };
        Ok(FactoredParts {
            projection: Arc::new(self.projection.into_table(extractor)?.quantized()),
            groups: self.groups,
            gain: Some(self.heads.clone()),
            heads: self.heads,
            calibration: self.calibration,
            cost: self.cost.map(logs),
            latency: self.latency.map(logs),
        })
    }
}

/// bias + φ · h of one model.
pub(super) fn apply(heads: &Heads, basis: &[f32], model: usize) -> f32 {
    let weights = &heads.weights[model * basis.len()..][..basis.len()];
    weights.iter().zip(basis).fold(heads.bias[model], |sum, (w, b)| sum + w * b)
}

/// From heads that end with their bias.
pub(super) fn heads_of(solved: Vec<Vec<f64>>) -> Heads {
    let mut all = Heads::default();
    for head in solved {
        let (weights, bias) = head.split_at(head.len().saturating_sub(1));
        all.weights.extend(weights.iter().map(|weight| *weight as f32));
        all.bias.push(bias.first().map_or(0.0, |bias| *bias as f32));
    }
    all
}

/// Appends the groups to z.
pub(super) fn spread(groups: &[Group], k: usize, basis: &mut Vec<f32>) {
    for group in groups {
        let start = basis.len();
        for (weights, bias) in group.heads.weights.chunks_exact(k).zip(&group.heads.bias) {
            let logit = weights.iter().zip(&basis[..k]).map(|(w, z)| w * z).sum::<f32>() + bias;
            basis.push(logit);
        }
        let top = basis[start..].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        basis[start..].iter_mut().for_each(|logit| *logit = crate::math::exp(*logit - top));
        let sum: f32 = basis[start..].iter().sum();
        basis[start..].iter_mut().for_each(|number| *number /= sum);
    }
}
