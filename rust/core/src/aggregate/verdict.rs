//! What an aggregator found.

/// How a tie was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieRule {
    /// There was none.
    None,
    /// The smallest canonical form won: arbitrary, but the same whatever the order of the votes.
    CanonicalOrder,
    /// The earliest reply won: its order is the rank that the router gave.
    FirstInOrder,
}

impl TieRule {
    /// The name under which it is reported.
    pub fn name(self) -> &'static str {
        match self {
            TieRule::None => "none",
            TieRule::CanonicalOrder => "canonical_order",
            TieRule::FirstInOrder => "first_in_order",
        }
    }
}

/// A winner, and how much of the vote was behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Position of the winning reply (the first that says so).
    pub index: usize,
    /// Replies that say the same.
    pub support: usize,
    /// Replies that were counted.
    pub votes: usize,
    /// Members that gave no reply.
    pub abstentions: usize,
    /// How a tie was broken.
    pub tie: TieRule,
    /// Share of pairs of replies that differ, in [0, 1].
    pub disagreement: f64,
    /// Shannon entropy of the vote, in bits.
    pub entropy_bits: f64,
}

impl Verdict {
    /// Builds the verdict from the size of each camp; the sums run from the largest camp to the smallest, so that they
    /// do not depend on the order of the votes.
    pub(super) fn of_camps(
        index: usize,
        support: usize,
        abstentions: usize,
        tie: TieRule,
        mut camps: Vec<usize>,
    ) -> Self {
        camps.sort_unstable_by(|a, b| b.cmp(a));
        let votes: usize = camps.iter().sum();
        let pairs = votes * votes.saturating_sub(1) / 2;
        let agreeing: usize = camps.iter().map(|size| size * (size - 1) / 2).sum();
        let disagreement = if pairs == 0 { 0.0 } else { 1.0 - agreeing as f64 / pairs as f64 };
        let entropy_bits =
            camps.iter().map(|&size| size as f64 / votes as f64).map(|p| -p * p.log2()).sum::<f64>();
        Self { index, support, votes, abstentions, tie, disagreement, entropy_bits: entropy_bits.max(0.0) }
    }
}
