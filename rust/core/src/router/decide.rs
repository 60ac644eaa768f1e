//! Score, rank, explore.

use super::{Decision, exploration, rank, score};
use crate::admission::Verdict;
use crate::snapshot::Snapshot;
use crate::text::Features;

/// Everything that a decision depends on besides the snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What the prompt looks like.
    pub features: &'a Features,
    /// Who may serve.
    pub verdict: &'a Verdict,
    /// The task, which tells a specialist from a generalist.
    pub task: Option<&'a str>,
    /// Length of the prompt in tokens, for expected prices.
    pub tokens_in: u64,
    /// Whether the plan begins with the first in rank. One that does not (a cascade) leaves nothing to explore, and a
    /// propensity for a choice that is not carried out would mislead whoever learns from the log.
    pub explores: bool,
    /// Source of chance.
    pub seed: u64,
}

/// Ranks the eligible models; `None` if there is none.
pub fn decide(snapshot: &Snapshot, inputs: &Inputs<'_>) -> Option<Decision> {
    let eligible = inputs.verdict.eligible();
    if eligible.is_empty() {
        return None;
    }
    let scored = score::score(snapshot, inputs);
    let mut decision = rank::rank(snapshot, scored);
    if inputs.explores {
        exploration::explore(&mut decision, snapshot.spec.routing.exploration_floor, inputs.seed);
    }
    Some(decision)
}
