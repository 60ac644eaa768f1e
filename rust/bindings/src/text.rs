//! Features and signals.

use std::sync::Arc;

use ecology_core::text::{Extractor, FeatureSpec, Signals};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::embedding::StaticEmbedding;

/// A feature spec from JSON; the default one from None.
pub(crate) fn spec(json: Option<&str>) -> PyResult<FeatureSpec> {
    let Some(json) = json else { return Ok(FeatureSpec::default()) };
    let spec: FeatureSpec = serde_json::from_str(json).map_err(|e| PyValueError::new_err(e.to_string()))?;
    spec.validate().map_err(|e| PyValueError::new_err(e.to_string()))?;
    Ok(spec)
}

/// A feature spec from JSON and the table that it names. A spec that names none takes the one that is given.
pub(crate) fn extractor(json: Option<&str>, embedding: Option<&StaticEmbedding>) -> PyResult<Extractor> {
    let mut spec = spec(json)?;
    let table = embedding.map(|embedding| Arc::clone(embedding.table()));
    if spec.embedding.is_none() {
        spec.embedding = table.as_ref().map(|table| table.spec());
    }
    Extractor::new(spec, table).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The feature spec that is used when none is stated, as JSON.
#[pyfunction]
pub(crate) fn default_features() -> PyResult<String> {
    serde_json::to_string(&FeatureSpec::default()).map_err(|e| PyValueError::new_err(e.to_string()))
}

/// SHA-256 of a feature spec, as manifests name it: two that are equal extract the same.
#[pyfunction]
pub(crate) fn features_digest(features: &str) -> PyResult<String> {
    Ok(format!("sha256:{}", spec(Some(features))?.digest()))
}

/// The named signals of a text, by name; among them `complexity` and `depth` in [0, 1].
#[pyfunction]
#[pyo3(signature = (text, features=None))]
pub(crate) fn signals<'py>(
    py: Python<'py>,
    text: &str,
    features: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    let spec = spec(features)?;
    let extracted = py.detach(|| spec.extract(text));
    let dict = PyDict::new(py);
    for (name, value) in Signals::NAMES.iter().zip(extracted.signals.as_slice()) {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// Bucket and weight of each n-gram of a text: two arrays of one length.
#[pyfunction]
#[pyo3(signature = (text, features=None))]
#[allow(clippy::type_complexity, reason = "two arrays are what it returns")]
pub(crate) fn extract<'py>(
    py: Python<'py>,
    text: &str,
    features: Option<&str>,
) -> PyResult<(Bound<'py, numpy::PyArray1<u32>>, Bound<'py, numpy::PyArray1<f32>>)> {
    let spec = spec(features)?;
    let extracted = py.detach(|| spec.extract(text));
    Ok((numpy::PyArray1::from_vec(py, extracted.indices), numpy::PyArray1::from_vec(py, extracted.values)))
}
