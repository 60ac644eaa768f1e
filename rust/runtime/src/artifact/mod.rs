//! A file of linear weights: safetensors, with what the numbers mean beside them.
//!
//! Both kinds of linear model are kept like this: a `linear` member (labels, temperature) and a router (models,
//! calibration). A file says which it is, under which features it was trained, and is refused by anything else.
//!
//! There are two formats. `ecology.linear.v1` holds weights in f32, `ecology.linear.v2` integers from −128 to 127 and a scale for
//! each column. A format fixes the order of summation too, so a file of either gives the same scores for good.

use std::collections::HashMap;
use std::path::Path;

use ecology_core::text::{FeatureSpec, WeightTable};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const FLOAT_FORMAT: &str = "ecology.linear.v1";
const INTEGER_FORMAT: &str = "ecology.linear.v2";
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
}

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
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let about = metadata.get(ENTRY).ok_or_else(|| format(format!("it has no entry {ENTRY:?}")))?;
        let About { format: version, features: spec, meaning } =
            serde_json::from_str(about).map_err(format)?;
        if ![FLOAT_FORMAT, INTEGER_FORMAT].contains(&version.as_str()) {
            let known = format!("{FLOAT_FORMAT:?} and {INTEGER_FORMAT:?}");
            return Err(format(format!("its format is {version:?}, this release reads {known}")));
        }
        spec.validate().map_err(|error| ArtifactError::Weights(error.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        let bias = floats(&tensors, "bias")?;
        let named = match &meaning {
            Meaning::Classifier { labels, .. } => labels.len(),
            Meaning::Router { models, .. } => models.len(),
        };
        if named != bias.len() {
            return Err(ArtifactError::Weights(format!("{named} names for {} columns", bias.len())));
        }
        let table = if version == INTEGER_FORMAT {
            let integers = numbers(&tensors, "weights", Dtype::I8)?;
            let integers: Vec<i8> = integers.iter().map(|byte| byte.cast_signed()).collect();
            WeightTable::of_integers(spec, &integers, &floats(&tensors, "scales")?, &bias)
        } else {
            WeightTable::new(spec, bias.len(), &floats(&tensors, "weights")?, &bias)
        };
        let table = table.map_err(|error| ArtifactError::Weights(error.to_string()))?;
        Ok(Self { table, meaning, digest: digest(bytes) })
    }

    /// The bytes of the file for such weights. The same weights give the same bytes.
    pub fn to_bytes(table: &WeightTable, meaning: &Meaning) -> Result<Vec<u8>, ArtifactError> {
        let little_endian = |floats: &[f32]| floats.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let (columns, shape) = (vec![table.columns()], vec![table.spec().buckets(), table.columns()]);
        let bias = ("bias", Dtype::F32, columns.clone(), little_endian(table.bias()));
        let (version, tensors) = match table.integers() {
            None => {
                (FLOAT_FORMAT, vec![bias, ("weights", Dtype::F32, shape, little_endian(&table.weights()))])
            }
            Some((integers, scales)) => {
                let bytes = integers.iter().map(|integer| integer.cast_unsigned()).collect();
                let scales = ("scales", Dtype::F32, columns, little_endian(scales));
                (INTEGER_FORMAT, vec![bias, scales, ("weights", Dtype::I8, shape, bytes)])
            }
        };
        let tensors = tensors.iter().map(|(name, dtype, shape, bytes)| {
            Ok((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(format)?))
        });
        let tensors = tensors.collect::<Result<Vec<_>, ArtifactError>>()?;
        // One entry: a map of several would be written in an order that differs from run to run.
        let about =
            About { format: version.to_owned(), features: table.spec().clone(), meaning: meaning.clone() };
        let about = serde_json::to_string(&about).map_err(format)?;
        let metadata = HashMap::from([(ENTRY.to_owned(), about)]);
        serialize(tensors, Some(metadata)).map_err(format)
    }

    /// Writes a file, whole or not at all, and gives its digest.
    pub fn write(path: &Path, table: &WeightTable, meaning: &Meaning) -> Result<String, ArtifactError> {
        let bytes = Self::to_bytes(table, meaning)?;
        let partial = path.with_extension(format!("partial-{}", std::process::id()));
        std::fs::write(&partial, &bytes)?;
        std::fs::rename(&partial, path)?;
        Ok(digest(&bytes))
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn numbers<'b>(tensors: &SafeTensors<'b>, name: &str, dtype: Dtype) -> Result<&'b [u8], ArtifactError> {
    let view = tensors.tensor(name).map_err(format)?;
    if view.dtype() != dtype {
        return Err(ArtifactError::Weights(format!("{name} is {:?}, not {dtype:?}", view.dtype())));
    }
    Ok(view.data())
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>, ArtifactError> {
    let four = |chunk: &[u8]| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    Ok(numbers(tensors, name, Dtype::F32)?.chunks_exact(4).map(four).collect())
}
