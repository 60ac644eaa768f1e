//! What is extracted, and how large: the part of a saved model that says what its weights mean.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How a text becomes numbers. Two specs with equal [`digest`](FeatureSpec::digest) give bit-identical features on
/// every machine and in every release that supports their `version`.
///
/// ```
/// use ecology_core::text::FeatureSpec;
/// let spec = FeatureSpec { buckets_log2: 12, ..FeatureSpec::default() };
/// assert!(spec.validate().is_ok());
/// assert_eq!(spec.buckets(), 4096);
/// assert_ne!(spec.digest(), FeatureSpec::default().digest());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Version of the extraction rules (tokens, lower-casing, hashes, cues). Only 1 exists.
    pub version: u32,
    /// Longest word n-gram: 1 is words, 2 adds pairs. 0 turns word features off. At most 4.
    pub word_ngrams: u8,
    /// Shortest character n-gram, in characters. 1 to 8; ignored when `char_ngram_max` is 0.
    pub char_ngram_min: u8,
    /// Longest character n-gram, in characters. At most 8; 0 turns character features off.
    pub char_ngram_max: u8,
    /// Binary logarithm of the number of hash buckets. 8 to 24.
    pub buckets_log2: u8,
    /// Longest text that is read whole, in bytes. Of a longer one, a head and a tail of half this size each are
    /// read and the signal `truncated` is set, so that work is bounded whatever the prompt. 64 to 16 MiB.
    pub max_bytes: u32,
}

/// One default for short intents and long questions alike, chosen on validation rows of CLINC150, BANKING77 and the subjects of
/// MMLU and MMLU-Pro, and on typed errors in them (one letter wrong in 30 % of the longer words):
///
/// - pairs of words: + 0.3 to 1.5 points over words alone; triples nothing;
/// - characters 3 to 4: + 1.5 to 2 points on intents over words alone. 3 to 5 costs a quarter more and gains half a point on
///   long questions only; 3 alone loses a point there; 4 alone loses a point and a half under typing errors;
/// - 2¹⁵ buckets: on intents the same as 2¹⁸ within noise, on long questions half a point to one less; 2¹⁴ costs another half;
/// - 16 KiB: on prompts of up to 3.6 KB, reading as little as 512 bytes of them lost nothing.
impl Default for FeatureSpec {
    fn default() -> Self {
        Self {
            version: 1,
            word_ngrams: 2,
            char_ngram_min: 3,
            char_ngram_max: 4,
            buckets_log2: 15,
            max_bytes: 16 * 1024,
        }
    }
}

impl FeatureSpec {
    /// Refuses what this release cannot extract, all violations at once.
    pub fn validate(&self) -> Result<(), SpecError> {
        let mut violations = Vec::new();
        let mut check = |holds: bool, violation: String| {
            if !holds {
                violations.push(violation);
            }
        };
        check(
            self.version == 1,
            format!("version {} is unknown: this release reads version 1", self.version),
        );
        check(self.word_ngrams <= 4, format!("word_ngrams is {}: at most 4", self.word_ngrams));
        check(self.char_ngram_max <= 8, format!("char_ngram_max is {}: at most 8", self.char_ngram_max));
        check(
            self.char_ngram_max == 0 || (1..=self.char_ngram_max).contains(&self.char_ngram_min),
            format!(
                "char_ngram_min is {}: 1 to char_ngram_max ({})",
                self.char_ngram_min, self.char_ngram_max
            ),
        );
        check(
            self.word_ngrams > 0 || self.char_ngram_max > 0,
            "word_ngrams and char_ngram_max are both 0: nothing would be extracted".to_owned(),
        );
        check(
            (8..=24).contains(&self.buckets_log2),
            format!("buckets_log2 is {}: 8 to 24", self.buckets_log2),
        );
        check(
            (64..=16 << 20).contains(&self.max_bytes),
            format!("max_bytes is {}: 64 to 16777216", self.max_bytes),
        );
        if violations.is_empty() { Ok(()) } else { Err(SpecError { violations }) }
    }

    /// Number of hash buckets, `2^buckets_log2`; every feature index is below it.
    pub fn buckets(&self) -> usize {
        1 << self.buckets_log2
    }

    /// SHA-256 (hex) of the spec's canonical JSON: compact, keys sorted.
    pub fn digest(&self) -> String {
        let canonical = format!(
            "{{\"buckets_log2\":{},\"char_ngram_max\":{},\"char_ngram_min\":{},\"max_bytes\":{},\"version\":{},\"word_ngrams\":{}}}",
            self.buckets_log2,
            self.char_ngram_max,
            self.char_ngram_min,
            self.max_bytes,
            self.version,
            self.word_ngrams
        );
        Sha256::digest(canonical.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A [`FeatureSpec`] that cannot be extracted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("feature spec refused: {}", violations.join("; "))]
pub struct SpecError {
    /// One sentence per field that is out of range.
    pub violations: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_frozen_and_equals_the_hash_of_sorted_json() {
        let spec = FeatureSpec::default();
        let sorted: std::collections::BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        let json = serde_json::to_string(&sorted).unwrap();
        let expected: String = Sha256::digest(json.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(spec.digest(), expected);
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        let spec = FeatureSpec {
            version: 9,
            word_ngrams: 7,
            char_ngram_min: 6,
            char_ngram_max: 5,
            buckets_log2: 40,
            max_bytes: 1,
        };
        assert_eq!(spec.validate().unwrap_err().violations.len(), 5);
        assert!(FeatureSpec::default().validate().is_ok());
    }

    #[test]
    fn unknown_keys_are_refused() {
        let json = serde_json::to_string(&FeatureSpec::default()).unwrap().replace("version", "verson");
        assert!(serde_json::from_str::<FeatureSpec>(&json).is_err());
    }
}
