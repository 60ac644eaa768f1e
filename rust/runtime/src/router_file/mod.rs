//! A file of a learned router: safetensors, with what the numbers mean beside them.
//!
//! **The problem.** Weights decide who gets which prompt, so a file that was cut off, edited, or made for other features must be
//! refused with the reason, and the same weights must give the same bytes.
//!
//! A factored router is kept as `ecology.router.v1`. Tensors, of f32 where nothing else is said:
//!
//! | name | shape | |
//! |---|---|---|
//! | `projection.weights` | [buckets, k] | i8 with `projection.scales` \[k\], or f32 without |
//! | `projection.bias` | \[k\] | |
//! | `projection.dense` | [dense, k] | where the features have dense ones |
//! | `embedding.…` | | the static embedding, where the features have one; see [`embedding`](crate::artifact::embedding) |
//! | `group.N.weights`, `group.N.bias` | [members, k], \[members\] | N counts from 0 |
//! | `heads.weights`, `heads.bias` | [models, φ], \[models\] | |
//! | `gain.…`, `cost.…`, `latency.…` | the same | each may be absent; the logarithm of USD and of milliseconds |
//!
//! The one entry of metadata is JSON: [`About`]. A *direct* router is kept as [`artifact`](crate::artifact) says; both are read here.

mod tensors;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ecology_core::snapshot::{
    Calibration, Group, LogHeads, ModelHead, Platt, RouterWeights, RouterWeightsError,
};
use ecology_core::text::FeatureSpec;
use safetensors::tensor::{SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
pub use tensors::{Tensor, Tensors};
use tensors::{content, parts, tensors};

use crate::artifact::{Artifact, ArtifactError, Meaning, digest, embedding};

const FORMAT: &str = "ecology.router.v1";
const ENTRY: &str = "ecology";
/// The version of features that this release extracts.
const FEATURES: u64 = 1;
/// What safetensors allow.
const LONGEST_HEADER: u64 = 100_000_000;

/// What the tensors of a file mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Name of the format.
    #[serde(default)]
    pub format: String,
    /// SHA-256 of the tensors and of this JSON without it.
    #[serde(default)]
    pub content: String,
    /// How text becomes features.
    pub features: FeatureSpec,
    /// `name@version` of each head.
    pub models: Vec<String>,
    /// The groups, in order.
    #[serde(default)]
    pub groups: Vec<AboutGroup>,
    /// Of each model.
    pub calibration: Vec<Calibration>,
    /// Of which models the cost was learned; absent if there are no such heads.
    #[serde(default)]
    pub cost: Option<Vec<bool>>,
    /// Of which models the latency was learned.
    #[serde(default)]
    pub latency: Option<Vec<bool>>,
    /// SHA-256 of the outcomes it was fitted on; empty where nobody said.
    #[serde(default)]
    pub data: String,
    /// What it was fitted on and how good it was, in JSON: for people and reports.
    #[serde(default)]
    pub card: String,
}

/// A group of φ, without its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutGroup {
    /// What it stands for.
    pub name: Arc<str>,
    /// What its members stand for, or nothing.
    #[serde(default)]
    pub members: Vec<Arc<str>>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RouterFileError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Its end is missing.
    #[error("it ends after {found_bytes} bytes of {expected_bytes}")]
    Truncated {
        /// How long it is.
        found_bytes: u64,
        /// How long it should be, at least.
        expected_bytes: u64,
    },
    /// Somebody changed it after it was written.
    #[error("its content was changed after it was written")]
    Edited {
        /// SHA-256 of the content that was written.
        expected: String,
        /// SHA-256 of what is there now.
        actual: String,
    },
    /// Its features are of another version than this release extracts.
    #[error("its features are of version {found}, this release extracts version {known}")]
    OtherFeatures {
        /// The file's.
        found: u64,
        /// This release's.
        known: u64,
    },
    /// It is not such a file.
    #[error("it is not a router of ecology: {0}")]
    Format(String),
    /// Its numbers do not fit together.
    #[error("its weights cannot be used: {}", violations.join("; "))]
    Weights {
        /// Everything that is wrong.
        violations: Vec<String>,
    },
}

fn format(problem: impl ToString) -> RouterFileError {
    RouterFileError::Format(problem.to_string())
}

fn unfit(problem: impl ToString) -> RouterFileError {
    RouterFileError::Weights { violations: vec![problem.to_string()] }
}

impl From<RouterWeightsError> for RouterFileError {
    fn from(error: RouterWeightsError) -> Self {
        match error {
            RouterWeightsError::Factored { violations } => Self::Weights { violations },
            error => unfit(error),
        }
    }
}

impl From<ArtifactError> for RouterFileError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Io(error) => Self::Io(error),
            ArtifactError::Format(problem) => Self::Format(problem),
            ArtifactError::Weights(problem) => unfit(problem),
            error => unfit(error),
        }
    }
}

/// A router, and what is kept beside its weights.
#[derive(Clone, Debug)]
pub struct RouterFile {
    /// The weights; their digest is that of the file.
    pub weights: RouterWeights,
    /// SHA-256 of the outcomes it was fitted on; empty where nobody said.
    pub data: String,
    /// What it was fitted on and how good it was, in JSON.
    pub card: String,
}

impl RouterFile {
    /// Puts a router and its card together: the digest of the weights becomes that of the file they would be saved as.
    pub fn new(weights: RouterWeights, data: String, card: String) -> Result<Self, RouterFileError> {
        let mut file = Self { weights, data, card };
        let digest = digest(&file.to_bytes()?);
        file.weights = file.weights.with_digest(digest.into());
        Ok(file)
    }

    /// A factored router from its tensors by the names that a file has, and [`About`] as JSON without `format` and `content`.
    /// Weights of the projection in f32 are rounded to i8.
    pub fn from_tensors(about: &str, tensors: &Tensors<'_>) -> Result<Self, RouterFileError> {
        let about: About = serde_json::from_str(about).map_err(format)?;
        let mut parts = parts(&about, tensors, None)?;
        parts.projection = Arc::new(parts.projection.quantized());
        let weights = RouterWeights::factored(&parts, names(&about.models), "".into())?;
        Self::new(weights, about.data, about.card)
    }

    /// The same router with one model more, last, and another card.
    pub fn with_model(&self, name: &str, head: ModelHead, card: String) -> Result<Self, RouterFileError> {
        Self::new(self.weights.with_model(name.into(), head, "".into())?, self.data.clone(), card)
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, RouterFileError> {
        Self::from_bytes(&std::fs::read(path)?)
    }

    /// Reads the bytes of a file, of a factored router or a direct one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RouterFileError> {
        whole(bytes)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text = metadata.get(ENTRY).ok_or_else(|| format(format!("it has no entry {ENTRY:?}")))?;
        let json: Json = serde_json::from_str(text).map_err(format)?;
        if let Some(found) = json["features"]["version"].as_u64()
            && found != FEATURES
        {
            return Err(RouterFileError::OtherFeatures { found, known: FEATURES });
        }
        if json["format"] != FORMAT {
            return Self::direct(bytes);
        }
        let views = SafeTensors::deserialize(bytes).map_err(format)?;
        let tensors: Tensors<'_> = views
            .iter()
            .map(|(name, view)| {
                let (dtype, shape) = (view.dtype(), view.shape().to_vec());
                (name.to_owned(), Tensor { dtype, shape, bytes: Cow::Borrowed(view.data()) })
            })
            .collect();
        let expected = json["content"].as_str().unwrap_or_default();
        let actual = content(&text.replacen(expected, "", 1), &tensors);
        if actual != expected {
            return Err(RouterFileError::Edited { expected: expected.to_owned(), actual });
        }
        let about: About = serde_json::from_value(json).map_err(format)?;
        let named = about.features.embedding.as_ref();
        let embedding = named.map(|named| embedding::read(&views, named)).transpose()?;
        let parts = parts(&about, &tensors, embedding)?;
        let weights = RouterWeights::factored(&parts, names(&about.models), digest(bytes).into())?;
        Ok(Self { weights, data: about.data, card: about.card })
    }

    /// One head per model over n-grams, as [`Artifact`] keeps it.
    fn direct(bytes: &[u8]) -> Result<Self, RouterFileError> {
        let Artifact { table, meaning, digest, .. } = Artifact::from_bytes(bytes)?;
        let Meaning::Router { models, calibration, card } = meaning else {
            return Err(format("it holds a classifier, not a router"));
        };
        let platt = calibration.iter().map(|&(slope, offset)| Platt { slope, offset }).collect();
        let weights = RouterWeights::new(table, names(&models), platt, digest.into())?;
        Ok(Self { weights, data: String::new(), card })
    }

    /// The bytes of the file. The same weights give the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RouterFileError> {
        let models = self.weights.models().iter().map(|model| model.to_string()).collect();
        let Some(parts) = self.weights.parts() else {
            let platt = self.weights.calibration().iter().filter_map(|calibration| match calibration {
                Calibration::Platt(Platt { slope, offset }) => Some((*slope, *offset)),
                _ => None,
            });
            let meaning = Meaning::Router { models, calibration: platt.collect(), card: self.card.clone() };
            return Ok(Artifact::to_bytes(self.weights.table(), &meaning)?);
        };
        let tensors = tensors(&parts);
        let group =
            |group: &Group| AboutGroup { name: Arc::clone(&group.name), members: group.members.clone() };
        let known = |logs: &Option<LogHeads>| logs.as_ref().map(|logs| logs.known.clone());
        let mut about = About {
            format: FORMAT.to_owned(),
            content: String::new(),
            features: parts.projection.spec().clone(),
            models,
            groups: parts.groups.iter().map(group).collect(),
            calibration: parts.calibration.clone(),
            cost: known(&parts.cost),
            latency: known(&parts.latency),
            data: self.data.clone(),
            card: self.card.clone(),
        };
        about.content = content(&serde_json::to_string(&about).map_err(format)?, &tensors);
        let text = serde_json::to_string(&about).map_err(format)?;
        let views = tensors.iter().map(|(name, tensor)| {
            Ok((name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).map_err(format)?))
        });
        let views = views.collect::<Result<Vec<_>, RouterFileError>>()?;
        // One entry: a map of several would be written in an order that differs from run to run.
        serialize(views, Some(HashMap::from([(ENTRY.to_owned(), text)]))).map_err(format)
    }

    /// Writes the file, whole or not at all, and gives its digest.
    pub fn write(&self, path: &Path) -> Result<String, RouterFileError> {
        Ok(crate::artifact::write(path, &self.to_bytes()?)?)
    }
}

fn names(models: &[String]) -> Vec<Arc<str>> {
    models.iter().map(|model| Arc::from(model.as_str())).collect()
}

/// Refuses a file whose end is missing: the header says how long the rest is.
fn whole(bytes: &[u8]) -> Result<(), RouterFileError> {
    let found_bytes = bytes.len() as u64;
    let least = |expected_bytes: u64| match found_bytes < expected_bytes {
        true => Err(RouterFileError::Truncated { found_bytes, expected_bytes }),
        false => Ok(()),
    };
    let Some(length) = bytes.first_chunk::<8>() else { return least(8) };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return Err(format(format!("its header would have {length} bytes")));
    }
    least(8 + length)?;
    let header: HashMap<String, Json> =
        serde_json::from_slice(&bytes[8..8 + length as usize]).map_err(format)?;
    let end = |tensor: &Json| tensor["data_offsets"][1].as_u64();
    least((8 + length).saturating_add(header.values().filter_map(end).max().unwrap_or(0)))
}
