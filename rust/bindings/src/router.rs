//! A file of router weights.

use std::path::PathBuf;
use std::sync::Arc;

use ecology_core::snapshot::{Platt, RouterWeights as Weights};
use ecology_core::text::WeightTable;
use ecology_runtime::artifact::{Artifact, ArtifactError, Meaning};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;

/// One linear head per model over hashed n-grams, and the calibration of each.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct RouterWeights {
    weights: Weights,
    meaning: Meaning,
}

impl RouterWeights {
    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Puts fitted heads together, quantized; the digest is that of the file they would be saved as.
    pub(crate) fn fitted(
        table: WeightTable,
        models: Vec<String>,
        calibration: Vec<(f32, f32)>,
        card: String,
    ) -> Result<Self, String> {
        let meaning = Meaning::Router { models, calibration, card };
        let bytes = Artifact::to_bytes(&table.quantized(), &meaning).map_err(|error| error.to_string())?;
        let artifact = Artifact::from_bytes(&bytes).map_err(|error| error.to_string())?;
        Self::of(artifact)
    }

    fn of(artifact: Artifact) -> Result<Self, String> {
        let Meaning::Router { models, calibration, .. } = &artifact.meaning else {
            return Err("it holds a classifier, not a router".to_owned());
        };
        let names = models.iter().map(|model| Arc::from(model.as_str())).collect();
        let platt = calibration.iter().map(|&(slope, offset)| Platt { slope, offset }).collect();
        let weights = Weights::new(artifact.table, names, platt, artifact.digest.into());
        Ok(Self { weights: weights.map_err(|error| error.to_string())?, meaning: artifact.meaning })
    }
}

#[pymethods]
impl RouterWeights {
    /// Reads a file. Raises ArtifactError if it is not a router of this format.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let shown = path.display().to_string();
        let artifact = py.detach(|| Artifact::read(&path)).map_err(|e| errors::artifact(py, &shown, &e))?;
        Self::of(artifact).map_err(|problem| errors::artifact(py, &shown, &ArtifactError::Format(problem)))
    }

    /// Writes the file, whole or not at all, and returns its digest.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<String> {
        let written = py.detach(|| Artifact::write(&path, self.weights.table(), &self.meaning));
        written.map_err(|e| errors::artifact(py, &path.display().to_string(), &e))
    }

    /// `name@version` of each head.
    #[getter]
    fn models(&self) -> Vec<&str> {
        self.weights.models().iter().map(|model| &**model).collect()
    }

    /// SHA-256 of the file.
    #[getter]
    fn digest(&self) -> &str {
        self.weights.digest()
    }

    /// Numbers of the context that feedback is learned over.
    #[getter]
    fn context_dimensions(&self) -> usize {
        self.weights.context_dimensions()
    }

    /// The feature spec, as JSON.
    #[getter]
    fn features(&self) -> PyResult<String> {
        serde_json::to_string(self.weights.table().spec()).map_err(|e| PyValueError::new_err(e.to_string()))
    }

    /// What it was fitted on and how good it was, as JSON.
    #[getter]
    fn card(&self) -> &str {
        match &self.meaning {
            Meaning::Router { card, .. } => card,
            Meaning::Classifier { .. } => "{}",
        }
    }
}
