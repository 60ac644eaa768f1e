//! What a call of a model is expected to cost and to take, for this prompt.

use std::sync::Arc;

use super::exp::{LANES, exp};
use super::heads::{Blocks, Heads};
use crate::budget::Amounts;

/// What a call is expected to use; `None` where the router has not learned it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Money.
    pub cost_nano_usd: Option<u64>,
    /// From the call to the reply.
    pub latency_ms: Option<f32>,
}

/// Heads on the natural logarithm of an amount: exp(c + φ · g).
#[derive(Clone, Debug, PartialEq)]
pub struct LogHeads {
    /// One for each model.
    pub heads: Heads,
    /// For each model, whether its head was learned. Where it was not, its weights mean nothing.
    pub known: Vec<bool>,
}

impl LogHeads {
    pub(super) fn check(&self, what: &str, models: usize, basis: usize, violations: &mut Vec<String>) {
        self.heads.check(what, models, basis, violations);
        if self.known.len() != models {
            violations.push(format!("{what}.known has {} entries, expected {models}", self.known.len()));
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Logs {
    heads: Blocks,
    known: Arc<[bool]>,
}

impl Logs {
    pub(super) fn new(basis: usize, logs: &LogHeads) -> Self {
        Self { heads: Blocks::new(basis, &logs.heads), known: logs.known.as_slice().into() }
    }

    pub(super) fn heads(&self) -> LogHeads {
        LogHeads { heads: self.heads.heads(), known: self.known.to_vec() }
    }

    /// Tells `found` the position and the amount of each model that is known. `logs` is as long as there are models; what it
    /// holds is overwritten.
    pub(super) fn amounts_into(&self, basis: &[f32], logs: &mut [f32], mut found: impl FnMut(usize, f64)) {
        self.heads.apply(basis, logs);
        for (chunk, some) in logs.chunks(LANES).enumerate() {
            let mut lanes = [0.0; LANES];
            lanes.iter_mut().zip(some).for_each(|(lane, log)| *lane = f64::from(*log));
            let from = chunk * LANES;
            for ((at, amount), known) in (from..).zip(exp(lanes)).zip(&self.known[from..]) {
                if *known {
                    found(at, amount);
                }
            }
        }
    }

    pub(super) fn amount(&self, basis: &[f32], model: usize) -> Option<f64> {
        self.known[model].then(|| exp([f64::from(self.heads.apply_one(model, basis))])[0])
    }
}

/// Nano-USD from USD, rounded up as prices are.
pub(super) fn nano_usd(usd: f64) -> u64 {
    // `as` saturates.
    ((usd * 1e9).ceil() as u64).min(Amounts::MAX)
}

/// Finite also where f32 ends.
pub(super) fn milliseconds(ms: f64) -> f32 {
    ms.min(f64::from(f32::MAX)) as f32
}
