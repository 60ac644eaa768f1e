//! A finished request.

use std::sync::Arc;

use ecology_core::journey::Finished;
use ecology_core::plan::Ending;
use pyo3::prelude::*;

use crate::convert::{json_to_py, value_to_py};
use crate::decision::Decision;
use crate::errors;

/// An output, and the attribution of everything that took part in it.
#[pyclass(frozen, module = "ecology")]
pub(crate) struct Answer {
    finished: Arc<Finished>,
}

impl Answer {
    /// The answer, or the error of a request that has none.
    pub(crate) fn wrap(py: Python<'_>, finished: Arc<Finished>) -> PyResult<Self> {
        if finished.winner.is_none() && finished.ending != Ending::Abstained {
            return Err(errors::unanswered(py, &finished));
        }
        Ok(Self { finished })
    }
}

#[pymethods]
impl Answer {
    /// What `feedback` calls it: 32 hexadecimal digits, of no other answer of any process.
    #[getter]
    fn id(&self) -> String {
        self.finished.id.to_string()
    }

    /// The output: a label or text (str), JSON (dict, list, …) or an array (float32); None when it abstained.
    #[getter]
    fn output<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.finished.output().map(|value| value_to_py(py, value)).transpose()
    }

    /// Answer confidence in [0, 1], or None when nobody stated one that is calibrated.
    #[getter]
    fn confidence(&self) -> Option<f32> {
        self.finished.confidence()
    }

    /// Whether nobody was sure enough, and the policy wants no answer then.
    #[getter]
    fn abstained(&self) -> bool {
        self.finished.ending == Ending::Abstained
    }

    /// `name@version` of the model whose reply is the answer; None when it abstained.
    #[getter]
    fn model(&self) -> Option<&str> {
        self.finished.winning_leg().map(|leg| &*self.finished.routed.snapshot.model(leg.model).id)
    }

    /// How the plan ended: `answered`, `accepted`, `escalated`, `fell_back`, …
    #[getter]
    fn ending(&self) -> &'static str {
        self.finished.ending.name()
    }

    /// What all legs cost together, in US dollars.
    #[getter]
    fn cost_usd(&self) -> f64 {
        self.finished.cost_nano_usd() as f64 / 1e9
    }

    /// Processor time of legs and orchestration, in milliseconds.
    #[getter]
    fn compute_ms(&self) -> f64 {
        (self.finished.compute_ns() + self.finished.overhead_ns) as f64 / 1e6
    }

    /// From arrival to end, in milliseconds.
    #[getter]
    fn latency_ms(&self) -> f64 {
        self.finished.latency_ns() as f64 / 1e6
    }

    /// The decision that it began with.
    #[getter]
    fn decision(&self) -> Decision {
        Decision::wrap(Arc::new(self.finished.routed.clone()))
    }

    /// Everything that took part, as a dictionary: plan, legs with model, digest, outcome, cost and latency, the decision
    /// with its propensity, and the snapshot's digest.
    #[getter]
    fn attribution<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json_to_py(py, &self.finished.to_json())
    }

    /// Output and attribution as one dictionary.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let dict = pyo3::types::PyDict::new(py);
        dict.set_item("output", self.output(py)?)?;
        dict.set_item("confidence", self.confidence())?;
        dict.set_item("attribution", self.attribution(py)?)?;
        Ok(dict.into_any())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let output = self
            .output(py)?
            .map_or_else(|| Ok("None".to_owned()), |o| Ok::<_, PyErr>(o.repr()?.to_string()))?;
        let confidence = self.confidence().map_or_else(|| "None".to_owned(), |c| format!("{c:.3}"));
        let model = self.model().unwrap_or("");
        Ok(format!(
            "Answer(output={output}, confidence={confidence}, model={model:?}, ending={:?})",
            self.ending()
        ))
    }
}
