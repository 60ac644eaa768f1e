//! What a call of a model is expected to cost and to take, for this prompt.

use std::sync::Arc;

use super::exp::exp;
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

    /// Writes the logarithm of each model's amount into `out`, NaN where it is not known.
    pub(super) fn logs_into(&self, basis: &[f32], out: &mut [f32]) {
        self.heads.apply(basis, out);
        for (log, known) in out.iter_mut().zip(&*self.known) {
            *log = if *known { *log } else { f32::NAN };
        }
    }

    pub(super) fn log(&self, basis: &[f32], model: usize) -> Option<f32> {
        self.known[model].then(|| self.heads.apply_one(model, basis))
    }
}

/// Nano-USD from the logarithm of USD, rounded up as prices are.
pub(super) fn nano_usd(log: f32) -> u64 {
    // `as` saturates.
    ((exp(f64::from(log)) * 1e9).ceil() as u64).min(Amounts::MAX)
}

/// Milliseconds from their logarithm.
pub(super) fn milliseconds(log: f32) -> f32 {
    // As f32 it may not be infinite: `min` holds it.
    (exp(f64::from(log))).min(f64::from(f32::MAX)) as f32
}
