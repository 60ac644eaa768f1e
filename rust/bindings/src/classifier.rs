//! A file of a linear classifier, open outside of a population.

use std::path::PathBuf;
use std::sync::Arc;

use ecology_core::text::{Features as Extracted, WeightTable};
use ecology_runtime::artifact::{Artifact, ArtifactError, Meaning};
use ecology_runtime::batch::in_parallel_with;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::embedding::StaticEmbedding;
use crate::errors;
use crate::learn::refused;

/// Labels, and a score of each for any text.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct ClassifierWeights {
    table: WeightTable,
    labels: Vec<String>,
    temperature: f32,
    digest: String,
}

impl ClassifierWeights {
    fn of(artifact: Artifact) -> Result<Self, ArtifactError> {
        let Meaning::Classifier { labels, temperature, .. } = artifact.meaning else {
            return Err(ArtifactError::Format("it holds a router, not a classifier".into()));
        };
        Ok(Self { table: artifact.table, labels, temperature, digest: artifact.digest })
    }
}

#[pymethods]
impl ClassifierWeights {
    /// Reads a file that `write_classifier` wrote. Raises ArtifactError if it is not one.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let read = py.detach(|| Self::of(Artifact::read(&path)?));
        read.map_err(|error| errors::artifact(py, &path.display().to_string(), &error))
    }

    /// The scores of each text as a linear member has them before its temperature: float32 [n, labels].
    fn scores<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
        let columns = self.table.columns();
        let scores: Vec<Vec<f32>> = py.detach(|| {
            in_parallel_with(&texts, Extracted::default, |features, text| {
                self.table.extractor().extract_into(text, features);
                let mut scores = vec![0.0; columns];
                self.table.score_into(features, &mut scores);
                scores
            })
        });
        PyArray1::from_vec(py, scores.concat()).reshape([texts.len(), columns])
    }

    /// The label of each column.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.labels.clone()
    }

    /// What scores are divided by before the softmax.
    #[getter]
    fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The static embedding that the file carries.
    #[getter]
    fn embedding(&self) -> Option<StaticEmbedding> {
        self.table.embedding().map(|table| StaticEmbedding::carried(Arc::clone(table)))
    }

    /// SHA-256 of the file.
    #[getter]
    fn digest(&self) -> &str {
        &self.digest
    }

    /// The feature spec, as JSON.
    #[getter]
    fn features(&self) -> PyResult<String> {
        serde_json::to_string(self.table.spec()).map_err(refused)
    }
}
