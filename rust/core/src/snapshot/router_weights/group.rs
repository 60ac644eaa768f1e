//! Groups: softmaxes over the projection, such as inferred tasks or nearest prototypes.

use std::sync::Arc;

use super::exp::exp_below_zero;
use super::heads::{Blocks, Heads};

/// softmax(W z + b): the share that each member of the group has in a prompt.
///
/// With a member for each task it infers the task; with `2γc` as weights and `−γ‖c‖²` as bias of a member it is the soft
/// assignment softmax(−γ‖z − c‖²) to prototypes c, since ‖z‖² is the same for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What it stands for: `niche`, `prototypes`, …
    pub name: Arc<str>,
    /// What its members stand for; as many as members, or none where they have no names.
    pub members: Vec<Arc<str>>,
    /// One head for each member over the projection.
    pub heads: Heads,
}

/// A group as scoring reads it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Softmax {
    pub(super) name: Arc<str>,
    pub(super) members: Vec<Arc<str>>,
    pub(super) heads: Blocks,
}

impl Softmax {
    pub(super) fn new(inputs: usize, group: &Group) -> Self {
        let heads = Blocks::new(inputs, &group.heads);
        Self { name: Arc::clone(&group.name), members: group.members.clone(), heads }
    }

    pub(super) fn group(&self) -> Group {
        Group { name: Arc::clone(&self.name), members: self.members.clone(), heads: self.heads.heads() }
    }

    /// Writes the share of each member into `out`; they sum to 1 up to rounding.
    pub(super) fn apply(&self, z: &[f32], out: &mut [f32]) {
        self.heads.apply(z, out);
        let most = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        out.iter_mut().for_each(|logit| *logit = exp_below_zero(*logit - most));
        // One after the other, in f64: the sum does not depend on how a compiler groups additions.
        let sum: f64 = out.iter().map(|share| f64::from(*share)).sum();
        let factor = (1.0 / sum) as f32;
        out.iter_mut().for_each(|share| *share *= factor);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_are_a_softmax(size in 1..40usize, z in prop::collection::vec(-3.0..3.0f32, 1..9), seed: u32) {
            let number = |n: usize| ((n as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 2e6 - 4.0;
            let heads = Heads { weights: (0..size * z.len()).map(number).collect(), bias: (0..size).map(|n| number(n + 77)).collect() };
            let mut logits = vec![0.0_f64; size];
            for (member, logit) in logits.iter_mut().enumerate() {
                let row = &heads.weights[member * z.len()..][..z.len()];
                *logit = f64::from(heads.bias[member]) + row.iter().zip(&z).map(|(w, z)| f64::from(w * z)).sum::<f64>();
            }
            let all: f64 = logits.iter().map(|logit| logit.exp()).sum();
            let softmax = Softmax::new(z.len(), &Group { name: "g".into(), members: Vec::new(), heads });
            let mut shares = vec![0.0; size];
            softmax.apply(&z, &mut shares);
            for (share, logit) in shares.iter().zip(&logits) {
                prop_assert!((f64::from(*share) - logit.exp() / all).abs() < 1e-4, "{shares:?} {logits:?}");
            }
            prop_assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn weights_at_the_bound_still_give_shares() {
        let heads = Heads { weights: vec![1e6, -1e6, 1e6], bias: vec![1e6, -1e6, 1e6] };
        let mut shares = [0.0; 3];
        Softmax::new(1, &Group { name: "g".into(), members: Vec::new(), heads }).apply(&[1e6], &mut shares);
        assert_eq!(shares, [0.5, shares[1], 0.5]);
        assert!(shares[1] < 1e-30);
    }
}
