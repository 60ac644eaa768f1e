//! A floor under the chance of every eligible model, so that a router can go on learning about those it seldom picks.

use super::decision::{Decision, NotChosen};

/// With probability n · floor, picks one of the n models evenly instead of the first. Records the exact chance that the
/// model which ends up first had: the propensity that off-policy evaluation divides by.
pub(super) fn explore(decision: &mut Decision, floor: f64, seed: u64) {
    let n = decision.ranked.len();
    if floor <= 0.0 || n < 2 {
        return;
    }
    let exploring = (floor * n as f64).min(1.0);
    let each = exploring / n as f64;
    let mut chance = SplitMix(seed);
    let picked = if chance.unit() < exploring { ((chance.unit() * n as f64) as usize).min(n - 1) } else { 0 };
    if picked > 0 {
        let mut model = decision.ranked.remove(picked);
        model.not_chosen = None;
        decision.ranked[0].not_chosen = Some(NotChosen::Exploration);
        decision.ranked.insert(0, model);
        decision.explored = true;
    }
    decision.propensity = if picked == 0 { 1.0 - exploring + each } else { each };
}

/// SplitMix64 (Steele, Lea, Flood 2014): a few well mixed numbers from a seed.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::decision::{Basis, Ranked};
    use super::*;

    fn decision(n: u16) -> Decision {
        let ranked = |model| Ranked {
            model,
            confidence: 0.5,
            expected_nano_usd: 0,
            priced: true,
            expected_compute_us: 0,
            learned_latency_ms: None,
            not_chosen: None,
        };
        Decision {
            ranked: (0..n).map(ranked).collect(),
            basis: Basis::Rules(None),
            propensity: 1.0,
            explored: false,
            evidence: None,
        }
    }

    #[test]
    fn every_model_is_chosen_as_often_as_its_propensity_says() {
        let mut chosen = [0u32; 4];
        let mut propensity = [0.0; 4];
        for seed in 0..40_000 {
            let mut decision = decision(4);
            explore(&mut decision, 0.05, seed);
            let first = usize::from(decision.ranked[0].model);
            chosen[first] += 1;
            propensity[first] = decision.propensity;
            assert_eq!(decision.ranked.len(), 4);
        }
        assert!((propensity.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (count, propensity) in chosen.iter().zip(propensity) {
            // Four standard deviations.
            let slack = 4.0 * (propensity * (1.0 - propensity) / 40_000.0).sqrt();
            assert!(
                (f64::from(*count) / 40_000.0 - propensity).abs() < slack,
                "{chosen:?} against {propensity}"
            );
        }
    }
}
