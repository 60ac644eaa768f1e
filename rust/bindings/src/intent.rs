//! A file of an intent model.

use std::path::PathBuf;

use ecology_core::snapshot::IntentWeights as Weights;
use ecology_core::text::{Features as Extracted, WeightTable};
use ecology_runtime::artifact::{Artifact, ArtifactError, Meaning};
use ecology_runtime::batch::in_parallel_with;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors;
use crate::learn::{Features, refused};

/// From the features of a prompt to its task, with a calibrated probability.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct IntentWeights {
    weights: Weights,
    card: String,
}

impl IntentWeights {
    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    fn of(artifact: Artifact) -> Result<Self, ArtifactError> {
        let Meaning::Classifier { labels, temperature, card } = artifact.meaning else {
            return Err(ArtifactError::Format("it holds a router, not a classifier".into()));
        };
        let tasks = labels.iter().map(|label| label.as_str().into()).collect();
        let weights = Weights::new(artifact.table, tasks, temperature, artifact.digest.into());
        let weights = weights.map_err(|error| ArtifactError::Weights(error.to_string()))?;
        Ok(Self { weights, card })
    }
}

#[pymethods]
impl IntentWeights {
    /// Reads a linear classifier whose labels are tasks. Raises ArtifactError if the file is not one.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let read = py.detach(|| Self::of(Artifact::read(&path)?));
        read.map_err(|error| errors::artifact(py, &path.display().to_string(), &error))
    }

    /// Puts a trained classifier over the features of `rows` together, one byte per weight: weights float32 [dimension, tasks], bias
    /// [tasks], as `fit_sparse` gives them. `card` is JSON for people and reports.
    #[staticmethod]
    fn fitted(
        py: Python<'_>,
        rows: &Features,
        weights: PyReadonlyArray2<'_, f32>,
        bias: PyReadonlyArray1<'_, f32>,
        tasks: Vec<String>,
        temperature: f32,
        card: String,
    ) -> PyResult<Self> {
        let flat: Vec<f32> = weights.as_array().iter().copied().collect();
        let bias = bias.to_vec()?;
        let extractor = rows.extractor().clone();
        let built = py.detach(|| {
            let table = WeightTable::over(extractor, tasks.len(), &flat, &bias);
            let table = table.map_err(|error| ArtifactError::Weights(error.to_string()))?;
            let meaning = Meaning::Classifier { labels: tasks, temperature, card };
            Self::of(Artifact::from_bytes(&Artifact::to_bytes(&table.quantized(), &meaning)?)?)
        });
        built.map_err(refused)
    }

    /// Writes the file, whole or not at all, and returns its digest.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<String> {
        let labels = self.weights.tasks().iter().map(ToString::to_string).collect();
        let (temperature, card) = (self.weights.temperature(), self.card.clone());
        let meaning = Meaning::Classifier { labels, temperature, card };
        let written = py.detach(|| Artifact::write(&path, self.weights.table(), &meaning));
        written.map_err(|error| errors::artifact(py, &path.display().to_string(), &error))
    }

    /// The likeliest task of each text, as the engine reads it, and its probability: a list and float32 [n].
    fn infer<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
    ) -> PyResult<(Vec<&str>, Bound<'py, PyArray1<f32>>)> {
        let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
        let read = py.detach(|| {
            in_parallel_with(&texts, Extracted::default, |features, text| {
                self.weights.extractor().extract_into(text, features);
                self.weights.likeliest(features)
            })
        });
        let tasks = read.iter().map(|(column, _)| &*self.weights.tasks()[*column]).collect();
        Ok((tasks, PyArray1::from_iter(py, read.iter().map(|(_, confidence)| *confidence))))
    }

    /// The tasks that it tells apart.
    #[getter]
    fn tasks(&self) -> Vec<&str> {
        self.weights.tasks().iter().map(|task| &**task).collect()
    }

    /// SHA-256 of the file.
    #[getter]
    fn digest(&self) -> &str {
        self.weights.digest()
    }

    /// The feature spec, as JSON.
    #[getter]
    fn features(&self) -> PyResult<String> {
        serde_json::to_string(self.weights.extractor().spec()).map_err(refused)
    }

    /// What it was fitted on and how good it was, as JSON; empty where nobody said.
    #[getter]
    fn card(&self) -> &str {
        &self.card
    }
}
