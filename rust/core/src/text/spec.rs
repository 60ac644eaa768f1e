//! What is extracted, and how large: the part of a saved model that says what its weights mean.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Signals;

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
    /// Whether the [scaled signals](Signals::scaled) are dense features too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub signals: bool,
    /// The static embedding whose vector of the text is dense features too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingSpec>,
}

/// Which static embedding, by its content. The table itself lies beside the weights that were trained over it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSpec {
    /// [`StaticEmbedding::digest`](super::StaticEmbedding::digest): `sha256:` and 64 hexadecimal digits.
    pub digest: Arc<str>,
    /// Length of its vectors. 1 to [`MAX_DIMENSIONS`].
    pub dimensions: u32,
}

/// The longest vector of a static embedding.
pub const MAX_DIMENSIONS: u32 = 4096;

/// Parts that are off leave no trace in a file, so a spec from before they existed reads and hashes as it always did.
fn is_false(flag: &bool) -> bool {
    !flag
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
            signals: false,
            embedding: None,
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
        if let Some(embedding) = &self.embedding {
            let hex = embedding.digest.strip_prefix("sha256:").unwrap_or_default();
            check(
                hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
                format!("embedding.digest is {:?}: sha256: and 64 hexadecimal digits", embedding.digest),
            );
            check(
                (1..=MAX_DIMENSIONS).contains(&embedding.dimensions),
                format!("embedding.dimensions is {}: 1 to {MAX_DIMENSIONS}", embedding.dimensions),
            );
        }
        if violations.is_empty() { Ok(()) } else { Err(SpecError { violations }) }
    }

    /// Number of hash buckets, `2^buckets_log2`; the index of every n-gram is below it.
    pub fn buckets(&self) -> usize {
        1 << self.buckets_log2
    }

    /// Number of dense features: the vector of the embedding, then the signals.
    pub fn dense(&self) -> usize {
        self.embedding_dimensions() + if self.signals { Signals::NAMES.len() } else { 0 }
    }

    /// Number of all features, and of the rows of weights over them: n-grams first, then dense features.
    pub fn dimension(&self) -> usize {
        self.buckets() + self.dense()
    }

    /// Length of the embedding's vector; 0 without an embedding.
    pub(super) fn embedding_dimensions(&self) -> usize {
        self.embedding.as_ref().map_or(0, |embedding| embedding.dimensions as usize)
    }

    /// Whether n-grams and signals of the other spec are those of this one, whatever dense features it has.
    pub fn same_ngrams(&self, other: &Self) -> bool {
        let sizes = |spec: &Self| {
            let (words, short, long) = (spec.word_ngrams, spec.char_ngram_min, spec.char_ngram_max);
            (spec.version, words, short, long, spec.buckets_log2, spec.max_bytes)
        };
        sizes(self) == sizes(other)
    }

    /// SHA-256 (hex) of the spec's canonical JSON: compact, keys sorted, parts that are off left out.
    pub fn digest(&self) -> String {
        let embedding = self.embedding.as_ref().map_or_else(String::new, |embedding| {
            let EmbeddingSpec { digest, dimensions } = embedding;
            // A valid digest has nothing that JSON would escape.
            format!("\"embedding\":{{\"digest\":\"{digest}\",\"dimensions\":{dimensions}}},")
        });
        let canonical = format!(
            "{{\"buckets_log2\":{},\"char_ngram_max\":{},\"char_ngram_min\":{},{embedding}\"max_bytes\":{},{}\"version\":{},\"word_ngrams\":{}}}",
            self.buckets_log2,
            self.char_ngram_max,
            self.char_ngram_min,
            self.max_bytes,
            if self.signals { "\"signals\":true," } else { "" },
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

    fn with_everything() -> FeatureSpec {
        let embedding =
            EmbeddingSpec { digest: format!("sha256:{}", "0f".repeat(32)).into(), dimensions: 256 };
        FeatureSpec { signals: true, embedding: Some(embedding), ..FeatureSpec::default() }
    }

    #[test]
    fn digest_is_frozen_and_equals_the_hash_of_sorted_json() {
        for (spec, keys) in [(FeatureSpec::default(), 6), (with_everything(), 8)] {
            // A map sorts the keys of the inner object too.
            let sorted: std::collections::BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
            assert_eq!(sorted.len(), keys, "parts that are off leave no trace");
            let json = serde_json::to_string(&sorted).unwrap();
            let expected: String =
                Sha256::digest(json.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(spec.digest(), expected);
            assert_eq!(serde_json::from_str::<FeatureSpec>(&json).unwrap(), spec);
        }
        let frozen = "d4636725c2c6974241f0af941e70cd377b096efa978240f42fce9cb3ed813c5b";
        assert_eq!(FeatureSpec::default().digest(), frozen);
    }

    #[test]
    fn dense_features_come_after_the_buckets() {
        let spec = with_everything();
        assert_eq!(spec.dense(), 256 + Signals::NAMES.len());
        assert_eq!(spec.dimension(), spec.buckets() + spec.dense());
        assert_eq!(FeatureSpec::default().dimension(), FeatureSpec::default().buckets());
        assert!(spec.same_ngrams(&FeatureSpec::default()));
        assert!(!spec.same_ngrams(&FeatureSpec { buckets_log2: 9, ..FeatureSpec::default() }));
    }

    #[test]
    fn an_embedding_that_names_no_content_is_refused() {
        for (digest, dimensions, violations) in [("sha256:xyz", 0, 2), ("", 256, 1), ("sha256:\"", 5000, 2)] {
            let embedding = Some(EmbeddingSpec { digest: digest.into(), dimensions });
            let spec = FeatureSpec { embedding, ..FeatureSpec::default() };
            assert_eq!(spec.validate().unwrap_err().violations.len(), violations, "{digest}");
        }
        assert!(with_everything().validate().is_ok());
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
            ..FeatureSpec::default()
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
