//! The outcome of routing.

use std::sync::Arc;

use crate::snapshot::{ModelIndex, Snapshot};

/// What the confidences rest on.
#[derive(Clone, Debug, PartialEq)]
pub enum Basis {
    /// Rules over the signals: an opinion, not a measurement. The rule that held, if one did.
    Rules(Option<Arc<str>>),
    /// A router fitted on outcomes and calibrated; the digest of its weights.
    Learned(Arc<str>),
}

impl Basis {
    /// Whether the confidences are calibrated probabilities.
    pub fn calibrated(&self) -> bool {
        matches!(self, Basis::Learned(_))
    }
}

/// One eligible model in the ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Which.
    pub model: ModelIndex,
    /// Decision confidence: P(good), read from the prompt.
    pub confidence: f32,
    /// Expected money for the call: learned for this prompt where the router has learned it, else by the manifest.
    pub expected_nano_usd: u64,
    /// Whether somebody stated the price or the router learned it. Unknown is not free.
    pub priced: bool,
    /// Expected compute for the call, by the manifest.
    pub expected_compute_us: u64,
    /// Expected latency for this prompt, where the router has learned it.
    pub learned_latency_ms: Option<f32>,
    /// Why it is not first; `None` for the first.
    pub not_chosen: Option<NotChosen>,
}

impl Ranked {
    /// Expected latency of the call: learned, else as the manifest states it, if it does.
    pub fn expected_latency_ms(&self, snapshot: &Snapshot) -> Option<f64> {
        self.learned_latency_ms.map(f64::from).or(snapshot.model(self.model).expected_latency_ms)
    }
}

/// Why an eligible model is not the first choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotChosen {
    /// Its confidence misses the target.
    BelowTarget,
    /// A cheaper one reaches the target as well.
    Dearer,
    /// Another one is more confident.
    LessConfident,
    /// Another one has more utility.
    LessUtility,
    /// A rule prefers another.
    RulePrefersOther,
    /// In doubt the fallback goes first.
    DoubtGoesToFallback,
    /// Exploration picked another.
    Exploration,
}

impl NotChosen {
    /// The name of the reason.
    pub fn name(self) -> &'static str {
        match self {
            NotChosen::BelowTarget => "below_target",
            NotChosen::Dearer => "dearer",
            NotChosen::LessConfident => "less_confident",
            NotChosen::LessUtility => "less_utility",
            NotChosen::RulePrefersOther => "rule_prefers_other",
            NotChosen::DoubtGoesToFallback => "doubt_goes_to_fallback",
            NotChosen::Exploration => "exploration",
        }
    }
}

/// What feedback on the answer will be set against, where the router learns on line.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The context of [`crate::snapshot::RouterWeights::context`].
    pub context: Vec<f32>,
    /// P(good) of each column of the router as it was fitted, before anything that was learned since.
    pub fitted: Vec<f32>,
}

/// Ranked models, and the exact chance with which the first one was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Every eligible model, best first. Never empty.
    pub ranked: Vec<Ranked>,
    /// What the confidences rest on.
    pub basis: Basis,
    /// Probability with which this policy chooses the first one for this prompt.
    pub propensity: f64,
    /// Whether exploration overrode the ranking.
    pub explored: bool,
    /// Only where the router learns on line.
    pub evidence: Option<Arc<Evidence>>,
}

impl Decision {
    /// The choice.
    pub fn chosen(&self) -> &Ranked {
        &self.ranked[0]
    }
}
