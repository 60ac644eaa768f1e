//! The features of one text.

use serde::{Deserialize, Serialize};

use super::{FeatureSpec, Signals};

/// What one text looks like under a [`FeatureSpec`]: named signals and hashed n-grams.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// The named numbers that rules read.
    pub signals: Signals,
    /// Bucket of each n-gram, in the order of the text; an index may appear twice, then its values add up.
    pub indices: Vec<u32>,
    /// Weight of each n-gram, the same length as `indices`.
    pub values: Vec<f32>,
}

impl FeatureSpec {
    /// Extracts the features of `text`. See [`extract_into`](Self::extract_into) for the form that reuses memory.
    pub fn extract(&self, text: &str) -> Features {
        let mut features = Features::default();
        self.extract_into(text, &mut features);
        features
    }

    /// Extracts the features of `text` into `out`, which is overwritten. Allocates nothing once `out` has
    /// held a text as long as this one.
    pub fn extract_into(&self, text: &str, out: &mut Features) {
        out.indices.clear();
        out.values.clear();
        let lower = text.to_lowercase();
        for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let hash = xxhash_rust::xxh3::xxh3_64(word.as_bytes());
            out.indices.push((hash >> (64 - u32::from(self.buckets_log2))) as u32);
        }
        let value = 1.0 / (out.indices.len().max(1) as f32).sqrt();
        out.values.resize(out.indices.len(), value);
        out.signals = Signals::default();
    }
}
