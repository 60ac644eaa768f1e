//! Text → [`Features`] under a [`FeatureSpec`], and linear scores from them.
//!
//! **The problem.** A router has a few microseconds to look at a prompt of any size. It needs two things from that look:
//! readable *signals* (length, code, maths, constraints, …) for rules that work before any data exists, and
//! *n-gram features* precise enough for a linear model to be worth having. Both must come out the same on
//! every machine and in every later version, or saved weights and replayed decisions lose their meaning.
//!
//! ```
//! use ecology_core::text::{FeatureSpec, TaskType};
//!
//! let spec = FeatureSpec::default();
//! let features = spec.extract("Prove step by step that 2^n > n for every n.");
//! assert_eq!(features.signals.task_type(), TaskType::Maths);
//! assert!(features.signals.get("depth") > Some(0.5));
//! assert_eq!(features.indices.len(), features.values.len());
//! ```
//!
//! | file | owns |
//! |---|---|
//! | `spec` | [`FeatureSpec`]: sizes, version, digest |
//! | `features` | [`Features`] and the extraction itself |
//! | `extractor` | [`Extractor`]: a spec and the table that it names |
//! | `embedding` | [`StaticEmbedding`]: word pieces and a vector for each |
//! | `window` | which part of a huge prompt is read |
//! | `scan` | the one pass over the text |
//! | `swar`, `chars` | eight ASCII bytes at a time; what other characters are |
//! | `ngrams`, `hash` | hashed word and character n-grams; the frozen hashes |
//! | `cues`, `tally` | words that say what a prompt wants; what is counted |
//! | `signals`, `complexity` | [`Signals`]: the named numbers, and how they are computed |
//! | `task` | [`TaskType`] by typed rules |
//! | `table` | [`WeightTable`]: feature-major weights |
//! | `float_rows`, `quantized_rows`, `dense_rows`, `aligned` | their rows in memory, and the scoring kernels |

mod aligned;
mod chars;
mod complexity;
mod cues;
mod dense_rows;
mod embedding;
mod extractor;
mod features;
mod float_rows;
mod hash;
mod ngrams;
mod quantized_rows;
mod scan;
mod signals;
mod spec;
mod swar;
mod table;
mod tally;
mod task;
#[cfg(test)]
mod tests;
mod window;

pub use embedding::{EmbeddingError, MAX_PIECES, StaticEmbedding, UNKNOWN_PIECE};
pub use extractor::{Extractor, ExtractorError};
pub use features::Features;
pub use signals::Signals;
pub use spec::{EmbeddingSpec, FeatureSpec, MAX_DIMENSIONS, SpecError};
pub use table::{TableError, WeightTable};
pub use task::{TaskType, task_type};
