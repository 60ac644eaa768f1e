//! Linear members, and members that are Python.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ecology_core::leg::{Fault, Reply, Usage};
use ecology_runtime::artifact::{Artifact, ArtifactError, Meaning};
use ecology_runtime::flight::guarded;
use ecology_runtime::members::{self, LegInput, LinearMember, Place};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::call::call;
use crate::convert::{py_to_value, value_to_py};
use crate::errors;
use crate::onnx;
use crate::section::attached;

/// A loaded model, ready to be put into an engine.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Member {
    member: Arc<dyn members::Member>,
    digest: Option<String>,
    labels: Vec<String>,
    features: Option<String>,
}

impl Member {
    /// One that is no Python and reads no features of the request's.
    pub(crate) fn new(member: Arc<dyn members::Member>, digest: Option<String>, labels: Vec<String>) -> Self {
        Self { member, digest, labels, features: None }
    }

    pub(crate) fn share(&self) -> Arc<dyn members::Member> {
        Arc::clone(&self.member)
    }
}

#[pymethods]
impl Member {
    /// SHA-256 of the file it was read from, if there is one.
    #[getter]
    fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Calls it once on this thread, outside of any population: the output and the leg confidence. For members that are no
    /// Python and do not wait. Raises ValueError with the words of its fault.
    fn call(&self, py: Python<'_>, text: &str, host: Py<PyAny>) -> PyResult<(Py<PyAny>, Option<f32>)> {
        let reads = self.member.reads();
        let tensor = reads.tensor.then(|| onnx::tensor(py, &host));
        let input = LegInput { text: text.into(), tensor, ..LegInput::default() };
        let reply = py.detach(|| guarded(|| self.member.call(&input)));
        let reply = reply.map_err(|fault| PyValueError::new_err(fault.text().to_owned()))?;
        Ok((value_to_py(py, &reply.output)?.unbind(), reply.confidence))
    }

    /// Where it runs: `inline`, `compute`, `thread`, `loop` or `io`.
    #[getter]
    fn place(&self) -> &'static str {
        match self.member.place() {
            Place::Inline => "inline",
            Place::Compute => "compute",
            Place::Thread => "thread",
            Place::Loop => "loop",
            Place::Io => "io",
        }
    }

    /// The labels that it can return, if it says so.
    #[getter]
    fn labels(&self) -> Vec<&str> {
        self.labels.iter().map(String::as_str).collect()
    }

    /// The feature spec it was trained under, as JSON, if it reads features.
    #[getter]
    fn features(&self) -> Option<&str> {
        self.features.as_deref()
    }
}

/// Reads a linear classifier. Raises ArtifactError if the file is not one.
#[pyfunction]
pub(crate) fn linear_member(py: Python<'_>, path: PathBuf) -> PyResult<Member> {
    let shown = path.display().to_string();
    let wrong = |error: &ArtifactError| errors::artifact(py, &shown, error);
    let artifact = py.detach(|| Artifact::read(&path)).map_err(|e| wrong(&e))?;
    let Meaning::Classifier { labels, temperature, .. } = artifact.meaning else {
        return Err(wrong(&ArtifactError::Format("it holds a router, not a classifier".into())));
    };
    let features = serde_json::to_string(artifact.table.spec()).ok();
    let names = labels.iter().map(|label| Arc::from(label.as_str())).collect();
    let member = LinearMember::new(artifact.table, names, temperature);
    let member = member.map_err(|problem| wrong(&ArtifactError::Weights(problem)))?;
    Ok(Member { member: Arc::new(member), digest: Some(artifact.digest), labels, features })
}

/// A model behind a server that speaks the OpenAI protocol. `config` is the compiled backend, as JSON. Raises ArtifactError if
/// it cannot be asked as it is described.
#[pyfunction]
#[pyo3(signature = (config, key=None))]
pub(crate) fn openai_member(py: Python<'_>, config: &str, key: Option<&str>) -> PyResult<Member> {
    let config: members::OpenAiConfig =
        serde_json::from_str(config).map_err(|e| PyValueError::new_err(e.to_string()))?;
    let shown = config.base_url.clone();
    let member = members::OpenAiMember::new(config, key);
    let member = member.map_err(|problem| errors::endpoint(py, &shown, &problem))?;
    Ok(Member { member: Arc::new(member), digest: None, labels: Vec::new(), features: None })
}

/// A member that is a Python callable. `place` is `compute`, `thread` or `loop`. One that is `timed` is also given the
/// seconds that are left to its leg; it runs on a pool.
#[pyfunction]
#[pyo3(signature = (callable, place, timed = false))]
pub(crate) fn python_member(
    py: Python<'_>,
    callable: Py<PyAny>,
    place: &str,
    timed: bool,
) -> PyResult<Member> {
    reply_class(py)?;
    let place = match place {
        "compute" => Place::Compute,
        "thread" => Place::Thread,
        "loop" => Place::Loop,
        other => return Err(PyValueError::new_err(format!("no place {other:?}: compute, thread or loop"))),
    };
    let member = PythonMember { callable, place, timed };
    Ok(Member { member: Arc::new(member), digest: None, labels: Vec::new(), features: None })
}

/// A Python callable as a member. On a pool it is called by a thread that attaches; on a loop by the host.
#[derive(Debug)]
pub(crate) struct PythonMember {
    callable: Py<PyAny>,
    place: Place,
    timed: bool,
}

impl PythonMember {
    pub(crate) fn callable(&self) -> &Py<PyAny> {
        &self.callable
    }
}

impl members::Member for PythonMember {
    fn place(&self) -> Place {
        self.place
    }

    fn call(&self, input: &LegInput) -> Result<Reply, Fault> {
        let called = attached(|py| {
            let (data, callable) = (host_input(py, input), self.callable.bind(py));
            let left = input.ends_by.map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64());
            let returned =
                if self.timed { call(callable, (data, left), None) } else { call(callable, (data,), None) };
            match returned {
                Ok(object) => reply(&object),
                Err(error) => Err(fault(py, &error)),
            }
        });
        called.unwrap_or_else(|| Err(Fault::Failed("the interpreter is shutting down".into())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The input as the caller gave it; without one, its text.
pub(crate) fn host_input<'py>(py: Python<'py>, input: &LegInput) -> Bound<'py, PyAny> {
    let object = input.host.as_ref().and_then(|host| host.downcast_ref::<Py<PyAny>>());
    object.map_or_else(
        || pyo3::types::PyString::new(py, &input.text).into_any(),
        |object| object.bind(py).clone(),
    )
}

/// What a Python member returned: a `Reply`, or a bare output.
pub(crate) fn reply(object: &Bound<'_, PyAny>) -> Result<Reply, Fault> {
    let bad = |error: PyErr| Fault::BadOutput(error.value(object.py()).to_string());
    if !is_reply(object).map_err(bad)? {
        return Ok(py_to_value(object).map_err(bad)?.into());
    }
    let field = |name: &str| object.getattr(name).map_err(bad);
    let output = py_to_value(&field("output")?).map_err(bad)?;
    let confidence = field("confidence")?.extract::<Option<f32>>().map_err(bad)?;
    let tokens_in = field("tokens_in")?.extract().map_err(bad)?;
    let tokens_out = field("tokens_out")?.extract().map_err(bad)?;
    let usage = Usage { tokens_in, tokens_out, compute_ns: 0 };
    Ok(Reply { confidence, usage, ..output.into() })
}

fn is_reply(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.get_type().is(reply_class(object.py())?))
}

/// Imported when a member is made: an import runs Python code, which a thread that outlives the interpreter must not.
fn reply_class<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    static REPLY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    REPLY.import(py, "ecology.messages", "Reply")
}

/// An exception as a fault of the leg.
pub(crate) fn fault(py: Python<'_>, error: &PyErr) -> Fault {
    let kind = error.get_type(py).name().map(|name| name.to_string()).unwrap_or_default();
    Fault::Failed(format!("{kind}: {}", error.value(py)))
}
