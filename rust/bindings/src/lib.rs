//! `ecology._core`: take, detach, call, wrap. No rule lives here.
use pyo3::prelude::*;

/// The compiled data plane of `ecology`.
#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
