//! Everything that the extraction of features needs: a spec, and the table that it names.

use std::sync::Arc;

use super::{FeatureSpec, Features, SpecError, StaticEmbedding};

/// A [`FeatureSpec`] and the static embedding that it names, if it names one.
///
/// ```
/// use std::sync::Arc;
/// use ecology_core::text::{Extractor, FeatureSpec, StaticEmbedding};
/// let table = StaticEmbedding::new(&["card", "rate"], &[127, 0, 0, 127], &[0.01; 2], &[1.0; 2]).map(Arc::new)?;
/// let spec = FeatureSpec { embedding: Some(table.spec()), ..FeatureSpec::default() };
/// let extractor = Extractor::new(spec, Some(table))?;
/// assert_eq!(extractor.extract("Where is my card?").dense, [1.0, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Extractor {
    spec: FeatureSpec,
    embedding: Option<Arc<StaticEmbedding>>,
}

/// A spec and a table that do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractorError {
    /// The spec itself is refused.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The spec names an embedding, and there is none.
    #[error("the features name the static embedding {digest}, which is not at hand")]
    Missing {
        /// Of the embedding that is wanted.
        digest: Arc<str>,
    },
    /// It is another one.
    #[error("the features name the static embedding {expected}, this one is {found}")]
    Other {
        /// Digest and length of vectors by the spec.
        expected: String,
        /// The same of the table.
        found: String,
    },
}

impl Extractor {
    /// Puts them together. A table that the spec does not name is let go.
    pub fn new(spec: FeatureSpec, embedding: Option<Arc<StaticEmbedding>>) -> Result<Self, ExtractorError> {
        spec.validate()?;
        let Some(named) = &spec.embedding else { return Ok(Self { spec, embedding: None }) };
        let Some(embedding) = embedding else {
            return Err(ExtractorError::Missing { digest: Arc::clone(&named.digest) });
        };
        if *named != embedding.spec() {
            let shown = |digest: &str, dimensions| format!("{digest} ({dimensions} dimensions)");
            let expected = shown(&named.digest, named.dimensions as usize);
            let found = shown(embedding.digest(), embedding.dimensions());
            return Err(ExtractorError::Other { expected, found });
        }
        Ok(Self { spec, embedding: Some(embedding) })
    }

    /// What the features mean.
    pub fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// The table of the spec.
    pub fn embedding(&self) -> Option<&Arc<StaticEmbedding>> {
        self.embedding.as_ref()
    }

    /// Extracts the features of `text`.
    pub fn extract(&self, text: &str) -> Features {
        let mut features = Features::default();
        self.extract_into(text, &mut features);
        features
    }

    /// Extracts the features of `text` into `out`, which is overwritten. Allocates nothing once `out` has
    /// held a text as long as this one. The work is bounded by the spec's `max_bytes`, whatever the length of the text.
    pub fn extract_into(&self, text: &str, out: &mut Features) {
        self.spec.extract_with(self.embedding.as_deref(), text, out);
    }
}
