//! What was learned on line and serves: additions to the probabilities of a router. Immutable; the next ones are others.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Kind, RouterWeights, RouterWeightsError};

/// Corrections on top of a router, and the digest of both.
#[derive(Clone, Debug)]
pub(super) struct Corrected {
    corrections: Arc<Corrections>,
    pub(super) digest: Arc<str>,
}

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

    /// P(good) of every column after what was learned.
    pub fn correct(&self, context: &[f32], probabilities: &mut [f32]) {
        for (column, probability) in probabilities.iter_mut().enumerate() {
            *probability = self.corrected(column, context, *probability);
        }
    }

    /// P(good) of one column after what was learned: the sum runs in a fixed order, so that a decision replays to the bit.
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
    fn digest(&self, file: &str) -> String {
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

impl RouterWeights {
    /// The same with what was learned on line on top. The weights are shared; the digest is another.
    pub fn corrected(&self, corrections: Arc<Corrections>) -> Result<Self, RouterWeightsError> {
        let (dimensions, given) = (self.context_dimensions(), corrections.heads.len());
        let expected = self.models.len() * dimensions;
        if given != expected || corrections.dimensions != dimensions {
            return Err(RouterWeightsError::Corrections { given, expected });
        }
        let digest = corrections.digest(&self.digest).into();
        Ok(Self { corrected: Some(Corrected { corrections, digest }), ..self.clone() })
    }

    /// What was learned on line, if anything was.
    pub fn corrections(&self) -> Option<&Corrections> {
        self.corrected.as_ref().map(|corrected| &*corrected.corrections)
    }

    /// SHA-256 of the file, whatever was learned since.
    pub fn file_digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// Numbers of the context that corrections are learned over.
    pub fn context_dimensions(&self) -> usize {
        1 + self.basis()
    }

    /// What corrections are learned over: 1, and φ. For a direct router, whose φ is raw scores of any size, 1 and the
    /// probabilities that it was fitted to give.
    pub fn context(&self, basis: &[f32], fitted: &[f32]) -> Vec<f32> {
        let rest = match &self.kind {
            Kind::Direct { .. } => fitted,
            Kind::Factored(_) => basis,
        };
        let mut context = Vec::with_capacity(1 + rest.len());
        context.push(1.0);
        context.extend_from_slice(rest);
        context
    }
}
