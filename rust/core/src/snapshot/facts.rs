//! What every decision asks of every model, side by side in memory.
//!
//! A [`Model`] is several hundred bytes of names and lists. Ranking a thousand of them by way of their models would fetch a
//! thousand times that; these are 64 bytes each.

use super::{Model, Price, Role, Tier};
use crate::budget::{Amounts, Resource};

/// One model's numbers, as ranking reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct RankingFacts {
    /// What it costs.
    pub price: Price,
    /// Whether the price is the same for every call.
    flat: bool,
    /// Expected tokens of a reply.
    expected_tokens_out: u64,
    /// Expected compute for one call.
    pub expected_compute_us: u64,
    /// Its label of size.
    pub tier: Tier,
    /// Whether doubt goes to it.
    pub is_fallback: bool,
    /// Expected latency; 0 where nobody stated one.
    pub expected_latency_ms: f64,
}

impl RankingFacts {
    pub(super) fn of(model: &Model) -> Self {
        let Price { per_token_in, per_token_out, per_compute_ms, .. } = model.price;
        Self {
            price: model.price,
            flat: [per_token_in, per_token_out, per_compute_ms] == [0.0; 3],
            expected_tokens_out: model.expected_tokens_out(),
            expected_compute_us: model.expected_compute_us(),
            tier: model.tier,
            is_fallback: model.role == Role::Fallback,
            expected_latency_ms: model.expected_latency_ms.unwrap_or(0.0),
        }
    }

    /// Expected money for one call.
    pub fn expected_nano_usd(&self, tokens_in: u64) -> u64 {
        if self.flat {
            return self.price.per_call.min(Amounts::MAX);
        }
        self.price.of(tokens_in, self.expected_tokens_out, self.expected_compute_us)
    }
}

/// The worst case of a model that is in each respect as bad as the worst: what it can afford, every model can.
pub(super) fn worst_of(models: &[Model]) -> WorstCase {
    let most = |of: &dyn Fn(&Model) -> f64| models.iter().map(of).fold(0.0, f64::max);
    WorstCase {
        price: Price {
            known: true,
            per_call: models.iter().map(|model| model.price.per_call).max().unwrap_or(0),
            per_token_in: most(&|model| model.price.per_token_in),
            per_token_out: most(&|model| model.price.per_token_out),
            per_compute_ms: most(&|model| model.price.per_compute_ms),
        },
        tokens_out: models.iter().map(|model| u64::from(model.max_output_tokens)).max().unwrap_or(0),
        compute_us: models.iter().map(|model| u64::from(model.timeout_ms) * 1_000).max().unwrap_or(0),
    }
}

/// Bounds on what a call of any model may use.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstCase {
    price: Price,
    tokens_out: u64,
    compute_us: u64,
}

impl WorstCase {
    /// At least what a call of any model may use.
    pub fn amounts(&self, tokens_in: u64) -> Amounts {
        Amounts::of(Resource::NanoUsd, self.price.of(tokens_in, self.tokens_out, self.compute_us))
            .with(Resource::TokensIn, tokens_in)
            .with(Resource::TokensOut, self.tokens_out)
            .with(Resource::ComputeUs, self.compute_us)
    }
}
