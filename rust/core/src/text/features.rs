//! The features of one text.

use serde::{Deserialize, Serialize};

use super::ngrams::Ngrams;
use super::scan::Scan;
use super::{FeatureSpec, Signals, StaticEmbedding, complexity, ngrams, window};

/// What one text looks like under a [`FeatureSpec`]: named signals and hashed n-grams.
///
/// Words and their n-grams come first, in the order of the text, then character n-grams in the same order. Every value of a block is
/// 1/√(length of the block).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// The named numbers that rules read.
    pub signals: Signals,
    /// Bucket of each n-gram; an index may appear more than once, then its values add up.
    pub indices: Vec<u32>,
    /// Weight of each n-gram, the same length as `indices`.
    pub values: Vec<f32>,
    /// The vector of the static embedding, then the scaled signals, as far as the spec asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dense: Vec<f32>,
    /// Room for the lower-cased words; empty between extractions.
    #[serde(skip)]
    symbols: Vec<u8>,
    /// Room for the word pieces; empty between extractions.
    #[serde(skip)]
    pieces: Vec<u32>,
}

impl Features {
    /// Features from elsewhere than a text: a log, a test. `indices` and `values` are of one length. Without dense features.
    pub fn new(signals: Signals, indices: Vec<u32>, values: Vec<f32>) -> Self {
        Self { signals, indices, values, ..Self::default() }
    }
}

impl FeatureSpec {
    /// Extracts the features of `text`. See [`extract_into`](Self::extract_into) for the form that reuses memory.
    ///
    /// Under a spec that names an embedding its dense features are 0: an [`Extractor`](super::Extractor) has the table.
    pub fn extract(&self, text: &str) -> Features {
        let mut features = Features::default();
        self.extract_into(text, &mut features);
        features
    }

    /// Extracts the features of `text` into `out`, which is overwritten. Allocates nothing once `out` has
    /// held a text as long as this one. The work is bounded by `max_bytes`, whatever the length of the text.
    ///
    /// ```
    /// use ecology_core::text::{FeatureSpec, Features};
    /// let (spec, mut features) = (FeatureSpec::default(), Features::default());
    /// for text in ["where is my card?", "where is my new card?"] {
    ///     spec.extract_into(text, &mut features);
    ///     assert_eq!(features, spec.extract(text));
    /// }
    /// ```
    pub fn extract_into(&self, text: &str, out: &mut Features) {
        self.extract_with(None, text, out);
    }

    #[inline]
    pub(super) fn extract_with(&self, embedding: Option<&StaticEmbedding>, text: &str, out: &mut Features) {
        let (head, tail) = window::window(text, self.max_bytes as usize);
        let Features { signals, indices, values, dense, symbols, pieces } = out;
        indices.clear();
        symbols.clear();
        let tally = Scan::new(Ngrams::new(self, indices, symbols)).read(head, tail);
        *signals = complexity::signals(&tally, text.len(), head.len() + tail.len());

        let words = indices.len();
        ngrams::characters(self, symbols, indices);
        let scale = |count: usize| 1.0 / (count.max(1) as f32).sqrt();
        values.clear();
        values.resize(words, scale(words));
        values.resize(indices.len(), scale(indices.len() - words));
        symbols.clear();

        dense.clear();
        if self.embedding.is_some() {
            dense.resize(self.embedding_dimensions(), 0.0);
            if let Some(table) = embedding {
                table.vector_into((head, tail), pieces, dense);
            }
        }
        if self.signals {
            dense.extend(signals.scaled());
        }
    }
}
