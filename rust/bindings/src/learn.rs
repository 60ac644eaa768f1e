//! Trainers.

use std::path::PathBuf;

use ecology_core::text::{Extractor, FeatureSpec, WeightTable};
use ecology_learn::{self as learn, Linear, LogisticOptions, Rows, SoftmaxOptions};
use ecology_runtime::artifact::{Artifact, Meaning};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::call::call;
use crate::embedding::StaticEmbedding;
use crate::errors;
use crate::router::RouterWeights;
use crate::section::attached;
use crate::text::extractor;

pub(crate) fn refused(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The features of many texts, as rows to learn from.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Features {
    rows: Rows,
    extractor: Extractor,
}

impl Features {
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(crate) fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    fn spec(&self) -> &FeatureSpec {
        self.extractor.spec()
    }
}

#[pymethods]
impl Features {
    /// Extracts the features of each text under `features` (JSON; the default spec from None), with the vector of `embedding` when it
    /// is given: a row has its n-grams, then its dense features from index `buckets` on.
    #[new]
    #[pyo3(signature = (texts, features=None, embedding=None))]
    fn new(
        py: Python<'_>,
        texts: Vec<Bound<'_, PyString>>,
        features: Option<&str>,
        embedding: Option<&StaticEmbedding>,
    ) -> PyResult<Self> {
        let extractor = extractor(features, embedding)?;
        let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
        let rows = py.detach(|| {
            let extracted = ecology_runtime::batch::in_parallel(&texts, |text| extractor.extract(text));
            Rows::from_features(extractor.spec(), extracted)
        });
        Ok(Self { rows, extractor })
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// Number of features of a row, those that are 0 included: buckets of n-grams, then dense features.
    #[getter]
    fn dimension(&self) -> usize {
        self.spec().dimension()
    }

    /// Scores float32 [n, columns] under a head: rows · weights + bias.
    fn score<'py>(
        &self,
        py: Python<'py>,
        weights: PyReadonlyArray2<'py, f32>,
        bias: PyReadonlyArray1<'py, f32>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (dimension, columns) = weights.as_array().dim();
        let bias = bias.to_vec()?;
        if dimension != self.spec().dimension() || columns != bias.len() {
            return Err(refused(format!(
                "weights are [{dimension}, {columns}] and bias [{}], the rows have {} features",
                bias.len(),
                self.spec().dimension()
            )));
        }
        let linear = Linear { weights: weights.as_array().iter().copied().collect(), bias };
        let scores =
            py.detach(|| (0..self.rows.len()).flat_map(|row| linear.score(&self.rows, row)).collect());
        matrix(py, scores, columns)
    }

    /// The feature spec, as JSON.
    #[getter]
    fn features(&self) -> PyResult<String> {
        serde_json::to_string(self.spec()).map_err(refused)
    }
}

/// Tells a Python callable how far the work is, in [0, 1].
pub(crate) fn teller(progress: Option<Py<PyAny>>) -> impl Fn(f32) + Sync {
    move |done: f32| {
        if let Some(progress) = &progress {
            // A progress bar that fails is no reason to stop training.
            let _ = attached(|py| call(progress.bind(py), (done,), None).map(drop));
        }
    }
}

fn softmax(dense: bool, seed: u64) -> SoftmaxOptions {
    let options = if dense { SoftmaxOptions::dense() } else { SoftmaxOptions::default() };
    SoftmaxOptions { seed, ..options }
}

type Head<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>);

fn head<'py>(py: Python<'py>, linear: Linear) -> PyResult<Head<'py>> {
    let columns = linear.columns();
    let rows = linear.weights.len() / columns.max(1);
    let weights = PyArray1::from_vec(py, linear.weights).reshape([rows, columns])?;
    Ok((weights, PyArray1::from_vec(py, linear.bias)))
}

fn matrix<'py>(py: Python<'py>, numbers: Vec<f32>, columns: usize) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let rows = numbers.len() / columns.max(1);
    PyArray1::from_vec(py, numbers).reshape([rows, columns])
}

/// Trains a linear classifier: weights [dimension, columns] and bias [columns].
#[pyfunction]
#[pyo3(signature = (rows, labels, columns, seed=0, progress=None))]
pub(crate) fn fit_sparse<'py>(
    py: Python<'py>,
    rows: &Features,
    labels: PyReadonlyArray1<'py, u32>,
    columns: usize,
    seed: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<Head<'py>> {
    let labels = labels.to_vec()?;
    let tell = teller(progress);
    let linear = py.detach(|| {
        learn::fit_softmax(
            &rows.rows,
            &labels,
            columns,
            rows.spec().dimension(),
            &softmax(false, seed),
            &tell,
        )
    });
    head(py, linear.map_err(refused)?)
}

/// Writes a linear classifier over the features of `rows` to `path`, one byte per weight; returns its digest. Weights are float32
/// [dimension, columns], bias [columns], as `fit_sparse` gives them; scores are divided by `temperature` before the softmax.
#[pyfunction]
pub(crate) fn write_classifier(
    py: Python<'_>,
    path: PathBuf,
    rows: &Features,
    weights: PyReadonlyArray2<'_, f32>,
    bias: PyReadonlyArray1<'_, f32>,
    names: Vec<String>,
    temperature: f32,
) -> PyResult<String> {
    let flat: Vec<f32> = weights.as_array().iter().copied().collect();
    let table =
        WeightTable::over(rows.extractor.clone(), names.len(), &flat, &bias.to_vec()?).map_err(refused)?;
    let meaning = Meaning::Classifier { labels: names, temperature, card: String::new() };
    let shown = path.display().to_string();
    py.detach(|| Artifact::write(&path, &table.quantized(), &meaning))
        .map_err(|e| errors::artifact(py, &shown, &e))
}

/// Scores float32 [n, columns] of every row from a classifier that did not see the row's fold (uint32 [n]).
#[pyfunction]
#[pyo3(signature = (rows, labels, folds, columns, seed=0, progress=None))]
pub(crate) fn out_of_fold_classifier<'py>(
    py: Python<'py>,
    rows: &Features,
    labels: PyReadonlyArray1<'py, u32>,
    folds: PyReadonlyArray1<'py, u32>,
    columns: usize,
    seed: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (labels, folds) = (labels.to_vec()?, folds.to_vec()?);
    let tell = teller(progress);
    let scores = py.detach(|| {
        let options = softmax(false, seed);
        learn::out_of_fold_softmax(
            &rows.rows,
            &labels,
            &folds,
            columns,
            rows.spec().dimension(),
            &options,
            &tell,
        )
    });
    matrix(py, scores.map_err(refused)?, columns)
}

fn dense(numbers: &PyReadonlyArray2<'_, f32>) -> PyResult<(Rows, usize)> {
    let array = numbers.as_array();
    let (n, d) = array.dim();
    let flat: Vec<f32> = array.iter().copied().collect();
    Ok((Rows::dense(n, d, &flat).map_err(refused)?, d))
}

/// Trains a softmax head on dense rows float32 [n, d]: weights [d, columns] and bias [columns].
#[pyfunction]
#[pyo3(signature = (rows, labels, columns, seed=0, progress=None))]
pub(crate) fn fit_dense<'py>(
    py: Python<'py>,
    rows: PyReadonlyArray2<'py, f32>,
    labels: PyReadonlyArray1<'py, u32>,
    columns: usize,
    seed: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<Head<'py>> {
    let (rows, dimension) = dense(&rows)?;
    let labels = labels.to_vec()?;
    let tell = teller(progress);
    let options = softmax(true, seed);
    let linear = py.detach(|| learn::fit_softmax(&rows, &labels, columns, dimension, &options, &tell));
    head(py, linear.map_err(refused)?)
}

/// Scores float32 [n, columns] of every dense row from a head that did not see the row's fold.
#[pyfunction]
#[pyo3(signature = (rows, labels, folds, columns, seed=0, progress=None))]
pub(crate) fn out_of_fold_dense<'py>(
    py: Python<'py>,
    rows: PyReadonlyArray2<'py, f32>,
    labels: PyReadonlyArray1<'py, u32>,
    folds: PyReadonlyArray1<'py, u32>,
    columns: usize,
    seed: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (rows, dimension) = dense(&rows)?;
    let (labels, folds) = (labels.to_vec()?, folds.to_vec()?);
    let tell = teller(progress);
    let options = softmax(true, seed);
    let scores =
        py.detach(|| learn::out_of_fold_softmax(&rows, &labels, &folds, columns, dimension, &options, &tell));
    matrix(py, scores.map_err(refused)?, columns)
}

/// The temperature > 0 that makes softmax(scores / temperature) best calibrated: scores float32 [n, columns].
#[pyfunction]
pub(crate) fn fit_temperature(
    py: Python<'_>,
    scores: PyReadonlyArray2<'_, f32>,
    labels: PyReadonlyArray1<'_, u32>,
) -> PyResult<f32> {
    let columns = scores.as_array().ncols();
    let flat: Vec<f32> = scores.as_array().iter().copied().collect();
    let labels = labels.to_vec()?;
    py.detach(|| learn::fit_temperature(&flat, &labels, columns)).map_err(refused)
}

/// A fold in [0, k) for each row (uint32 [n]); rows of one group share it.
#[pyfunction]
#[pyo3(signature = (groups, k, seed=0))]
pub(crate) fn group_folds<'py>(
    py: Python<'py>,
    groups: PyReadonlyArray1<'py, u32>,
    k: u32,
    seed: u64,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let groups = groups.to_vec()?;
    Ok(PyArray1::from_vec(py, py.detach(|| learn::folds(&groups, k, seed))))
}

/// Fits and calibrates one head per model. Targets are float32 [n, models] in [0, 1], NaN where a model was not observed.
#[pyfunction]
#[pyo3(signature = (train, train_targets, validation, validation_targets, models, card="{}", seed=0))]
#[allow(clippy::too_many_arguments, reason = "keywords of one Python call")]
pub(crate) fn fit_router_heads(
    py: Python<'_>,
    train: &Features,
    train_targets: PyReadonlyArray2<'_, f32>,
    validation: &Features,
    validation_targets: PyReadonlyArray2<'_, f32>,
    models: Vec<String>,
    card: &str,
    seed: u64,
) -> PyResult<RouterWeights> {
    if train.spec() != validation.spec() {
        return Err(refused("train and validation rows have different feature specs"));
    }
    let flat = |targets: &PyReadonlyArray2<'_, f32>| targets.as_array().iter().copied().collect::<Vec<f32>>();
    let (train_targets, validation_targets) = (flat(&train_targets), flat(&validation_targets));
    let options = LogisticOptions { seed, ..LogisticOptions::default() };
    let fitted = py.detach(|| {
        learn::fit_router(
            (&train.rows, &train_targets),
            (&validation.rows, &validation_targets),
            models.len(),
            train.spec().dimension(),
            &options,
        )
    });
    let (heads, calibration) = fitted.map_err(refused)?;
    let table = heads.into_table(train.extractor.clone()).map_err(refused)?;
    RouterWeights::fitted(table, models, calibration, card.to_owned()).map_err(refused)
}
