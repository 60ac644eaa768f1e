//! A file of router weights.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ecology_core::snapshot::{FactoredParts, Platt, RouterWeights as Weights};
use ecology_core::text::WeightTable;
use ecology_runtime::router_file::{RouterFile, RouterFileError, Tensor, Tensors};
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::embedding::StaticEmbedding;
use crate::errors;

/// From the features of a prompt to P(good), cost and latency of each model.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct RouterWeights {
    file: RouterFile,
}

/// What numpy may hand over: f32, and i8 for what is quantized.
#[derive(FromPyObject)]
enum Numbers<'py> {
    #[pyo3(transparent)]
    Floats(PyReadonlyArrayDyn<'py, f32>),
    #[pyo3(transparent)]
    Integers(PyReadonlyArrayDyn<'py, i8>),
}

impl Numbers<'_> {
    fn tensor(&self) -> Tensor<'static> {
        match self {
            Self::Floats(array) => {
                let numbers: Vec<f32> = array.as_array().iter().copied().collect();
                Tensor::floats(array.shape(), &numbers)
            }
            Self::Integers(array) => {
                let bytes = array.as_array().iter().map(|number| number.cast_unsigned()).collect();
                Tensor::integers(array.shape(), bytes)
            }
        }
    }
}

impl RouterWeights {
    pub(crate) fn weights(&self) -> &Weights {
        &self.file.weights
    }

    /// Puts fitted heads of a direct router together, quantized; the digest is that of the file they would be saved as.
    pub(crate) fn fitted(
        table: WeightTable,
        models: Vec<String>,
        calibration: Vec<(f32, f32)>,
        card: String,
    ) -> Result<Self, String> {
        let names = models.iter().map(|model| model.as_str().into()).collect();
        let platt = calibration.iter().map(|&(slope, offset)| Platt { slope, offset }).collect();
        let weights = Weights::new(table.quantized(), names, platt, "".into());
        let weights = weights.map_err(|error| error.to_string())?;
        let file = RouterFile::new(weights, String::new(), card).map_err(|error| error.to_string())?;
        Ok(Self { file })
    }

    /// The same of a factored router. `data` is the SHA-256 of the outcomes it was fitted on.
    pub(crate) fn of_parts(
        parts: &FactoredParts,
        models: &[String],
        data: String,
        card: String,
    ) -> Result<Self, RouterFileError> {
        let names = models.iter().map(|model| model.as_str().into()).collect();
        Self::of_weights(Weights::factored(parts, names, "".into())?, data, card)
    }

    /// Of weights whose digest is not known yet.
    pub(crate) fn of_weights(weights: Weights, data: String, card: String) -> Result<Self, RouterFileError> {
        Ok(Self { file: RouterFile::new(weights, data, card)? })
    }
}

#[pymethods]
impl RouterWeights {
    /// Reads a file. Raises ArtifactError, or one of its kinds, if it is not a router of this release.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let file = py.detach(|| RouterFile::read(&path));
        let file = file.map_err(|e| errors::router_file(py, &path.display().to_string(), &e))?;
        Ok(Self { file })
    }

    /// A factored router from its tensors by the names that a file has (float32; `projection.weights` int8 with
    /// `projection.scales`, or float32, which is rounded), and what they mean as JSON. Raises ValueError with all that is wrong.
    #[staticmethod]
    fn factored(py: Python<'_>, about: &str, tensors: BTreeMap<String, Numbers<'_>>) -> PyResult<Self> {
        let tensors: Tensors<'static> =
            tensors.iter().map(|(name, numbers)| (name.clone(), numbers.tensor())).collect();
        let file = py.detach(|| RouterFile::from_tensors(about, &tensors));
        Ok(Self { file: file.map_err(|error| PyValueError::new_err(error.to_string()))? })
    }

    /// Writes the file, whole or not at all, and returns its digest.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<String> {
        let written = py.detach(|| self.file.write(&path));
        written.map_err(|e| errors::router_file(py, &path.display().to_string(), &e))
    }

    /// `name@version` of each head.
    #[getter]
    fn models(&self) -> Vec<&str> {
        self.weights().models().iter().map(|model| &**model).collect()
    }

    /// SHA-256 of the file.
    #[getter]
    fn digest(&self) -> &str {
        self.weights().digest()
    }

    /// The feature spec, as JSON.
    #[getter]
    fn features(&self) -> PyResult<String> {
        serde_json::to_string(self.weights().spec()).map_err(|e| PyValueError::new_err(e.to_string()))
    }

    /// What it was fitted on and how good it was, as JSON.
    #[getter]
    fn card(&self) -> &str {
        &self.file.card
    }

    /// The static embedding that it carries, if its features have one.
    #[getter]
    fn embedding(&self) -> Option<StaticEmbedding> {
        self.weights().extractor().embedding().cloned().map(StaticEmbedding::carried)
    }

    /// SHA-256 of the outcomes it was fitted on; empty where nobody said.
    #[getter]
    fn data(&self) -> &str {
        &self.file.data
    }

    /// `direct` (one head per model over n-grams) or `factored`.
    #[getter]
    fn kind(&self) -> &'static str {
        if self.weights().is_factored() { "factored" } else { "direct" }
    }
}
