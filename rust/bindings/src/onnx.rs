//! Members and graphs of onnxruntime.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecology_core::Tensor;
use ecology_runtime::members::OnnxMember;
use ecology_runtime::members::onnx::{self, Feed, Graph, Labels, OnnxError, Wire};
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use crate::errors;
use crate::member::{Member, fault};

/// Name and shape of an input or output; None where an axis is of any length.
type NamedShape = (String, Vec<Option<i64>>);

/// Opens an onnx member with onnxruntime's `library`. `feed` is `tensor`, `features` or `text`, the last with an encoder and its
/// tokenizer. Raises ArtifactError if a file is not what it should be.
#[pyfunction]
#[pyo3(signature = (library, path, feed, labels=None, probabilities=false, temperature=1.0, threads=1, encoder=None, tokenizer=None))]
#[allow(clippy::too_many_arguments, reason = "the keywords of a backend")]
pub(crate) fn onnx_member(
    py: Python<'_>,
    library: PathBuf,
    path: PathBuf,
    feed: &str,
    labels: Option<Vec<String>>,
    probabilities: bool,
    temperature: f32,
    threads: usize,
    encoder: Option<PathBuf>,
    tokenizer: Option<PathBuf>,
) -> PyResult<Member> {
    let feed = match (feed, encoder, tokenizer) {
        ("tensor", None, None) => Feed::Tensor,
        ("features", None, None) => Feed::Features,
        ("text", Some(encoder), Some(tokenizer)) => Feed::Text { encoder, tokenizer },
        _ => {
            return Err(PyValueError::new_err(
                "give tensor, features, or text with an encoder and a tokenizer",
            ));
        }
    };
    let names = labels.clone().unwrap_or_default();
    let read = labels.map(|labels| Labels {
        names: labels.iter().map(|label| Arc::from(label.as_str())).collect(),
        probabilities,
        temperature,
    });
    let opened = py.detach(|| {
        onnx::load(&library)?;
        OnnxMember::open(&path, &feed, read, threads)
    });
    let member = opened.map_err(|error| artifact(py, &error))?;
    let digest = member.digest().to_owned();
    Ok(Member::new(Arc::new(member), Some(digest), names))
}

/// Inputs and outputs of a graph that onnxruntime's `library` can open. Raises ArtifactError if it cannot.
#[pyfunction]
pub(crate) fn onnx_graph(
    py: Python<'_>,
    library: PathBuf,
    path: PathBuf,
) -> PyResult<(Vec<NamedShape>, Vec<NamedShape>)> {
    let opened = py.detach(|| {
        onnx::load(&library)?;
        Graph::open(&path, 1)
    });
    let graph = opened.map_err(|error| artifact(py, &error))?;
    let shapes = |wires: &[Wire]| wires.iter().map(|wire| (wire.name.clone(), wire.shape.clone())).collect();
    Ok((shapes(graph.inputs()), shapes(graph.outputs())))
}

fn artifact(py: Python<'_>, error: &OnnxError) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let facts = PyDict::new(py);
        facts.set_item("path", Path::display(&error.path).to_string())?;
        facts.set_item("problem", &error.problem)?;
        facts.set_item("fix", error.fix)?;
        Ok(errors::raise(py, "ArtifactError", &facts))
    };
    build().unwrap_or_else(|error| error)
}

/// The input as an array of 32-bit floats, or why it is none: read before the interpreter is let go, so that no leg has to wait for it.
pub(crate) fn tensor(py: Python<'_>, host: &Py<PyAny>) -> Result<Arc<Tensor>, Arc<str>> {
    let read = || -> PyResult<Tensor> {
        let object = host.bind(py);
        if object.is_instance_of::<PyString>() {
            // Of a text numpy would show the whole.
            return Err(PyValueError::new_err("could not convert the text to an array of numbers"));
        }
        if let Ok(array) = object.cast::<PyArrayDyn<f32>>()
            && array.is_c_contiguous()
            && !array.shape().is_empty()
        {
            return Ok(Tensor { shape: array.shape().to_vec(), data: array.to_vec()? });
        }
        let array = contiguous(py)?.bind(py).call1((object, "float32"))?;
        let array = array.cast::<PyArrayDyn<f32>>()?;
        Ok(Tensor { shape: array.shape().to_vec(), data: array.to_vec()? })
    };
    read().map(Arc::new).map_err(|error| Arc::from(fault(py, &error).text()))
}

fn contiguous(py: Python<'_>) -> PyResult<&'static Py<PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.get_or_try_init(py, || Ok(py.import("numpy")?.getattr("ascontiguousarray")?.unbind()))
}
