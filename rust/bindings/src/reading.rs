//! From a text and what was said with it to a request.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ecology_core::journey::{Refusal, Routed};
use ecology_core::snapshot::Snapshot;
use ecology_core::text::{Extractor, Features};
use ecology_core::{Tensor, Value};
use ecology_runtime::engine::Population;
use ecology_runtime::members::LegInput;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{RequestArgs, py_to_value, request};
use crate::engine::Engine;
use crate::onnx;

/// What `begin` gives.
pub(crate) struct Begun {
    pub(crate) began_ns: u64,
    pub(crate) population: Arc<Population>,
    pub(crate) content: Option<Value>,
    pub(crate) tensor: Option<Result<Arc<Tensor>, Arc<str>>>,
}

/// What `read` gives: the population it was read under, the request, and what legs are given.
pub(crate) struct Read {
    pub(crate) population: Arc<Population>,
    pub(crate) request: ecology_core::journey::Request,
    pub(crate) input: LegInput,
    pub(crate) began_ns: u64,
}

/// Reading requests.
impl Engine {
    /// The population to read a request under, and what only the host can say of its input, while it can.
    pub(crate) fn begin(&self, py: Python<'_>, text: &str, host: Option<&Py<PyAny>>) -> PyResult<Begun> {
        let began_ns = self.engine.clock().now_ns();
        let population = self.engine.current();
        let tensor = host.filter(|_| population.reads.tensor).map(|host| onnx::tensor(py, host));
        let content = match host.map(|host| host.bind(py)) {
            _ if !population.reads.content => None,
            Some(host) if !host.is_instance_of::<PyString>() => Some(py_to_value(host)?),
            _ => Some(Value::from(text)),
        };
        Ok(Begun { began_ns, population, content, tensor })
    }

    pub(crate) fn read(
        &self,
        begun: Begun,
        text: &str,
        host: Option<Py<PyAny>>,
        args: Option<&RequestArgs>,
    ) -> Read {
        let Begun { began_ns, population, content, tensor } = begun;
        let features = Arc::new(population.snapshot.extractor.extract(text));
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let request = request(args, &population.snapshot, text, Arc::clone(&features), began_ns, seed);
        // A text of which nobody but inline members will see more than the features is not copied for them.
        let text: Arc<str> = if host.is_some() && !population.reads.text { "".into() } else { text.into() };
        let spec = Some(Arc::clone(&population.spec));
        let host = host.map(|object| Arc::new(object) as _);
        let input = LegInput { text, features, spec, content, tensor, host, ..LegInput::default() };
        Read { population, request, input, began_ns }
    }

    /// Routing starts no leg, so nobody needs the text once its features are taken.
    pub(crate) fn routed(&self, text: &str, args: Option<&RequestArgs>) -> Result<Routed, Refusal> {
        self.routed_under(&self.engine.current().snapshot, text, args)
    }

    pub(crate) fn routed_under(
        &self,
        snapshot: &Arc<Snapshot>,
        text: &str,
        args: Option<&RequestArgs>,
    ) -> Result<Routed, Refusal> {
        let began_ns = self.engine.clock().now_ns();
        let features = Arc::new(extracted(&snapshot.extractor, text));
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let request = request(args, snapshot, text, features, began_ns, seed);
        Routed::route(Arc::clone(snapshot), self.engine.live(), request).map(|(routed, _)| routed)
    }
}

thread_local! {
    static FEATURES: RefCell<Features> = RefCell::default();
}

/// The features of a text, in as much memory as they need: they grow in memory that a thread keeps.
fn extracted(extractor: &Extractor, text: &str) -> Features {
    FEATURES.with_borrow_mut(|features| {
        extractor.extract_into(text, features);
        features.clone()
    })
}

/// Whether a text is plainly no blank, without a look at all of it.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().take(64).any(|byte| byte.is_ascii_graphic())
}

/// Whether the account is one that somebody declared, or below one, where accounts are declared at all.
pub(crate) fn is_declared(snapshot: &Snapshot, account: &str) -> bool {
    let declared = &snapshot.spec.accounts;
    let root = account.split('/').next();
    declared.is_empty() || declared.keys().any(|name| name.split('/').next() == root)
}
