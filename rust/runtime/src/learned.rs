//! A file of what was learned on line: safetensors, bound to the router file whose residuals it is about.
//!
//! It holds the regressions, so that learning goes on where it stopped, and the corrections that served, so that decisions of
//! that time replay. Of each inverse only the lower triangle is kept: the other one is the same to the bit.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ecology_core::router::online::{Learned, Ridge};
use ecology_core::snapshot::{Corrections, MOST_CONTEXT};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::artifact::ArtifactError;

const FORMAT: &str = "ecology.learned.v1";
const ENTRY: &str = "ecology";

/// No process learns as often, and whoever goes on from here can still count.
const MOST_LESSONS: u64 = 1 << 53;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    format: String,
    router: Arc<str>,
    models: Vec<Arc<str>>,
    dimensions: usize,
    prior: f64,
    /// Of each model; 0 for one that nobody graded, which has no tensors.
    observations: Vec<u64>,
    /// SHA-256 over every number, in the order inverse, published, theta.
    numbers: String,
}

fn format(problem: impl ToString) -> ArtifactError {
    ArtifactError::Format(problem.to_string())
}

fn wrong(problem: &str) -> ArtifactError {
    ArtifactError::Weights(problem.to_owned())
}

/// The bytes of the file. The same knowledge gives the same bytes.
pub fn to_bytes(learned: &Learned) -> Result<Vec<u8>, ArtifactError> {
    let d = learned.dimensions;
    let graded: Vec<&Ridge> = learned.columns.iter().flatten().collect();
    let (mut inverse, mut theta) = (Vec::new(), Vec::new());
    for ridge in &graded {
        for (at, row) in ridge.inverse().chunks_exact(d).enumerate() {
            inverse.extend(row[..=at].iter().flat_map(|x| x.to_le_bytes()));
        }
        theta.extend(ridge.theta().iter().flat_map(|x| x.to_le_bytes()));
    }
    let published: Option<Vec<u8>> = learned
        .published
        .as_ref()
        .map(|corrections| corrections.heads().iter().flat_map(|x| x.to_le_bytes()).collect());
    let about = About {
        format: FORMAT.to_owned(),
        router: Arc::clone(&learned.router),
        models: learned.models.clone(),
        dimensions: d,
        prior: learned.prior,
        observations: learned.columns.iter().map(|c| c.as_ref().map_or(0, Ridge::observations)).collect(),
        numbers: numbers([&inverse, published.as_deref().unwrap_or_default(), &theta]),
    };
    let mut tensors = vec![
        (
            "inverse",
            TensorView::new(Dtype::F64, vec![graded.len(), d * (d + 1) / 2], &inverse).map_err(format)?,
        ),
        ("theta", TensorView::new(Dtype::F64, vec![graded.len(), d], &theta).map_err(format)?),
    ];
    if let Some(published) = &published {
        let shape = vec![learned.models.len(), d];
        tensors.push(("published", TensorView::new(Dtype::F32, shape, published).map_err(format)?));
    }
    let about = serde_json::to_string(&about).map_err(format)?;
    serialize(tensors, Some(HashMap::from([(ENTRY.to_owned(), about)]))).map_err(format)
}

/// Reads the bytes of a file.
pub fn from_bytes(bytes: &[u8]) -> Result<Learned, ArtifactError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let about = metadata.get(ENTRY).ok_or_else(|| format(format!("it has no entry {ENTRY:?}")))?;
    let about: About = serde_json::from_str(about).map_err(format)?;
    if about.format != FORMAT {
        return Err(format(format!("its format is {:?}, this release reads {FORMAT:?}", about.format)));
    }
    let d = about.dimensions;
    let graded = about.observations.iter().filter(|n| **n > 0).count();
    if !(1..=MOST_CONTEXT).contains(&d) || about.observations.len() != about.models.len() {
        return Err(wrong("its models and contexts do not fit together"));
    }
    if about.observations.iter().fold(0, |sum: u64, n| sum.saturating_add(*n)) > MOST_LESSONS {
        return Err(wrong("it holds more lessons than can be counted"));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
    let data = |name: &str, dtype: Dtype, shape: [usize; 2]| {
        let view = tensors.tensor(name).map_err(format)?;
        let fits = view.dtype() == dtype && view.shape() == shape;
        fits.then(|| view.data()).ok_or_else(|| wrong(&format!("{name} is not {dtype:?} {shape:?}")))
    };
    let inverse = data("inverse", Dtype::F64, [graded, d * (d + 1) / 2])?;
    let theta = data("theta", Dtype::F64, [graded, d])?;
    let has_published = tensors.names().contains(&"published");
    let published =
        has_published.then(|| data("published", Dtype::F32, [about.models.len(), d])).transpose()?;
    if numbers([inverse, published.unwrap_or_default(), theta]) != about.numbers {
        return Err(wrong("its numbers are not those that its digest names"));
    }
    let (inverse, theta) = (doubles(inverse), doubles(theta));
    let mut each = inverse.chunks_exact(d * (d + 1) / 2).zip(theta.chunks_exact(d));
    let column = |n: &u64| {
        if *n == 0 {
            return Ok(None);
        }
        let (triangle, theta) = each.next().ok_or_else(|| wrong("numbers are missing"))?;
        Ridge::resumed(about.prior, square(triangle, d), theta.to_vec(), *n)
            .map(Some)
            .ok_or_else(|| wrong("its prior or numbers are not finite"))
    };
    let columns = about.observations.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect()
    };
    let heads = published.map(floats);
    if heads.iter().flatten().any(|x| !x.is_finite()) {
        return Err(wrong("what it published is not finite"));
    }
    Ok(Learned {
        router: about.router,
        models: about.models,
        dimensions: d,
        prior: about.prior,
        columns,
        published: heads.map(|heads| Arc::new(Corrections::new(d, heads))),
    })
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Learned, ArtifactError> {
    from_bytes(&std::fs::read(path)?)
}

/// Writes a file, whole or not at all, and gives its digest.
pub fn write(path: &Path, learned: &Learned) -> Result<String, ArtifactError> {
    crate::artifact::write(path, &to_bytes(learned)?)
}

fn numbers(parts: [&[u8]; 3]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    let eight = |c: &[u8]| f64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]);
    bytes.chunks_exact(8).map(eight).collect()
}

/// A symmetric matrix from its lower triangle.
fn square(triangle: &[f64], d: usize) -> Vec<f64> {
    let mut square = vec![0.0; d * d];
    let mut entries = triangle.iter();
    for row in 0..d {
        for (column, entry) in (0..=row).zip(&mut entries) {
            square[row * d + column] = *entry;
            square[column * d + row] = *entry;
        }
    }
    square
}
