//! What a classifier thinks of every label, not only of the one that it says.

use std::sync::Arc;

/// A probability for each label.
#[derive(Clone, Debug, PartialEq)]
pub struct Votes {
    /// The labels; shared by all replies of a member.
    pub labels: Arc<[Arc<str>]>,
    /// One for each label, in [0, 1]; together at most 1.
    pub probabilities: Vec<f32>,
}

/// What rounding may add to a sum of probabilities.
const ROUNDING: f32 = 1e-3;

impl Votes {
    /// What is wrong with them, if something is: these are a member's words.
    pub fn problem(&self) -> Option<&'static str> {
        if self.labels.is_empty() || self.labels.len() != self.probabilities.len() {
            return Some("as many probabilities as labels are needed");
        }
        if !self.probabilities.iter().all(|p| (0.0..=1.0).contains(p)) {
            return Some("a probability is not in [0, 1]");
        }
        (self.probabilities.iter().sum::<f32>() > 1.0 + ROUNDING)
            .then_some("the probabilities sum to more than 1")
    }
}
