//! From confidences to an order, under the policy's objective.
//!
//! Each model becomes a key of integers that sorts as the policy wants, so that a comparison is two or three instructions and
//! reads nothing but the keys.

use super::decision::{Basis, Decision, NotChosen, Ranked};
use super::score::Scored;
use crate::snapshot::{Objective, Snapshot};

pub(super) fn rank(snapshot: &Snapshot, scored: Scored) -> Decision {
    let Scored { models, basis, preferred, evidence } = scored;
    let routing = &snapshot.spec.routing;
    let order = Order {
        snapshot,
        target: routing.min_decision_confidence,
        weight: routing.cost_weight_per_usd,
        latency_weight: routing.latency_weight_per_ms,
        objective: routing.objective,
        doubtful: !basis.calibrated(),
    };
    let mut keys: Vec<(Key, u16)> = models
        .iter()
        .zip(0..)
        .map(|(ranked, at)| (order.key(ranked, preferred.contains(usize::from(ranked.model))), at))
        .collect();
    // Models come in the order of their index, so that the position is the last resort among equals.
    keys.sort_unstable();
    let mut ranked: Vec<Ranked> = keys.iter().map(|(_, at)| models[usize::from(*at)]).collect();
    if let Some((first, others)) = ranked.split_first_mut() {
        let first_preferred = preferred.contains(usize::from(first.model));
        for other in others {
            let by_rule = first_preferred && !preferred.contains(usize::from(other.model));
            let reason = if by_rule { NotChosen::RulePrefersOther } else { order.reason(first, other) };
            other.not_chosen = Some(reason);
        }
    }
    Decision { ranked, basis: Basis::clone(&basis), propensity: 1.0, explored: false, evidence }
}

/// Sorts ascending, best first: what decides most often (four flags and the first criterion), then the other criteria.
type Key = (u128, [u64; 3]);

/// By money; models of one price (local ones, often 0) by compute; then by the label.
type Cheapness = (u64, u64, u64);

struct Order<'s> {
    snapshot: &'s Snapshot,
    target: f32,
    weight: f64,
    latency_weight: f64,
    objective: Objective,
    doubtful: bool,
}

impl Order<'_> {
    fn key(&self, ranked: &Ranked, preferred: bool) -> Key {
        let (price, compute, tier) = self.cheapness(ranked);
        let confidence = u64::from(descending(ranked.confidence));
        let reaches = ranked.confidence >= self.target;
        let (group, criterion, others) = match self.objective {
            Objective::Utility => {
                (self.unknown(ranked), !ascending(self.utility(ranked)), [price, compute, tier])
            }
            Objective::Cheapest if reaches => (0, price, [compute, tier, confidence]),
            Objective::Cheapest => {
                let doubt = self.doubtful && !self.is_fallback(ranked);
                (1 + u128::from(doubt), confidence, [price, compute, tier])
            }
        };
        let group = u128::from(!preferred) << 2 | group;
        (group << 64 | u128::from(criterion), others)
    }

    fn cheapness(&self, ranked: &Ranked) -> Cheapness {
        let facts = &self.snapshot.ranking[usize::from(ranked.model)];
        // Unknown is not free: what nobody priced comes after everything that somebody did.
        let price = u64::from(!ranked.priced) << 63 | ranked.expected_nano_usd;
        (price, ranked.expected_compute_us, facts.tier as u64)
    }

    fn utility(&self, ranked: &Ranked) -> f64 {
        let worth = f64::from(ranked.confidence) - self.weight * ranked.expected_nano_usd as f64 / 1e9;
        let facts = &self.snapshot.ranking[usize::from(ranked.model)];
        let expected_ms = ranked.learned_latency_ms.map_or(facts.expected_latency_ms, f64::from);
        worth - self.latency_weight * expected_ms
    }

    /// How much of what the policy weighs is not known of this model. Unknown is not free: it comes after all that is known.
    fn unknown(&self, ranked: &Ranked) -> u128 {
        let price = self.weight > 0.0 && !ranked.priced;
        let latency = self.latency_weight > 0.0 && ranked.expected_latency_ms(self.snapshot).is_none();
        u128::from(price) + u128::from(latency)
    }

    fn is_fallback(&self, ranked: &Ranked) -> bool {
        self.snapshot.ranking[usize::from(ranked.model)].is_fallback
    }

    fn reason(&self, first: &Ranked, other: &Ranked) -> NotChosen {
        if self.objective == Objective::Utility {
            return NotChosen::LessUtility;
        }
        match (first.confidence >= self.target, other.confidence >= self.target) {
            (true, true) if self.cheapness(first) < self.cheapness(other) => NotChosen::Dearer,
            (true, true) => NotChosen::LessConfident,
            (true, false) => NotChosen::BelowTarget,
            (false, _) if self.doubtful && self.is_fallback(first) && !self.is_fallback(other) => {
                NotChosen::DoubtGoesToFallback
            }
            (false, _) => NotChosen::LessConfident,
        }
    }
}

/// Sorts like `total_cmp`.
fn ascending(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Sorts like `total_cmp` the other way round.
fn descending(number: f32) -> u32 {
    let bits = number.to_bits();
    !(if bits >> 31 == 1 { !bits } else { bits | 1 << 31 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_sort_as_their_numbers(a: f64, b: f64, c: f32, d: f32) {
            for (a, b) in [(a, b), (a, -a), (0.0, -0.0), (a, f64::NAN)] {
                prop_assert_eq!(ascending(a).cmp(&ascending(b)), a.total_cmp(&b));
            }
            for (c, d) in [(c, d), (c, -c), (0.0, -0.0)] {
                prop_assert_eq!(descending(c).cmp(&descending(d)), d.total_cmp(&c));
            }
        }
    }
}
