//! Values, JSON and requests across the boundary.

use std::sync::{Arc, LazyLock};

use ecology_core::admission::Ask;
use ecology_core::budget::{Limits, Resource};
use ecology_core::journey::Request;
use ecology_core::snapshot::{LogText, Risk, Snapshot};
use ecology_core::text::Features;
use ecology_core::{Tensor, Value};
use numpy::{PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::Value as Json;

/// Nested deeper than this, an output is refused: neither JSON readers nor stacks go much further.
const MOST_DEPTH: usize = 128;

/// JSON as Python objects.
pub(crate) fn json_to_py<'py>(py: Python<'py>, json: &Json) -> PyResult<Bound<'py, PyAny>> {
    Ok(match json {
        Json::Null => py.None().into_bound(py),
        Json::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => integer.into_pyobject(py)?.into_any(),
            (None, Some(integer)) => integer.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Json::String(text) => text.into_pyobject(py)?.into_any(),
        Json::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(json_to_py(py, item)?)?;
            }
            list.into_any()
        }
        Json::Object(map) => {
            let dict = PyDict::new(py);
            for (key, value) in map {
                dict.set_item(key, json_to_py(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// Python objects as JSON. A float that is not finite, and anything that JSON does not know, is refused.
pub(crate) fn py_to_json(object: &Bound<'_, PyAny>) -> PyResult<Json> {
    to_json(object, MOST_DEPTH)
}

fn to_json(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Json> {
    if depth == 0 {
        return Err(PyValueError::new_err(format!("it is nested deeper than {MOST_DEPTH} levels")));
    }
    if object.is_none() {
        Ok(Json::Null)
    } else if let Ok(value) = object.cast::<PyBool>() {
        Ok(Json::Bool(value.is_true()))
    } else if let Ok(value) = object.cast::<PyInt>() {
        match (value.extract::<i64>(), value.extract::<u64>()) {
            (Ok(integer), _) => Ok(integer.into()),
            (Err(_), Ok(integer)) => Ok(integer.into()),
            (Err(_), Err(_)) => Err(PyValueError::new_err("an integer has more than 64 bits")),
        }
    } else if let Ok(value) = object.cast::<PyFloat>() {
        let number = serde_json::Number::from_f64(value.value());
        number.map(Json::Number).ok_or_else(|| PyValueError::new_err("it holds NaN or infinity"))
    } else if let Ok(value) = object.cast::<PyString>() {
        Ok(Json::String(value.to_str()?.to_owned()))
    } else if let Ok(items) = object.cast::<PyList>() {
        items.iter().map(|item| to_json(&item, depth - 1)).collect::<PyResult<_>>().map(Json::Array)
    } else if let Ok(items) = object.cast::<PyTuple>() {
        items.iter().map(|item| to_json(&item, depth - 1)).collect::<PyResult<_>>().map(Json::Array)
    } else if let Ok(dict) = object.cast::<PyDict>() {
        let entry = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            Ok((key.cast::<PyString>()?.to_str()?.to_owned(), to_json(&value, depth - 1)?))
        };
        dict.iter().map(entry).collect::<PyResult<_>>().map(Json::Object)
    } else {
        let kind = object.get_type().name()?.to_string();
        Err(PyTypeError::new_err(format!("a {kind} is neither text, JSON nor an array of numbers")))
    }
}

/// A Python object as a value: text, JSON, or an array of floats.
pub(crate) fn py_to_value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Value::Text(text.to_str()?.into()));
    }
    if object.hasattr("__array_interface__")? && object.hasattr("astype")? {
        // Row-major whatever the order of the array in memory, since that is how a tensor is read.
        let order = PyDict::new(object.py());
        order.set_item("order", "C")?;
        let array = object.call_method("astype", ("float32",), Some(&order))?;
        let array = array.cast::<numpy::PyArrayDyn<f32>>()?;
        let (shape, data) = (array.shape().to_vec(), array.to_vec());
        let data = match data {
            Ok(data) => data,
            // Not contiguous in memory.
            Err(_) => array.call_method0("flatten")?.cast::<numpy::PyArray1<f32>>()?.to_vec()?,
        };
        return Ok(Value::Vector(Arc::new(Tensor { shape, data })));
    }
    Ok(Value::Json(Arc::new(py_to_json(object)?)))
}

/// A value as a Python object.
pub(crate) fn value_to_py<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Text(text) => Ok(text.as_ref().into_pyobject(py)?.into_any()),
        Value::Json(json) => json_to_py(py, json),
        Value::Vector(tensor) => {
            let flat = numpy::PyArray1::from_slice(py, &tensor.data);
            Ok(flat.reshape(tensor.shape.clone())?.into_any())
        }
    }
}

/// A string of Python, copied once and shared from then on.
pub(crate) struct Word(Arc<str>);

impl Word {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Word {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.cast::<PyString>()?.to_str()?.into()))
    }
}

/// A level of risk by its name.
pub(crate) struct RiskWord(Risk);

impl<'a, 'py> FromPyObject<'a, 'py> for RiskWord {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let name = object.cast::<PyString>()?;
        let risk = Risk::from_name(name.to_str()?);
        risk.map(Self).ok_or_else(|| PyValueError::new_err(format!("no risk is called {:?}", &*name)))
    }
}

/// A request as the facade passes it.
#[derive(Default, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct RequestArgs {
    pub(crate) task: Option<Word>,
    pub(crate) language: Option<Word>,
    pub(crate) modality: Option<Word>,
    pub(crate) data_class: Option<Word>,
    pub(crate) jurisdiction: Option<Word>,
    pub(crate) risk: Option<RiskWord>,
    pub(crate) model: Option<Word>,
    pub(crate) account: Option<Word>,
    pub(crate) limits: Option<std::collections::BTreeMap<String, u64>>,
    pub(crate) deadline_ms: Option<f64>,
    pub(crate) seed: Option<u64>,
    pub(crate) input_bytes: Option<u64>,
}

/// What most requests are: no string is made anew for it.
static TEXT: LazyLock<Arc<str>> = LazyLock::new(|| "text".into());
static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| "".into());

impl RequestArgs {
    /// The constraints, before the policy's defaults.
    pub(crate) fn ask(&self, input_bytes: u64) -> Ask {
        let word = |word: &Option<Word>| word.as_ref().map(|word| Arc::clone(&word.0));
        Ask {
            task: word(&self.task),
            language: word(&self.language),
            modality: word(&self.modality).or_else(|| Some(Arc::clone(&TEXT))),
            data_class: word(&self.data_class),
            jurisdiction: word(&self.jurisdiction),
            risk: self.risk.as_ref().map(|risk| risk.0),
            model: word(&self.model),
            input_bytes,
            money_is_limited: false,
        }
    }

    /// Who pays.
    pub(crate) fn account(&self) -> Arc<str> {
        Arc::clone(self.account.as_ref().map_or(&*NOBODY, |word| &word.0))
    }

    /// Limits of this one request.
    pub(crate) fn limits(&self) -> Option<Limits> {
        self.limits.as_ref().map(|limits| {
            let known =
                limits.iter().filter_map(|(name, amount)| Some((Resource::from_name(name)?, *amount)));
            known.fold(Limits::default(), |limits, (resource, amount)| limits.with(resource, amount))
        })
    }
}

/// Four bytes a token: the usual estimate where no tokenizer is at hand. Of the whole input, since all of it is read.
pub(crate) fn tokens(input_bytes: u64) -> u64 {
    input_bytes.div_ceil(4)
}

/// A request read under a snapshot. `seed` is used when the caller gives none; it is recorded either way.
pub(crate) fn request(
    args: Option<&RequestArgs>,
    snapshot: &Snapshot,
    text: &str,
    features: Arc<Features>,
    started_ns: u64,
    seed: u64,
) -> Request {
    let unstated = RequestArgs::default();
    let args = args.unwrap_or(&unstated);
    let deadline_ms = args.deadline_ms.unwrap_or(snapshot.spec.defaults.deadline_ms);
    let input_bytes = args.input_bytes.unwrap_or(text.len() as u64);
    Request {
        ask: args.ask(input_bytes),
        features,
        text: (snapshot.spec.log_text == LogText::Full).then(|| text.into()),
        account: args.account(),
        limits: args.limits(),
        tokens_in: tokens(input_bytes),
        started_ns,
        deadline_ns: started_ns.saturating_add((deadline_ms * 1e6) as u64),
        seed: args.seed.unwrap_or(seed),
    }
}
