//! What a router learned on line.

use std::path::PathBuf;

use ecology_core::router::online::{Learned as Knowledge, Ridge};
use ecology_runtime::learned;
use pyo3::prelude::*;

use crate::errors;

/// The regressions on what a router got wrong, and the corrections that served: to keep, and to go on from.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Learned {
    knowledge: Knowledge,
}

impl Learned {
    pub(crate) fn wrap(knowledge: Knowledge) -> Self {
        Self { knowledge }
    }

    pub(crate) fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }
}

#[pymethods]
impl Learned {
    /// Reads a file. Raises ArtifactError if it is not one of this format, or was changed.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let shown = path.display().to_string();
        let read = py.detach(|| learned::read(&path));
        Ok(Self { knowledge: read.map_err(|e| errors::artifact(py, &shown, &e))? })
    }

    /// Writes the file, whole or not at all, and returns its digest.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<String> {
        let written = py.detach(|| learned::write(&path, &self.knowledge));
        written.map_err(|e| errors::artifact(py, &path.display().to_string(), &e))
    }

    /// SHA-256 of the router file whose residuals these are.
    #[getter]
    fn router(&self) -> &str {
        &self.knowledge.router
    }

    /// λ.
    #[getter]
    fn prior(&self) -> f64 {
        self.knowledge.prior
    }

    /// `name@version` and number of lessons of each model.
    #[getter]
    fn lessons(&self) -> Vec<(&str, u64)> {
        let count = |column: &Option<Ridge>| column.as_ref().map_or(0, Ridge::observations);
        self.knowledge
            .models
            .iter()
            .map(|model| &**model)
            .zip(self.knowledge.columns.iter().map(count))
            .collect()
    }
}
