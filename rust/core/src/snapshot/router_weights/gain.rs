//! By how much one model is expected to be better than another.
//!
//! **The problem.** Whoever sends the prompts with the largest gain to the dearer model needs a *ranking* of prompts. Calibrated
//! probabilities are right on average, but isotonic ones are level over whole ranges of scores (beta ones beyond 0 and 1): their
//! difference ties prompts that the scores tell apart, and steps where the calibration happened to step. So a side whose calibration
//! has levels counts half as what it was calibrated to, and half as its raw score, which is on the scale of a probability (heads are fitted to scores in
//! [0, 1]). Both halves estimate P(good), so their mean does, and it ties no two scores. A router may also hold heads of their own
//! for gains, fitted to differences; then these alone rank.

use super::factored::Factored;
use super::{Kind, RouterWeights};

impl RouterWeights {
    /// Expected score of `strong` less that of `weak` for the prompt of φ; both are columns. Turning the two round turns the sign.
    pub fn gain(&self, basis: &[f32], strong: usize, weak: usize) -> f32 {
        let side = |model: usize| match &self.kind {
            Kind::Direct { calibration, .. } => calibration.all()[model].probability(basis[model]),
            Kind::Factored(factored) => factored.worth(basis, model),
        };
        side(strong) - side(weak)
    }
}

impl Factored {
    fn worth(&self, basis: &[f32], model: usize) -> f32 {
        if let Some(gain) = &self.gain {
            return gain.apply_one(model, basis);
        }
        let raw = self.heads.apply_one(model, basis);
        let calibration = &self.calibration.all()[model];
        let probability = calibration.probability(raw);
        if calibration.has_levels() { 0.5 * (probability + raw) } else { probability }
    }
}
