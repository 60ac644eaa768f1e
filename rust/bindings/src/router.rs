//! A file of router weights.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ecology_core::snapshot::{Expected, FactoredParts, ModelHead, RouterWeights as Weights};
use ecology_core::text::{Features, Signals};
use ecology_runtime::batch::in_parallel_with;
use ecology_runtime::router_file::{RouterFile, RouterFileError, Tensor, Tensors};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArrayDyn, PyUntypedArrayMethods,
    ToPyArray, ndarray::Axis,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::convert::json_to_py;
use crate::embedding::StaticEmbedding;
use crate::errors;

/// From the features of a prompt to P(good), cost and latency of each model.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct RouterWeights {
    file: RouterFile,
}

/// Numbers by text and model.
type Table<'py> = Bound<'py, PyArray2<f32>>;

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

    /// Puts fitted parts together; the digest is that of the file they would be saved as. `data` is the SHA-256 of the outcomes that
    /// they were fitted on.
    pub(crate) fn of_parts(
        parts: &FactoredParts,
        models: &[String],
        data: String,
        card: String,
    ) -> Result<Self, RouterFileError> {
        let names = models.iter().map(|model| model.as_str().into()).collect();
        let weights = Weights::factored(parts, names, "".into())?;
        Ok(Self { file: RouterFile::new(weights, data, card)? })
    }
}

impl RouterWeights {
    fn column(&self, column: usize) -> PyResult<()> {
        let models = self.weights().models().len();
        if column < models {
            return Ok(());
        }
        Err(PyValueError::new_err(format!("there is no model {column} of {models}")))
    }
}

/// Something of φ of each text, float32 [n, width], without the GIL on all cores.
pub(crate) fn rows<'py>(
    py: Python<'py>,
    weights: &Weights,
    texts: &[Bound<'py, PyString>],
    width: usize,
    tell: impl Fn(&[f32], &mut Vec<f32>) + Sync,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
    let rows = py.detach(|| {
        in_parallel_with(
            &texts,
            || (Features::default(), Vec::new()),
            |(features, basis), text| {
                weights.extractor().extract_into(text, features);
                weights.basis_into(features, basis);
                let mut row = Vec::with_capacity(width);
                tell(basis, &mut row);
                row
            },
        )
    });
    PyArray1::from_vec(py, rows.concat()).reshape([texts.len(), width])
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

    /// Numbers of the context that feedback is learned over.
    #[getter]
    fn context_dimensions(&self) -> usize {
        self.weights().context_dimensions()
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

    /// Name, names of the members (if they have any) and size of each block of φ, in order.
    #[getter]
    fn blocks(&self) -> Vec<(String, Vec<String>, usize)> {
        let names = |members: &[Arc<str>]| members.iter().map(|member| member.to_string()).collect();
        let blocks = self.weights().blocks().into_iter();
        blocks.map(|(name, members, range)| (name.to_owned(), names(members), range.len())).collect()
    }

    /// φ of each text on all cores, float32 [n, φ]: what heads are fitted to.
    fn basis<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let width = self.weights().basis();
        rows(py, self.weights(), &texts, width, |basis, row| row.extend_from_slice(basis))
    }

    /// Expected score of one model (a column) less that of another for each text, on all cores: float32 [n].
    fn gain<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
        strong: usize,
        weak: usize,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.column(strong)?;
        self.column(weak)?;
        let weights = self.weights();
        let gain = |basis: &[f32], row: &mut Vec<f32>| row.push(weights.gain(basis, strong, weak));
        let gains = rows(py, weights, &texts, 1, gain)?;
        gains.reshape([texts.len()])
    }

    /// What each text would cost under each model, in USD, and how long it would take, in ms, on all cores: float32 [n, models]
    /// each, NaN where the router has not learned it.
    fn expected<'py>(&self, py: Python<'py>, texts: Vec<Bound<'py, PyString>>) -> PyResult<[Table<'py>; 2]> {
        let weights = self.weights();
        let models = weights.models().len();
        let both = rows(py, weights, &texts, 2 * models, |basis, row| {
            let mut expected = vec![Expected::default(); models];
            weights.expected_into(basis, &mut expected);
            let usd = |one: &Expected| one.cost_nano_usd.map_or(f32::NAN, |nano| (nano as f64 / 1e9) as f32);
            row.extend(expected.iter().map(usd));
            row.extend(expected.iter().map(|one| one.latency_ms.unwrap_or(f32::NAN)));
        })?;
        let both = both.readonly();
        let (cost, latency) = both.as_array().split_at(Axis(1), models);
        Ok([cost.to_pyarray(py), latency.to_pyarray(py)])
    }

    /// What this router knows of a text, and what sets the raw score of one model (a column) apart from that of another, or
    /// from 0: `signals` by name, `difference`, `bias` and `blocks`.
    #[pyo3(signature = (text, model, other=None))]
    fn contributions<'py>(
        &self,
        py: Python<'py>,
        text: &str,
        model: usize,
        other: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.column(model)?;
        other.map(|other| self.column(other)).transpose()?;
        let taken = py.detach(|| {
            let (weights, mut basis) = (self.weights(), Vec::new());
            let features = weights.extractor().extract(text);
            weights.basis_into(&features, &mut basis);
            serde_json::to_value(weights.contributions(&basis, model, other))
                .map(|taken| (features.signals, taken))
        });
        let (signals, taken) = taken.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let taken = json_to_py(py, &taken)?;
        let named = PyDict::new(py);
        for (name, value) in Signals::NAMES.iter().zip(signals.as_slice()) {
            named.set_item(name, value)?;
        }
        taken.set_item("signals", named)?;
        Ok(taken)
    }

    /// The same router with one model more, last: `head` (and, where known, `cost` and `latency` on their logarithms) are weights
    /// float32 [φ] and a bias. Raises ValueError with all that is wrong.
    #[pyo3(signature = (name, head, calibration, card, cost=None, latency=None))]
    #[allow(clippy::too_many_arguments, reason = "keywords of one Python call")]
    fn with_model(
        &self,
        name: &str,
        head: (PyReadonlyArray1<'_, f32>, f32),
        calibration: &str,
        card: String,
        cost: Option<(PyReadonlyArray1<'_, f32>, f32)>,
        latency: Option<(PyReadonlyArray1<'_, f32>, f32)>,
    ) -> PyResult<Self> {
        let refused = |error: String| PyValueError::new_err(error);
        let numbers =
            |(weights, bias): (PyReadonlyArray1<'_, f32>, f32)| Ok::<_, PyErr>((weights.to_vec()?, bias));
        let (weights, bias) = numbers(head)?;
        let head = ModelHead {
            weights,
            bias,
            calibration: serde_json::from_str(calibration).map_err(|error| refused(error.to_string()))?,
            gain: None,
            cost: cost.map(numbers).transpose()?,
            latency: latency.map(numbers).transpose()?,
        };
        let file = self.file.with_model(name, head, card).map_err(|error| refused(error.to_string()))?;
        Ok(Self { file })
    }
}
