//! The tensors of a factored router: its parts by name, there and back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ecology_core::snapshot::{FactoredParts, Group, Heads, LogHeads};
use ecology_core::text::{Extractor, FeatureSpec, StaticEmbedding, WeightTable};
use safetensors::tensor::Dtype;
use sha2::{Digest, Sha256};

use super::{About, RouterFileError, format, unfit};
use crate::artifact::embedding;

/// One tensor, little-endian.
#[derive(Clone, Debug)]
pub struct Tensor<'b> {
    /// Kind of its numbers.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub bytes: Cow<'b, [u8]>,
}

/// Tensors by name.
pub type Tensors<'b> = BTreeMap<String, Tensor<'b>>;

impl Tensor<'_> {
    /// Of f32.
    pub fn floats(shape: &[usize], numbers: &[f32]) -> Tensor<'static> {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Tensor { dtype: Dtype::F32, shape: shape.to_vec(), bytes: Cow::Owned(bytes) }
    }

    /// Of i8, as bytes.
    pub fn integers(shape: &[usize], bytes: Vec<u8>) -> Tensor<'static> {
        Tensor { dtype: Dtype::I8, shape: shape.to_vec(), bytes: Cow::Owned(bytes) }
    }
}

/// SHA-256 over all that a file says: the JSON without this digest, and each tensor.
pub(super) fn content(about: &str, tensors: &Tensors<'_>) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(about.as_bytes());
    for (name, tensor) in tensors {
        part(name.as_bytes());
        part(format!("{:?} {:?}", tensor.dtype, tensor.shape).as_bytes());
        part(&tensor.bytes);
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub(super) fn tensors(parts: &FactoredParts) -> Tensors<'static> {
    let mut tensors = projection_tensors(&parts.projection);
    let (k, basis) = (parts.projection.columns(), parts.basis());
    let mut add = |name: &str, heads: &Heads, inputs: usize| {
        let count = heads.bias.len();
        tensors.insert(format!("{name}.weights"), Tensor::floats(&[count, inputs], &heads.weights));
        tensors.insert(format!("{name}.bias"), Tensor::floats(&[count], &heads.bias));
    };
    for (at, group) in parts.groups.iter().enumerate() {
        add(&format!("group.{at}"), &group.heads, k);
    }
    add("heads", &parts.heads, basis);
    if let Some(gain) = &parts.gain {
        add("gain", gain, basis);
    }
    for (name, logs) in [("cost", &parts.cost), ("latency", &parts.latency)] {
        if let Some(logs) = logs {
            add(name, &logs.heads, basis);
        }
    }
    tensors
}

pub(super) fn parts(
    about: &About,
    tensors: &Tensors<'_>,
    embedding: Option<Arc<StaticEmbedding>>,
) -> Result<FactoredParts, RouterFileError> {
    let projection = projection(&about.features, tensors, embedding)?;
    let k = projection.columns();
    let groups = about.groups.iter().enumerate().map(|(at, group)| {
        let heads = heads(tensors, &format!("group.{at}"), k)?;
        Ok(Group { name: Arc::clone(&group.name), members: group.members.clone(), heads })
    });
    let groups = groups.collect::<Result<Vec<_>, RouterFileError>>()?;
    let basis = k + groups.iter().map(|group| group.heads.bias.len()).sum::<usize>();
    let logs = |name: &str, known: &Option<Vec<bool>>| {
        let logs = known.as_ref().map(|known| {
            Ok::<_, RouterFileError>(LogHeads { heads: heads(tensors, name, basis)?, known: known.clone() })
        });
        logs.transpose()
    };
    let gain = tensors.contains_key("gain.weights").then(|| heads(tensors, "gain", basis)).transpose()?;
    Ok(FactoredParts {
        heads: heads(tensors, "heads", basis)?,
        gain,
        cost: logs("cost", &about.cost)?,
        latency: logs("latency", &about.latency)?,
        calibration: about.calibration.clone(),
        projection: Arc::new(projection),
        groups,
    })
}

/// The table of weights over features is a part of its own: whatever it comes to hold, it is kept by these two.
fn projection_tensors(table: &WeightTable) -> Tensors<'static> {
    let (columns, shape) = ([table.columns()], [table.spec().buckets(), table.columns()]);
    let mut tensors = Tensors::new();
    let mut add = |name: &str, tensor| tensors.insert(format!("projection.{name}"), tensor);
    add("bias", Tensor::floats(&columns, table.bias()));
    match table.integers() {
        None => add("weights", Tensor::floats(&shape, &table.weights()[..shape[0] * shape[1]])),
        Some((integers, scales)) => {
            add("scales", Tensor::floats(&columns, scales));
            let bytes = integers.iter().map(|integer| integer.cast_unsigned()).collect();
            add("weights", Tensor::integers(&shape, bytes))
        }
    };
    if table.spec().dense() > 0 {
        add("dense", Tensor::floats(&[table.spec().dense(), table.columns()], table.dense()));
    }
    let embedding = table.embedding().map(|embedding| embedding::tensors(embedding)).unwrap_or_default();
    tensors.extend(embedding.into_iter().map(|(name, dtype, shape, bytes)| {
        (name.to_owned(), Tensor { dtype, shape, bytes: Cow::Owned(bytes) })
    }));
    tensors
}

fn projection(
    spec: &FeatureSpec,
    tensors: &Tensors<'_>,
    embedding: Option<Arc<StaticEmbedding>>,
) -> Result<WeightTable, RouterFileError> {
    let extractor = Extractor::new(spec.clone(), embedding).map_err(unfit)?;
    let weights = tensor(tensors, "projection.weights")?;
    let bias = floats(tensors, "projection.bias", None)?;
    let shape = [spec.buckets(), bias.len()];
    if weights.shape != shape {
        return Err(unfit(format!("projection.weights is {:?}, expected {shape:?}", weights.shape)));
    }
    let dense = match spec.dense() {
        0 => Vec::new(),
        dense => floats(tensors, "projection.dense", Some(&[dense, bias.len()]))?,
    };
    let table = if weights.dtype == Dtype::I8 {
        let integers: Vec<i8> = weights.bytes.iter().map(|byte| byte.cast_signed()).collect();
        let scales = floats(tensors, "projection.scales", Some(&[bias.len()]))?;
        WeightTable::of_integers(extractor, &integers, &scales, &dense, &bias)
    } else {
        let all = [floats(tensors, "projection.weights", Some(&shape))?, dense].concat();
        WeightTable::over(extractor, bias.len(), &all, &bias)
    };
    table.map_err(unfit)
}

fn heads(tensors: &Tensors<'_>, name: &str, inputs: usize) -> Result<Heads, RouterFileError> {
    let bias = floats(tensors, &format!("{name}.bias"), None)?;
    let weights = floats(tensors, &format!("{name}.weights"), Some(&[bias.len(), inputs]))?;
    Ok(Heads { weights, bias })
}

fn tensor<'t, 'b>(tensors: &'t Tensors<'b>, name: &str) -> Result<&'t Tensor<'b>, RouterFileError> {
    tensors.get(name).ok_or_else(|| format(format!("it has no tensor {name}")))
}

fn floats(tensors: &Tensors<'_>, name: &str, shape: Option<&[usize]>) -> Result<Vec<f32>, RouterFileError> {
    let tensor = tensor(tensors, name)?;
    if tensor.dtype != Dtype::F32 {
        return Err(unfit(format!("{name} is {:?}, not F32", tensor.dtype)));
    }
    let numbers = [tensor.bytes.len() / 4];
    let shape = shape.unwrap_or(&numbers);
    if tensor.shape != shape || tensor.bytes.len() != 4 * shape.iter().product::<usize>() {
        return Err(unfit(format!("{name} is {:?}, expected {shape:?}", tensor.shape)));
    }
    let four = |chunk: &[u8]| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    Ok(tensor.bytes.chunks_exact(4).map(four).collect())
}
