//! Sums of what happened, as rows.

use ecology_core::budget::Counters;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A dictionary for each account, model, task and role.
pub(crate) fn sums<'py>(py: Python<'py>, counters: &Counters) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let rows = counters.all();
    rows.into_iter()
        .map(|(key, tally)| {
            let row = PyDict::new(py);
            row.set_item("account", &*key.account)?;
            row.set_item("model", &*key.model)?;
            row.set_item("task", &*key.task)?;
            row.set_item("role", key.role)?;
            row.set_item("calls", tally.calls)?;
            row.set_item("ok", tally.ok)?;
            row.set_item("timed_out", tally.timed_out)?;
            row.set_item("cancelled", tally.cancelled)?;
            row.set_item("failed", tally.failed)?;
            row.set_item("nano_usd", tally.nano_usd)?;
            row.set_item("tokens_in", tally.tokens_in)?;
            row.set_item("tokens_out", tally.tokens_out)?;
            row.set_item("compute_ns", tally.compute_ns)?;
            row.set_item("latency_ns", tally.latency_ns)?;
            Ok(row)
        })
        .collect()
}
