//! A routed request.

use std::sync::Arc;

use ecology_core::journey::{DecisionRecord, Routed};
use ecology_core::snapshot::{Snapshot, Weights};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::json_to_py;
use crate::embedding::StaticEmbedding;
use crate::intent::IntentWeights;
use crate::learned::Learned;
use crate::router::RouterWeights;

/// Which model should serve, how sure that is, and why the others were not chosen.
#[pyclass(frozen, module = "ecology")]
pub(crate) struct Decision {
    routed: Arc<Routed>,
}

impl Decision {
    pub(crate) fn wrap(routed: Arc<Routed>) -> Self {
        Self { routed }
    }
}

#[pymethods]
impl Decision {
    /// `name@version` of the model that ranks first.
    #[getter]
    fn model(&self) -> &str {
        &self.routed.snapshot.model(self.routed.decision.chosen().model).id
    }

    /// Decision confidence in [0, 1]: P(good), read from the prompt.
    #[getter]
    fn confidence(&self) -> f32 {
        self.routed.decision.chosen().confidence
    }

    /// Whether `confidence` was measured on outcomes; without them it is an opinion.
    #[getter]
    fn calibrated(&self) -> bool {
        self.routed.decision.basis.calibrated()
    }

    /// Probability in (0, 1] with which this policy chooses this model for this prompt.
    #[getter]
    fn propensity(&self) -> f64 {
        self.routed.decision.propensity
    }

    /// `(model, confidence)` of every eligible model, best first.
    #[getter]
    fn ranked(&self) -> Vec<(&str, f32)> {
        let snapshot = &self.routed.snapshot;
        self.routed.decision.ranked.iter().map(|r| (&*snapshot.model(r.model).id, r.confidence)).collect()
    }

    /// The task that it was made for: stated, inferred, or the policy's default; None where nobody said.
    #[getter]
    fn task(&self) -> Option<&str> {
        self.routed.request.ask.task.as_deref()
    }

    /// Expected money for the call, in USD: learned for this prompt, else by the manifest; None where nobody knows.
    #[getter]
    fn expected_cost_usd(&self) -> Option<f64> {
        let chosen = self.routed.decision.chosen();
        chosen.priced.then_some(chosen.expected_nano_usd as f64 / 1e9)
    }

    /// Expected latency of the call, in milliseconds: learned for this prompt, else by the manifest; None where nobody knows.
    #[getter]
    fn expected_latency_ms(&self) -> Option<f64> {
        self.routed.decision.chosen().expected_latency_ms(&self.routed.snapshot)
    }

    /// Why each other model was not chosen: its place in the ranking, or the clauses of admission that it fails.
    #[getter]
    fn why<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (snapshot, why) = (&self.routed.snapshot, PyDict::new(py));
        for ranked in &self.routed.decision.ranked {
            if let Some(reason) = ranked.not_chosen {
                why.set_item(&*snapshot.model(ranked.model).id, [reason.name()])?;
            }
        }
        for (model, reasons) in self.routed.verdict.reasons(snapshot, &self.routed.request.ask) {
            why.set_item(&*model, reasons)?;
        }
        Ok(why)
    }

    /// The whole decision as a dictionary, excluded models and reasons included.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json_to_py(py, &self.routed.to_json())
    }

    /// Every input of the decision as JSON; `replay` makes it again from that.
    fn record(&self) -> PyResult<String> {
        serde_json::to_string(&DecisionRecord::of(&self.routed))
            .map_err(|e| PyValueError::new_err(e.to_string()))
    }

    fn __repr__(&self) -> String {
        let mark = if self.calibrated() { "" } else { ", uncalibrated" };
        let cost = self.expected_cost_usd().map(|usd| format!(", expected_cost_usd={usd:.3e}"));
        let latency = self.expected_latency_ms().map(|ms| format!(", expected_latency_ms={ms:.1}"));
        format!(
            "Decision(model={:?}, confidence={:.3}{mark}{}{}, of {})",
            self.model(),
            self.confidence(),
            cost.unwrap_or_default(),
            latency.unwrap_or_default(),
            self.routed.decision.ranked.len()
        )
    }

    /// A table of the ranking, for notebooks.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("ecology.routing.html")?.call_method1("decision_html", (slf,))
    }
}

/// Makes the decision of `record` again under the snapshot `spec` (the compiled JSON), router, what it had learned on line, and intent
/// model. `embedding` is the one that the features name, when neither of them brings it.
///
/// Raises ValueError if the record was made under another snapshot or keeps neither features nor text.
#[pyfunction]
#[pyo3(signature = (spec, record, router=None, embedding=None, learned=None, intent=None))]
pub(crate) fn replay<'py>(
    py: Python<'py>,
    spec: &str,
    record: &str,
    router: Option<&RouterWeights>,
    embedding: Option<&StaticEmbedding>,
    learned: Option<&Learned>,
    intent: Option<&IntentWeights>,
) -> PyResult<Bound<'py, PyAny>> {
    let invalid = |error: String| PyValueError::new_err(error);
    let record: DecisionRecord = serde_json::from_str(record).map_err(|e| invalid(e.to_string()))?;
    let corrections = learned.and_then(|learned| learned.knowledge().published.clone());
    let router = router.map(|router| match corrections {
        Some(corrections) => router.weights().corrected(corrections),
        None => Ok(router.weights().clone()),
    });
    let weights = Weights {
        router: router.transpose().map_err(|e| invalid(e.to_string()))?,
        intent: intent.map(|intent| intent.weights().clone()),
        embedding: embedding.map(|embedding| Arc::clone(embedding.table())),
    };
    let snapshot = Snapshot::from_json_over(spec, weights, 0);
    let snapshot = snapshot.map_err(|e| invalid(e.to_string()))?;
    let routed =
        ecology_core::journey::replay(Arc::new(snapshot), &record).map_err(|e| invalid(e.to_string()))?;
    json_to_py(py, &routed.to_json())
}
