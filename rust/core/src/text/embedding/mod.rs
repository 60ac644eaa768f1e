//! A *static embedding*: a text's meaning as the sum of what its word pieces mean, in microseconds and without a network.
//!
//! **The problem.** Hashed n-grams say which words a prompt has, not what they mean: “my card is lost” and “I cannot find my debit
//! card” share little. A sentence encoder knows, and takes milliseconds. A table with one vector per word piece, distilled from
//! such an encoder, keeps most of what matters for routing and is a few dozen additions of rows.
//!
//! ```
//! use ecology_core::text::StaticEmbedding;
//! // Three pieces in two dimensions; `##` begins a piece that goes on within a word.
//! let table = StaticEmbedding::new(&["card", "debit", "##s"], &[100, 0, 80, 60, 0, 0], &[0.01; 3], &[1.0; 3])?;
//! assert_eq!(table.vector("Cards!"), [1.0, 0.0]);
//! assert_eq!(table.vector("unheard of"), [0.0, 0.0]);
//! # Ok::<(), ecology_core::text::EmbeddingError>(())
//! ```
//!
//! | file | owns |
//! |---|---|
//! | `rows` | the table in memory and the sum of its rows |
//! | `wordpiece` | text → pieces |
//! | `pieces` | from the bytes of a piece to its number |
//! | `classes` | what a character does to the words around it, for BERT |

mod classes;
mod pieces;
mod rows;
#[cfg(test)]
mod tests;
mod wordpiece;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::spec::MAX_DIMENSIONS;
use super::{EmbeddingSpec, FeatureSpec, window};
use rows::EmbeddingRows;
use wordpiece::WordPieces;

/// The piece that stands for a word that no pieces make up, if the vocabulary has it.
pub const UNKNOWN_PIECE: &str = "[UNK]";

/// The largest scale or weight: 2⁷ times the square of it for each of the 2²⁴ pieces that the longest window may hold is below 2¹²⁸.
const LARGEST: f32 = 1e14;

/// The most pieces of a vocabulary.
pub const MAX_PIECES: usize = pieces::MOST;

/// One vector of bytes per word piece.
///
/// The vector of a text is Σ weight · row over its pieces, in their order, divided by its L2 norm; of a text without known pieces
/// it is 0. Bit-identical on every machine: see `rows` for the order of additions.
#[derive(Clone, Debug)]
pub struct StaticEmbedding {
    /// Pieces, a line each.
    vocabulary: Box<str>,
    words: WordPieces,
    rows: EmbeddingRows,
    digest: Arc<str>,
}

/// A table that would not mean anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingError {
    /// No pieces, or too many.
    #[error("a static embedding has 1 to {MAX_PIECES} pieces, not {0}")]
    Pieces(usize),
    /// A piece that no text can hold, or that is there twice.
    #[error("piece {position} is {piece:?}: {problem}")]
    Piece {
        /// Its row.
        position: usize,
        /// The piece.
        piece: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Rows that are no vectors, or a length that does not fit.
    #[error("{what} has {found} numbers for {pieces} pieces")]
    Shape {
        /// `rows`, `scales` or `weights`.
        what: &'static str,
        /// How many numbers it has.
        found: usize,
        /// How many pieces there are.
        pieces: usize,
    },
    /// NaN, infinity, or a number so large that a sum of rows could become either.
    #[error("{what}[{position}] is not a number up to 1e14")]
    NotFinite {
        /// `scales` or `weights`.
        what: &'static str,
        /// Offset of the first such number.
        position: usize,
    },
}

impl StaticEmbedding {
    /// Takes a row of integers per piece, `[pieces][dimensions]`, and its scale and its weight: what a piece adds is
    /// `weight · scale · row`. A piece that begins with `##` goes on within a word; pieces are lower case without accents.
    pub fn new<P: AsRef<str>>(
        pieces: &[P],
        rows: &[i8],
        scales: &[f32],
        weights: &[f32],
    ) -> Result<Self, EmbeddingError> {
        let count = pieces.len();
        if !(1..=MAX_PIECES).contains(&count) {
            return Err(EmbeddingError::Pieces(count));
        }
        let dimensions = rows.len() / count;
        let fits = dimensions * count == rows.len() && (1..=MAX_DIMENSIONS as usize).contains(&dimensions);
        for (what, found, fits) in [
            ("rows", rows.len(), fits),
            ("scales", scales.len(), scales.len() == count),
            ("weights", weights.len(), weights.len() == count),
        ] {
            if !fits {
                return Err(EmbeddingError::Shape { what, found, pieces: count });
            }
        }
        for (what, numbers) in [("scales", scales), ("weights", weights)] {
            let wrong = |number: &f32| !(number.is_finite() && number.abs() <= LARGEST);
            if let Some(position) = numbers.iter().position(wrong) {
                return Err(EmbeddingError::NotFinite { what, position });
            }
        }
        let words = WordPieces::new(pieces)?;
        let vocabulary = pieces.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\n").into_boxed_str();
        let digest = digest(&vocabulary, rows, scales, weights);
        Ok(Self { vocabulary, words, rows: EmbeddingRows::new(rows, scales, weights), digest })
    }

    /// `sha256:…` of pieces, rows, scales and weights. Equal digests give equal vectors.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// What a [`FeatureSpec`] says of it.
    pub fn spec(&self) -> EmbeddingSpec {
        EmbeddingSpec { digest: Arc::clone(&self.digest), dimensions: self.dimensions() as u32 }
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.rows.dimensions()
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: a table has at least one piece.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The pieces, by row.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        self.vocabulary.split('\n')
    }

    /// The integers, `[pieces][dimensions]`.
    pub fn integers(&self) -> &[i8] {
        self.rows.integers()
    }

    /// The scale of each row.
    pub fn scales(&self) -> &[f32] {
        self.rows.scales()
    }

    /// The weight of each piece.
    pub fn weights(&self) -> &[f32] {
        self.rows.weights()
    }

    /// Bytes that the table takes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.vocabulary.len() + self.words.memory_bytes() + self.rows.memory_bytes()
    }

    /// Appends the row of each piece of `text`, all of it, to `out`.
    pub fn pieces_into(&self, text: &str, out: &mut Vec<u32>) {
        self.words.pieces_into(text, out);
    }

    /// The vector of `text`, read in the window of the [default spec](FeatureSpec).
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; self.dimensions()];
        let parts = window::window(text, FeatureSpec::default().max_bytes as usize);
        self.vector_into(parts, &mut Vec::new(), &mut vector);
        vector
    }

    /// The vector of the parts of a text into `out`, which is as long as a vector. `pieces` is room.
    pub(super) fn vector_into(&self, (head, tail): (&str, &str), pieces: &mut Vec<u32>, out: &mut [f32]) {
        pieces.clear();
        self.words.pieces_into(head, pieces);
        self.words.pieces_into(tail, pieces);
        self.rows.mean_into(pieces, out);
        pieces.clear();
    }
}

/// Two tables are one when their content is.
impl PartialEq for StaticEmbedding {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for StaticEmbedding {}

fn digest(vocabulary: &str, rows: &[i8], scales: &[f32], weights: &[f32]) -> Arc<str> {
    let mut hasher = Sha256::new();
    hasher.update((scales.len() as u64).to_le_bytes());
    hasher.update((rows.len() as u64).to_le_bytes());
    hasher.update((vocabulary.len() as u64).to_le_bytes());
    hasher.update(vocabulary.as_bytes());
    let bytes: Vec<u8> = rows.iter().map(|integer| integer.cast_unsigned()).collect();
    hasher.update(bytes);
    for numbers in [scales, weights] {
        numbers.iter().for_each(|number| hasher.update(number.to_le_bytes()));
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}").into()
}
