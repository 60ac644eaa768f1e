//! The label that several distributions together find most likely.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Votes;

/// A label and its weighted mean probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Average {
    /// The most likely label.
    pub label: Arc<str>,
    /// Its mean probability, in [0, 1].
    pub probability: f32,
}

/// The label with the largest weighted mean probability: soft voting (Kittler et al. 1998, the sum rule). Labels are matched by
/// name; one that a voter does not know has probability 0 there. Of equal labels the smallest name wins, so that the order of the
/// voters does not matter.
///
/// `None` without voters, or when the weights do not sum to a number above 0.
pub fn average(voters: &[(f64, &Votes)]) -> Option<Average> {
    let total: f64 = voters.iter().map(|(weight, _)| weight).sum();
    let (_, first) = voters.first()?;
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    let sums = if voters.iter().all(|(_, votes)| votes.labels == first.labels) {
        // The rule: one contract, one list of labels.
        let sum = |at: usize| {
            let share = |(weight, votes): &(f64, &Votes)| weight * probability(votes, at);
            voters.iter().map(share).sum()
        };
        first.labels.iter().enumerate().map(|(at, label)| (label, sum(at))).collect()
    } else {
        by_name(voters)
    };
    let mut best: Option<(&Arc<str>, f64)> = None;
    for (label, sum) in sums {
        if best.is_none_or(|(name, most)| sum > most || (sum == most && label < name)) {
            best = Some((label, sum));
        }
    }
    best.map(|(label, sum)| Average {
        label: Arc::clone(label),
        probability: (sum / total).clamp(0.0, 1.0) as f32,
    })
}

fn probability(votes: &Votes, at: usize) -> f64 {
    votes.probabilities.get(at).copied().map_or(0.0, f64::from)
}

/// The weighted sum for every label that somebody knows.
fn by_name<'v>(voters: &[(f64, &'v Votes)]) -> Vec<(&'v Arc<str>, f64)> {
    let mut place: HashMap<&str, usize> = HashMap::new();
    let mut sums: Vec<(&Arc<str>, f64)> = Vec::new();
    for (weight, votes) in voters {
        for (at, label) in votes.labels.iter().enumerate() {
            let slot = *place.entry(label).or_insert(sums.len());
            if slot == sums.len() {
                sums.push((label, 0.0));
            }
            sums[slot].1 += weight * probability(votes, at);
        }
    }
    sums
}
