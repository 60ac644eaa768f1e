//! Majority and best confidence, usable without a population.

use ecology_core::Value;
use ecology_core::aggregate::{self, Verdict};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::py_to_value;

fn wrap<'py>(
    py: Python<'py>,
    verdict: Option<Verdict>,
    replies: &[Bound<'py, PyAny>],
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(verdict) = verdict else { return Ok(None) };
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "winner"), &replies[verdict.index])?;
    dict.set_item(intern!(py, "index"), verdict.index)?;
    dict.set_item(intern!(py, "support"), verdict.support)?;
    dict.set_item(intern!(py, "votes"), verdict.votes)?;
    dict.set_item(intern!(py, "abstentions"), verdict.abstentions)?;
    dict.set_item(intern!(py, "tie"), verdict.tie.name())?;
    dict.set_item(intern!(py, "disagreement"), verdict.disagreement)?;
    dict.set_item(intern!(py, "entropy_bits"), verdict.entropy_bits)?;
    Ok(Some(dict))
}

fn values(replies: &[Bound<'_, PyAny>]) -> PyResult<Vec<Option<Value>>> {
    replies
        .iter()
        .map(|reply| if reply.is_none() { Ok(None) } else { py_to_value(reply).map(Some) })
        .collect()
}

/// The reply that most members gave, by canonical form; None is an abstention. No reply at all gives None.
#[pyfunction]
pub(crate) fn majority<'py>(
    py: Python<'py>,
    replies: Vec<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let values = values(&replies)?;
    let verdict = py.detach(|| aggregate::majority(&values.iter().map(Option::as_ref).collect::<Vec<_>>()));
    wrap(py, verdict, &replies)
}

/// The reply with the highest leg confidence; None is an abstention, a missing confidence counts as 0.
#[pyfunction]
pub(crate) fn best_confidence<'py>(
    py: Python<'py>,
    replies: Vec<Bound<'py, PyAny>>,
    confidences: Vec<Option<f32>>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let values = values(&replies)?;
    let paired: Vec<_> = values
        .iter()
        .zip(confidences.iter().copied().chain(std::iter::repeat(None)))
        .map(|(value, confidence)| value.as_ref().map(|value| (value, confidence)))
        .collect();
    wrap(py, py.detach(|| aggregate::best_confidence(&paired)), &replies)
}
