//! What was learned on line and serves: additions to the probabilities of a router. Immutable; the next ones are others.

use sha2::{Digest, Sha256};

/// One head per column of a router, over its context.
#[derive(Clone, Debug, PartialEq)]
pub struct Corrections {
    dimensions: usize,
    heads: Vec<f32>,
}

const LANES: usize = 8;

impl Corrections {
    /// `heads` by columns, `dimensions` numbers each.
    pub fn new(dimensions: usize, heads: Vec<f32>) -> Self {
        Self { dimensions, heads }
    }

    /// Numbers of a context.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Every head, one behind the other.
    pub fn heads(&self) -> &[f32] {
        &self.heads
    }

    /// P(good) after what was learned: the sum runs in a fixed order, so that a decision replays to the bit.
    pub fn corrected(&self, column: usize, context: &[f32], probability: f32) -> f32 {
        let head = &self.heads[column * self.dimensions..][..self.dimensions];
        let (mut sums, mut rest) = ([0.0_f32; LANES], 0.0);
        let ((a, a_last), (b, b_last)) = (head.as_chunks::<LANES>(), context.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
        for (a, b) in a_last.iter().zip(b_last) {
            rest += a * b;
        }
        (probability + sums.iter().fold(rest, |sum, lane| sum + lane)).clamp(0.0, 1.0)
    }

    /// The digest of a router file with these on top.
    pub(super) fn digest(&self, file: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"ecology.corrections.v1\0");
        hasher.update(file.as_bytes());
        hasher.update((self.dimensions as u64).to_le_bytes());
        for number in &self.heads {
            hasher.update(number.to_le_bytes());
        }
        let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}
