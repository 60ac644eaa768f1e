//! A static embedding in a file: one of its own, or inside a file of weights that were trained over it.
//!
//! Whoever holds weights over an embedding carries the embedding along, so that a file is whole by itself; what names it in the
//! features is the digest of its content, and a file that holds another one is refused. In a process there is one table of each digest,
//! however many files bring it.
//!
//! To put a table into another file: add what [`tensors`] gives to its tensors, and read it back by [`read`].

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use ecology_core::text::{EmbeddingSpec, StaticEmbedding};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::{
    ArtifactError, OwnedTensor, about, digest, floats, format, little_endian, numbers, to_file, write,
};

const FORMAT: &str = "ecology.embedding.v1";
const PIECES: &str = "embedding.pieces";
const ROWS: &str = "embedding.rows";
const SCALES: &str = "embedding.scales";
const WEIGHTS: &str = "embedding.weights";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    format: String,
    embedding: EmbeddingSpec,
    provenance: String,
}

/// A file of its own.
#[derive(Debug)]
pub struct EmbeddingFile {
    /// The table, shared with whoever else read it.
    pub table: Arc<StaticEmbedding>,
    /// What it was made from, in JSON: for people and reports.
    pub provenance: String,
    /// `sha256:…` of the whole file.
    pub digest: String,
}

impl EmbeddingFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        Self::from_bytes(&std::fs::read(path)?)
    }

    /// Reads the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let About { embedding, provenance, .. } = about(bytes, |version| {
            (version != FORMAT).then(|| format!("this release reads {FORMAT:?} as a static embedding"))
        })?;
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        Ok(Self { table: read(&tensors, &embedding)?, provenance, digest: digest(bytes) })
    }

    /// The bytes of the file for such a table. The same table and provenance give the same bytes.
    pub fn to_bytes(table: &StaticEmbedding, provenance: &str) -> Result<Vec<u8>, ArtifactError> {
        let about =
            About { format: FORMAT.to_owned(), embedding: table.spec(), provenance: provenance.to_owned() };
        to_file(&tensors(table), &about)
    }

    /// Writes a file, whole or not at all, and gives its digest.
    pub fn write(path: &Path, table: &StaticEmbedding, provenance: &str) -> Result<String, ArtifactError> {
        write(path, &Self::to_bytes(table, provenance)?)
    }
}

/// The tensors that hold a table, for a file of any kind.
pub fn tensors(table: &StaticEmbedding) -> Vec<OwnedTensor> {
    let pieces = table.pieces().collect::<Vec<_>>().join("\n").into_bytes();
    let rows = table.integers().iter().map(|integer| integer.cast_unsigned()).collect();
    vec![
        (PIECES, Dtype::U8, vec![pieces.len()], pieces),
        (ROWS, Dtype::I8, vec![table.len(), table.dimensions()], rows),
        (SCALES, Dtype::F32, vec![table.len()], little_endian(table.scales())),
        (WEIGHTS, Dtype::F32, vec![table.len()], little_endian(table.weights())),
    ]
}

/// The table among the tensors of a file whose features name it as `named`.
pub fn read(tensors: &SafeTensors<'_>, named: &EmbeddingSpec) -> Result<Arc<StaticEmbedding>, ArtifactError> {
    let wrong = |problem: String| ArtifactError::Weights(problem);
    let pieces = std::str::from_utf8(numbers(tensors, PIECES, Dtype::U8)?);
    let pieces: Vec<&str> =
        pieces.map_err(|error| wrong(format!("{PIECES} is no text: {error}")))?.split('\n').collect();
    let rows: Vec<i8> = numbers(tensors, ROWS, Dtype::I8)?.iter().map(|byte| byte.cast_signed()).collect();
    let (scales, weights) = (floats(tensors, SCALES)?, floats(tensors, WEIGHTS)?);
    let table = StaticEmbedding::new(&pieces, &rows, &scales, &weights);
    let table = table.map_err(|error| wrong(format!("its static embedding: {error}")))?;
    let found = table.spec();
    if found != *named {
        return Err(ArtifactError::Embedding { named: named.clone(), found });
    }
    Ok(share(table))
}

/// The one table of that content in this process.
pub fn share(table: StaticEmbedding) -> Arc<StaticEmbedding> {
    static TABLES: Mutex<Option<HashMap<Arc<str>, Weak<StaticEmbedding>>>> = Mutex::new(None);
    // Never waits for long: after a fork nobody may be left to unlock it, and a second copy is only memory.
    for _ in 0..1_000 {
        let Ok(mut tables) = TABLES.try_lock() else {
            std::thread::yield_now();
            continue;
        };
        let tables = tables.get_or_insert_default();
        tables.retain(|_, table| table.strong_count() > 0);
        if let Some(known) = tables.get(table.digest()).and_then(Weak::upgrade) {
            return known;
        }
        let table = Arc::new(table);
        tables.insert(Arc::clone(table.digest()), Arc::downgrade(&table));
        return table;
    }
    Arc::new(table)
}
