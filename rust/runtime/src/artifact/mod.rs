//! A file of linear weights: safetensors, with what the numbers mean beside them.
//!
//! Both kinds of linear model are kept like this: a `linear` member (labels, temperature) and a router (models,
//! calibration). A file says which it is, under which features it was trained, and is refused by anything else.
//!
//! There are three formats. `ecology.linear.v1` holds weights in f32, `ecology.linear.v2` integers from −128 to 127 and a scale for
//! each column. `ecology.linear.v3` is either of them with weights of dense features beside, and with the [static
//! embedding](embedding) that they are over. A format fixes the order of summation too, so a file gives the same scores for good.

pub mod embedding;

use std::collections::HashMap;
use std::path::Path;

use ecology_core::text::{EmbeddingSpec, Extractor, FeatureSpec, WeightTable};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const FLOAT_FORMAT: &str = "ecology.linear.v1";
const INTEGER_FORMAT: &str = "ecology.linear.v2";
const DENSE_FORMAT: &str = "ecology.linear.v3";
const ENTRY: &str = "ecology";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    format: String,
    features: FeatureSpec,
    meaning: Meaning,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Meaning {
    /// A classifier.
    Classifier {
        /// The label of each column.
        labels: Vec<String>,
        /// What scores are divided by.
        temperature: f32,
        /// What it was fitted on and how good it was, in JSON: for people and reports; empty where nobody said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        card: String,
    },
    /// A router.
    Router {
        /// `name@version` of each column.
        models: Vec<String>,
        /// Slope and offset of each column.
        calibration: Vec<(f32, f32)>,
        /// What it was fitted on and how good it was, in JSON: for people and reports.
        card: String,
    },
}

/// Weights, their meaning, and the digest of the file.
#[derive(Debug)]
pub struct Artifact {
    /// The weights.
    pub table: WeightTable,
    /// The meaning.
    pub meaning: Meaning,
    /// `sha256:…` of the whole file.
    pub digest: String,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is not such a file.
    #[error("it is not a weights file of ecology: {0}")]
    Format(String),
    /// Its numbers do not fit together.
    #[error("its weights cannot be used: {0}")]
    Weights(String),
    /// The static embedding inside is not the one that its features name: one of the two was edited.
    #[error(
        "its features name the static embedding {} ({} dimensions), the one inside is {} ({})",
        named.digest, named.dimensions, found.digest, found.dimensions
    )]
    Embedding {
        /// By the features.
        named: EmbeddingSpec,
        /// By the content.
        found: EmbeddingSpec,
    },
}

/// Name, kind of numbers, shape, bytes.
pub type OwnedTensor = (&'static str, Dtype, Vec<usize>, Vec<u8>);

fn format(problem: impl ToString) -> ArtifactError {
    ArtifactError::Format(problem.to_string())
}

impl Artifact {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        Self::from_bytes(&std::fs::read(path)?)
    }

    /// Reads the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let About { format: version, features: spec, meaning } = about(bytes, |version| {
            let known = [FLOAT_FORMAT, INTEGER_FORMAT, DENSE_FORMAT];
            (!known.contains(&version)).then(|| format!("this release reads {}", known.join(", ")))
        })?;
        let weights = |error: &dyn std::fmt::Display| ArtifactError::Weights(error.to_string());
        spec.validate().map_err(|error| weights(&error))?;
        if (spec.dense() > 0) != (version == DENSE_FORMAT) {
            let problem = format!("{} dense features in format {version:?}", spec.dense());
            return Err(ArtifactError::Weights(problem));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        let bias = floats(&tensors, "bias")?;
        let named = match &meaning {
            Meaning::Classifier { labels, .. } => labels.len(),
            Meaning::Router { models, .. } => models.len(),
        };
        if named != bias.len() {
            return Err(ArtifactError::Weights(format!("{named} names for {} columns", bias.len())));
        }
        let embedding = spec.embedding.as_ref().map(|named| embedding::read(&tensors, named)).transpose()?;
        let extractor = Extractor::new(spec, embedding).map_err(|error| weights(&error))?;
        let dense = if version == DENSE_FORMAT { floats(&tensors, "dense")? } else { Vec::new() };
        let of_integers =
            version == INTEGER_FORMAT || version == DENSE_FORMAT && tensors.tensor("scales").is_ok();
        let table = if of_integers {
            let integers = numbers(&tensors, "weights", Dtype::I8)?;
            let integers: Vec<i8> = integers.iter().map(|byte| byte.cast_signed()).collect();
            WeightTable::of_integers(extractor, &integers, &floats(&tensors, "scales")?, &dense, &bias)
        } else {
            let all = [floats(&tensors, "weights")?, dense].concat();
            WeightTable::over(extractor, bias.len(), &all, &bias)
        };
        let table = table.map_err(|error| weights(&error))?;
        Ok(Self { table, meaning, digest: digest(bytes) })
    }

    /// The bytes of the file for such weights. The same weights give the same bytes.
    pub fn to_bytes(table: &WeightTable, meaning: &Meaning) -> Result<Vec<u8>, ArtifactError> {
        let (columns, spec) = (table.columns(), table.spec());
        let shape = vec![spec.buckets(), columns];
        let bias: OwnedTensor = ("bias", Dtype::F32, vec![columns], little_endian(table.bias()));
        let (mut version, mut tensors) = match table.integers() {
            None => {
                let sparse = little_endian(&table.weights()[..spec.buckets() * columns]);
                (FLOAT_FORMAT, vec![bias, ("weights", Dtype::F32, shape, sparse)])
            }
            Some((integers, scales)) => {
                let bytes = integers.iter().map(|integer| integer.cast_unsigned()).collect();
                let scales = ("scales", Dtype::F32, vec![columns], little_endian(scales));
                (INTEGER_FORMAT, vec![bias, scales, ("weights", Dtype::I8, shape, bytes)])
            }
        };
        if spec.dense() > 0 {
            version = DENSE_FORMAT;
            let shape = vec![spec.dense(), columns];
            tensors.push(("dense", Dtype::F32, shape, little_endian(table.dense())));
        }
        if let Some(embedding) = table.embedding() {
            tensors.extend(embedding::tensors(embedding));
        }
        let about = About { format: version.to_owned(), features: spec.clone(), meaning: meaning.clone() };
        to_file(&tensors, &about)
    }

    /// Writes a file, whole or not at all, and gives its digest.
    pub fn write(path: &Path, table: &WeightTable, meaning: &Meaning) -> Result<String, ArtifactError> {
        write(path, &Self::to_bytes(table, meaning)?)
    }
}

/// What a file says of itself. `refuse` gives what is wrong with its format; the format is looked at before anything else, since
/// another one may say other things.
pub fn about<T: DeserializeOwned>(
    bytes: &[u8],
    refuse: impl FnOnce(&str) -> Option<String>,
) -> Result<T, ArtifactError> {
    #[derive(Deserialize)]
    struct Version {
        format: String,
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let about = metadata.get(ENTRY).ok_or_else(|| format(format!("it has no entry {ENTRY:?}")))?;
    let Version { format: version } = serde_json::from_str(about).map_err(format)?;
    if let Some(problem) = refuse(&version) {
        return Err(format(format!("its format is {version:?}, {problem}")));
    }
    serde_json::from_str(about).map_err(format)
}

/// The bytes of a file of such tensors, with `about` in its header.
pub fn to_file(tensors: &[OwnedTensor], about: &impl Serialize) -> Result<Vec<u8>, ArtifactError> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        Ok((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(format)?))
    });
    let views = views.collect::<Result<Vec<_>, ArtifactError>>()?;
    // One entry: a map of several would be written in an order that differs from run to run.
    let about = serde_json::to_string(about).map_err(format)?;
    let metadata = HashMap::from([(ENTRY.to_owned(), about)]);
    serialize(views, Some(metadata)).map_err(format)
}

/// Writes a file, whole or not at all, and gives its digest.
pub fn write(path: &Path, bytes: &[u8]) -> Result<String, ArtifactError> {
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, path)?;
    Ok(digest(bytes))
}

/// `sha256:…` of the bytes of a file.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The bytes of a tensor of that kind.
pub fn numbers<'b>(tensors: &SafeTensors<'b>, name: &str, dtype: Dtype) -> Result<&'b [u8], ArtifactError> {
    let view = tensors.tensor(name).map_err(format)?;
    if view.dtype() != dtype {
        return Err(ArtifactError::Weights(format!("{name} is {:?}, not {dtype:?}", view.dtype())));
    }
    Ok(view.data())
}

/// The numbers of a tensor of f32.
pub fn floats(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>, ArtifactError> {
    let four = |chunk: &[u8]| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    Ok(numbers(tensors, name, Dtype::F32)?.chunks_exact(4).map(four).collect())
}

/// Numbers as a tensor holds them.
pub fn little_endian(floats: &[f32]) -> Vec<u8> {
    floats.iter().flat_map(|number| number.to_le_bytes()).collect()
}
