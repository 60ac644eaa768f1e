//! Fitting a factored router.

use ecology_core::snapshot::Group;
use ecology_learn::factored::{
    FactoredOptions, NO_TASK, Observed, Shape, Trial, fit_factored as fit, fit_new_head,
};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::learn::{Features, refused, teller};
use crate::router::RouterWeights;

/// The trials of the family, as JSON.
fn family(trials: &[Trial]) -> String {
    let trial = |trial: &Trial| {
        serde_json::json!({
            "name": trial.name,
            "numbers": trial.numbers,
            "loss": trial.loss,
            "brier": trial.brier,
            "gain": trial.gain,
            "chosen": trial.chosen,
        })
    };
    serde_json::Value::from(trials.iter().map(trial).collect::<Vec<_>>()).to_string()
}

/// Fitted weights before they have a card.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct FittedRouter {
    parts: ecology_core::snapshot::FactoredParts,
    models: Vec<String>,
    family: String,
}

#[pymethods]
impl FittedRouter {
    /// What each form of the family scored, as JSON: name, numbers, loss, brier, gain, chosen.
    #[getter]
    fn family(&self) -> &str {
        &self.family
    }

    /// The weights with a card (JSON) and the digest of the outcomes that they were fitted on.
    #[pyo3(signature = (card, data=""))]
    fn weights(&self, py: Python<'_>, card: &str, data: &str) -> PyResult<RouterWeights> {
        py.detach(|| RouterWeights::of_parts(&self.parts, &self.models, data.to_owned(), card.to_owned()))
            .map_err(refused)
    }
}

fn flat(numbers: &PyReadonlyArray2<'_, f32>) -> Vec<f32> {
    numbers.as_array().iter().copied().collect()
}

/// Fits a factored router. Scores are float32 [n, models] in [0, 1], costs in USD and latencies in ms of the same shape, NaN where
/// not observed; `tasks` is int32 [n], -1 where not known. `prices` is the mean cost of each model, for the gain over a mixture.
#[pyfunction]
#[pyo3(signature = (
    train, scores, validation, validation_scores, models, prices, *, tasks=None, task_names=Vec::new(), cost=None,
    validation_cost=None, latency=None, validation_latency=None, seed=0, progress=None, epochs=None, prototypes=None
))]
#[allow(clippy::too_many_arguments, reason = "keywords of one Python call")]
pub(crate) fn fit_factored(
    py: Python<'_>,
    train: &Features,
    scores: PyReadonlyArray2<'_, f32>,
    validation: &Features,
    validation_scores: PyReadonlyArray2<'_, f32>,
    models: Vec<String>,
    prices: Vec<f64>,
    tasks: Option<PyReadonlyArray1<'_, i32>>,
    task_names: Vec<String>,
    cost: Option<PyReadonlyArray2<'_, f32>>,
    validation_cost: Option<PyReadonlyArray2<'_, f32>>,
    latency: Option<PyReadonlyArray2<'_, f32>>,
    validation_latency: Option<PyReadonlyArray2<'_, f32>>,
    seed: u64,
    progress: Option<Py<PyAny>>,
    epochs: Option<u32>,
    prototypes: Option<usize>,
) -> PyResult<FittedRouter> {
    if train.extractor().spec() != validation.extractor().spec() {
        return Err(refused("train and validation rows have different feature specs"));
    }
    let logs = |numbers: &Option<PyReadonlyArray2<'_, f32>>| {
        // What costs nothing has no logarithm; a tenth of a nano-dollar stands for it. `max` would lose a NaN: unknown.
        let log = |x: &f32| if x.is_nan() { *x } else { x.max(1e-10).ln() };
        numbers.as_ref().map(|n| n.as_array().iter().map(log).collect::<Vec<f32>>())
    };
    let (scores, validation_scores) = (flat(&scores), flat(&validation_scores));
    let (cost, validation_cost) = (logs(&cost), logs(&validation_cost));
    let (latency, validation_latency) = (logs(&latency), logs(&validation_latency));
    let known = |task: &i32| u32::try_from(*task).unwrap_or(NO_TASK);
    let tasks = tasks.map(|tasks| tasks.as_array().iter().map(known).collect::<Vec<u32>>());
    let spec = train.extractor().spec();
    let embedding = spec.embedding.as_ref().map_or(0, |embedding| embedding.dimensions as usize);
    let shape = Shape {
        models: models.len(),
        tasks: task_names.len(),
        buckets: spec.buckets(),
        embedding,
        signals: spec.dense() - embedding,
    };
    let defaults = FactoredOptions::default();
    let options = FactoredOptions {
        seed,
        epochs: epochs.unwrap_or(defaults.epochs),
        prototypes: prototypes.unwrap_or(defaults.prototypes),
        ..defaults
    };
    let tell = teller(progress);
    let fitted = py.detach(|| {
        let (log_cost, log_latency) = (cost.as_deref(), latency.as_deref());
        let train =
            Observed { rows: train.rows(), scores: &scores, tasks: tasks.as_deref(), log_cost, log_latency };
        let (log_cost, log_latency) = (validation_cost.as_deref(), validation_latency.as_deref());
        let rows = validation.rows();
        let validation = Observed { rows, scores: &validation_scores, tasks: None, log_cost, log_latency };
        fit(&train, &validation, &shape, &prices, &options, &tell)
    });
    let (fitted, trials) = fitted.map_err(refused)?;
    let mut parts = fitted.into_parts(train.extractor().clone()).map_err(refused)?;
    parts.groups.iter_mut().for_each(|group| name_members(group, &task_names));
    Ok(FittedRouter { parts, models, family: family(&trials) })
}

/// Niches are tasks, when every task has one.
fn name_members(group: &mut Group, tasks: &[String]) {
    if &*group.name == "niche" && group.heads.bias.len() == tasks.len() {
        group.members = tasks.iter().map(|task| task.as_str().into()).collect();
    }
}

type Head<'py> = (Bound<'py, PyArray1<f32>>, f32, String);

/// Weights, bias and calibration (JSON) of one more model, from φ float32 [n, φ] and its scores float32 [n] in [0, 1], NaN where not
/// observed: of rows to learn from, and of rows to choose the penalty and to calibrate by.
#[pyfunction]
pub(crate) fn fit_head<'py>(
    py: Python<'py>,
    basis: PyReadonlyArray2<'_, f32>,
    scores: PyReadonlyArray1<'_, f32>,
    validation_basis: PyReadonlyArray2<'_, f32>,
    validation_scores: PyReadonlyArray1<'_, f32>,
) -> PyResult<Head<'py>> {
    let width = basis.as_array().ncols();
    let (basis, validation_basis) = (flat(&basis), flat(&validation_basis));
    let (scores, validation_scores) = (scores.to_vec()?, validation_scores.to_vec()?);
    let fitted =
        py.detach(|| fit_new_head(width, (&basis, &scores), (&validation_basis, &validation_scores)));
    let (mut head, calibration) = fitted.map_err(refused)?;
    let bias = head.pop().unwrap_or_default();
    let calibration = serde_json::to_string(&calibration).map_err(refused)?;
    Ok((PyArray1::from_vec(py, head), bias, calibration))
}
