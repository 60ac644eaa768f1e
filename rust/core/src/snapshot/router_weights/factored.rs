//! A router in two steps: a short description of the prompt, and one head per model over it.
//!
//! ```text
//! z = projection(features)                          k ≤ 64 scores over n-grams and dense features
//! φ = [ z ‖ softmax(W₁z + b₁) ‖ softmax(W₂z + b₂) ‖ … ]       |φ| ≤ 512
//! raw_m = bias_m + φ · h_m                          P(good)_m = calibration_m(raw_m)
//! ```
//!
//! The prompt is read once whatever the number of models: each costs |φ| multiplications more. And a head is all that is
//! known of a model, so that one more changes nothing about the others.

use std::sync::Arc;

use super::calibration::{Calibration, Calibrations};
use super::expected::{LogHeads, Logs};
use super::group::{Group, Softmax};
use super::heads::{Blocks, Heads, LARGEST};
use crate::text::{Features, WeightTable};

/// Most columns of the projection.
pub const MAX_PROJECTION: usize = 64;
/// Most numbers in φ.
pub const MAX_BASIS: usize = 512;

/// What a factored router is made of, as a trainer gives it and a file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct FactoredParts {
    /// From features to z, of 1 to 64 columns.
    pub projection: Arc<WeightTable>,
    /// Softmaxes over z.
    pub groups: Vec<Group>,
    /// One head for each model over φ.
    pub heads: Heads,
    /// How each model's raw score becomes P(good).
    pub calibration: Vec<Calibration>,
    /// Heads whose differences rank prompts by the gain of one model over another, if there are any beside `heads`.
    pub gain: Option<Heads>,
    /// Of the cost of a call, in USD.
    pub cost: Option<LogHeads>,
    /// Of its latency, in milliseconds.
    pub latency: Option<LogHeads>,
}

impl FactoredParts {
    /// |φ|.
    pub fn basis(&self) -> usize {
        self.projection.columns() + self.groups.iter().map(|group| group.heads.bias.len()).sum::<usize>()
    }

    /// Everything that keeps these parts from being a router of so many models.
    pub(super) fn violations(&self, models: usize) -> Vec<String> {
        let mut violations = Vec::new();
        let (k, basis) = (self.projection.columns(), self.basis());
        if k > MAX_PROJECTION {
            violations.push(format!("the projection has {k} columns: at most {MAX_PROJECTION}"));
        }
        if basis > MAX_BASIS {
            violations.push(format!("projection and groups have {basis} numbers: at most {MAX_BASIS}"));
        }
        for (at, group) in self.groups.iter().enumerate() {
            let (what, size) = (format!("group {}", group.name), group.heads.bias.len());
            if size == 0 {
                violations.push(format!("{what} has no members"));
            }
            if ![0, size].contains(&group.members.len()) {
                violations.push(format!("{what} has {} names for {size} members", group.members.len()));
            }
            if self.groups[..at].iter().any(|other| other.name == group.name) {
                violations.push(format!("two groups are called {}", group.name));
            }
            group.heads.check(&what, size, k, &mut violations);
        }
        self.heads.check("heads", models, basis, &mut violations);
        if let Some(gain) = &self.gain {
            gain.check("gain", models, basis, &mut violations);
        }
        for (what, logs) in [("cost", &self.cost), ("latency", &self.latency)] {
            if let Some(logs) = logs {
                logs.check(what, models, basis, &mut violations);
            }
        }
        if self.calibration.len() != models {
            violations.push(format!("{} calibrations for {models} models", self.calibration.len()));
        }
        for (at, calibration) in self.calibration.iter().enumerate() {
            calibration.check(&format!("calibration[{at}]"), &mut violations);
        }
        violations
    }
}

/// A factored router as scoring reads it. What heads share is shared by all routers that differ in heads only.
#[derive(Clone, Debug)]
pub(super) struct Factored {
    pub(super) projection: Arc<WeightTable>,
    pub(super) groups: Arc<[Softmax]>,
    pub(super) basis: usize,
    pub(super) heads: Blocks,
    pub(super) calibration: Arc<Calibrations>,
    pub(super) gain: Option<Blocks>,
    pub(super) cost: Option<Logs>,
    pub(super) latency: Option<Logs>,
}

impl Factored {
    /// `parts` has no violations.
    pub(super) fn new(parts: &FactoredParts) -> Self {
        let (k, basis) = (parts.projection.columns(), parts.basis());
        Self {
            projection: Arc::clone(&parts.projection),
            groups: parts.groups.iter().map(|group| Softmax::new(k, group)).collect(),
            basis,
            heads: Blocks::new(basis, &parts.heads),
            calibration: Arc::new(Calibrations::new(parts.calibration.clone())),
            gain: parts.gain.as_ref().map(|gain| Blocks::new(basis, gain)),
            cost: parts.cost.as_ref().map(|cost| Logs::new(basis, cost)),
            latency: parts.latency.as_ref().map(|latency| Logs::new(basis, latency)),
        }
    }

    pub(super) fn parts(&self) -> FactoredParts {
        FactoredParts {
            projection: Arc::clone(&self.projection),
            groups: self.groups.iter().map(Softmax::group).collect(),
            heads: self.heads.heads(),
            calibration: self.calibration.all().to_vec(),
            gain: self.gain.as_ref().map(Blocks::heads),
            cost: self.cost.as_ref().map(Logs::heads),
            latency: self.latency.as_ref().map(Logs::heads),
        }
    }

    /// φ of a prompt. Always finite: z is held within ±10⁶, which no sensible projection reaches.
    pub(super) fn basis_into(&self, features: &Features, basis: &mut Vec<f32>) {
        basis.clear();
        basis.resize(self.basis, 0.0);
        let (z, mut shares) = basis.split_at_mut(self.projection.columns());
        self.projection.score_into(features, z);
        for number in z.iter_mut() {
            // A NaN, which a sum of infinities could be, becomes the lower bound.
            let low = if *number >= -LARGEST { *number } else { -LARGEST };
            *number = if low <= LARGEST { low } else { LARGEST };
        }
        for group in &*self.groups {
            let (mine, later) = shares.split_at_mut(group.heads.len());
            group.apply(z, mine);
            shares = later;
        }
    }

    /// Name, members and place of each block of φ: the projection, then the groups.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (&str, &[Arc<str>], std::ops::Range<usize>)> {
        let k = self.projection.columns();
        let mut from = k;
        let groups = self.groups.iter().map(move |group| {
            let range = from..from + group.heads.len();
            from = range.end;
            (&*group.name, &group.members[..], range)
        });
        std::iter::once(("text", &[][..], 0..k)).chain(groups)
    }
}
