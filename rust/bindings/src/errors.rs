//! Refusals and failures as the exceptions of `ecology.errors`. The one place where they are translated.

use ecology_core::journey::{FeedbackError, Finished, Refusal};
use ecology_core::leg::{Leg, Outcome};
use ecology_core::plan::Ending;
use ecology_runtime::artifact::ArtifactError;
use ecology_runtime::net::endpoint::EndpointError;
use ecology_runtime::router_file::RouterFileError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::call::call;
use crate::convert::json_to_py;

/// An exception of `ecology.errors` with these facts.
pub(crate) fn raise(py: Python<'_>, class: &str, facts: &Bound<'_, PyDict>) -> PyErr {
    let raised = py
        .import("ecology.errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| call(&class, (), Some(facts)));
    match raised {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The exception for a request that was not started.
pub(crate) fn refusal(py: Python<'_>, refusal: &Refusal) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let facts = PyDict::new(py);
        let class = match refusal {
            Refusal::UnknownTask { task, known } => {
                facts.set_item("task", &**task)?;
                facts.set_item("known", known)?;
                "UnknownTask"
            }
            Refusal::NoEligibleModel(reasons) => {
                let by_model = PyDict::new(py);
                for (model, why) in reasons {
                    by_model.set_item(&**model, why)?;
                }
                facts.set_item("reasons", by_model)?;
                "NoEligibleModel"
            }
            Refusal::BudgetExhausted(refused) => {
                facts.set_item("account", &*refused.account)?;
                facts.set_item("resource", refused.resource.name())?;
                facts.set_item("limit", refused.limit)?;
                facts.set_item("held", refused.held)?;
                facts.set_item("needed", refused.needed)?;
                "BudgetExhausted"
            }
        };
        Ok(raise(py, class, &facts))
    };
    build().unwrap_or_else(|error| error)
}

/// The exception for a grade that is refused.
pub(crate) fn feedback(py: Python<'_>, refused: &FeedbackError) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let facts = PyDict::new(py);
        let class = match refused {
            FeedbackError::Score(_) => {
                facts.set_item("problem", refused.to_string())?;
                "InvalidRequest"
            }
            FeedbackError::Off => "LearningOff",
            FeedbackError::Unknown(id) => {
                facts.set_item("answer_id", id)?;
                "UnknownAnswer"
            }
            FeedbackError::Twice(id) => {
                facts.set_item("answer_id", id)?;
                "AlreadyGraded"
            }
        };
        Ok(raise(py, class, &facts))
    };
    build().unwrap_or_else(|error| error)
}

/// The exception for a request that ended without an answer.
pub(crate) fn unanswered(py: Python<'_>, finished: &Finished) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let facts = PyDict::new(py);
        facts.set_item("legs", json_to_py(py, &finished.to_json()["legs"])?)?;
        if finished.ending == Ending::FailedClosed {
            facts.set_item("confidence", finished.confidence())?;
            facts.set_item("needed", finished.routed.doubt().map(|doubt| doubt.answer_confidence))?;
            facts.set_item("task", finished.routed.request.ask.task.as_deref())?;
            return Ok(raise(py, "LowConfidence", &facts));
        }
        if finished.timed_out() {
            let request = &finished.routed.request;
            facts.set_item(
                "deadline_ms",
                request.deadline_ns.saturating_sub(request.started_ns) as f64 / 1e6,
            )?;
            return Ok(raise(py, "DeadlineExceeded", &facts));
        }
        let refused = |leg: &Leg| leg.outcome == Some(Outcome::Refused);
        if !finished.legs.is_empty() && finished.legs.iter().all(refused) {
            return Ok(raise(py, "AllLegsRefused", &facts));
        }
        let said = finished.legs.iter().filter_map(|leg| leg.fault.as_ref()?.retry_after_ms());
        facts.set_item("retry_after_ms", said.min())?;
        Ok(raise(py, "AllLegsFailed", &facts))
    };
    build().unwrap_or_else(|error| error)
}

/// The exception for a server that cannot be asked.
pub(crate) fn endpoint(py: Python<'_>, url: &str, error: &EndpointError) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let facts = PyDict::new(py);
        facts.set_item("path", url)?;
        facts.set_item("problem", error.to_string())?;
        let fix = match error {
            EndpointError::Url(_) => "write base_url as http://host:port/v1",
            EndpointError::Forbidden(_) => "name a server that may be reached",
            EndpointError::Key => "check the variable or file that api_key names",
            EndpointError::Certificates(_) => "name a PEM file as ca_file",
        };
        facts.set_item("fix", fix)?;
        Ok(raise(py, "ArtifactError", &facts))
    };
    build().unwrap_or_else(|error| error)
}

/// The exception for a weights file that cannot be used.
pub(crate) fn artifact(py: Python<'_>, path: &str, error: &ArtifactError) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let facts = PyDict::new(py);
        facts.set_item("path", path)?;
        facts.set_item("problem", error.to_string())?;
        let fix = match error {
            ArtifactError::Io(_) => "check that the path exists and that its folder can be written",
            ArtifactError::Format(_) | ArtifactError::Weights(_) | ArtifactError::Embedding { .. } => {
                "restore the file, or train it again"
            }
        };
        facts.set_item("fix", fix)?;
        Ok(raise(py, "ArtifactError", &facts))
    };
    build().unwrap_or_else(|error| error)
}

/// The exception for a file of a router that cannot be used.
pub(crate) fn router_file(py: Python<'_>, path: &str, error: &RouterFileError) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let facts = PyDict::new(py);
        facts.set_item("path", path)?;
        let class = match error {
            RouterFileError::Truncated { found_bytes, expected_bytes } => {
                facts.set_item("found_bytes", found_bytes)?;
                facts.set_item("expected_bytes", expected_bytes)?;
                "TruncatedArtifact"
            }
            RouterFileError::Edited { expected, actual } => {
                facts.set_item("expected", expected)?;
                facts.set_item("actual", actual)?;
                "EditedArtifact"
            }
            RouterFileError::OtherFeatures { found, known } => {
                facts.set_item("found_version", found)?;
                facts.set_item("known_version", known)?;
                "OtherFeatures"
            }
            RouterFileError::Io(_) => {
                facts.set_item("problem", error.to_string())?;
                facts.set_item("fix", "check that the path exists and that its folder can be written")?;
                "ArtifactError"
            }
            RouterFileError::Format(_) | RouterFileError::Weights { .. } => {
                facts.set_item("problem", error.to_string())?;
                facts.set_item("fix", "restore the file, or train it again")?;
                "ArtifactError"
            }
        };
        Ok(raise(py, class, &facts))
    };
    build().unwrap_or_else(|error| error)
}
