//! Accounts on their own: reserve before a call, settle after it, without a population.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ecology_core::budget::{self, Amounts, Limits, Resource};
use ecology_core::journey::Refusal;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;

fn amounts(nano_usd: u64, tokens_in: u64, tokens_out: u64, compute_us: u64) -> Amounts {
    Amounts::of(Resource::NanoUsd, nano_usd)
        .with(Resource::TokensIn, tokens_in)
        .with(Resource::TokensOut, tokens_out)
        .with(Resource::ComputeUs, compute_us)
}

/// Limit, committed, reserved and overrun of every account and resource.
pub(crate) fn standings<'py>(
    py: Python<'py>,
    accounts: &budget::Accounts,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let mut rows = Vec::new();
    for account in accounts.all() {
        for resource in Resource::ALL {
            let standing = account.standing(resource);
            let row = PyDict::new(py);
            row.set_item(intern!(py, "account"), &**account.name())?;
            row.set_item(intern!(py, "resource"), resource.name())?;
            row.set_item(intern!(py, "limit"), standing.limit)?;
            row.set_item(intern!(py, "committed"), standing.committed)?;
            row.set_item(intern!(py, "reserved"), standing.reserved)?;
            row.set_item(intern!(py, "overrun"), standing.overrun)?;
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Who may spend how much, for spending that no Ecology sees: your own calls, jobs, tools. Threads may share it.
///
///     accounts = Accounts()
///     accounts.declare("acme", Budget(usd=5).limits())
///     payer = accounts.path("acme/web")        # pays from acme and acme/web, whichever are declared
///     with payer.reserve(nano_usd=2_000_000) as held:  # BudgetExhausted if it does not fit everywhere
///         held.settle(nano_usd=1_200_000)      # what was used; without it everything goes back
#[pyclass(frozen, module = "ecology")]
pub(crate) struct Accounts {
    accounts: budget::Accounts,
}

#[pymethods]
impl Accounts {
    #[new]
    fn new() -> Self {
        Self { accounts: budget::Accounts::default() }
    }

    /// Creates the account, or gives an existing one new limits: integers by resource, as `Budget.limits()` gives them.
    fn declare(&self, name: &str, limits: BTreeMap<String, u64>) -> PyResult<()> {
        let mut known = Limits::default();
        for (resource, limit) in limits {
            let Some(resource) = Resource::from_name(&resource) else {
                let names = Resource::ALL.map(Resource::name).join(", ");
                return Err(PyValueError::new_err(format!(
                    "there is no resource {resource:?}; limit one of {names}"
                )));
            };
            known = known.with(resource, limit);
        }
        self.accounts.declare(name, known);
        Ok(())
    }

    /// The accounts that pay for `name`: of `acme/web`, those of `acme` and `acme/web` that are declared now.
    fn path(&self, name: &str) -> AccountPath {
        AccountPath { path: self.accounts.path(name, None) }
    }

    /// Limit, committed, reserved and overrun by account and resource.
    fn standings<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        standings(py, &self.accounts)
    }
}

/// The accounts that one payer draws on.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct AccountPath {
    path: budget::AccountPath,
}

#[pymethods]
impl AccountPath {
    /// Holds the amounts on every account of the path, or raises BudgetExhausted and holds nothing.
    #[pyo3(signature = (nano_usd=0, tokens_in=0, tokens_out=0, compute_us=0))]
    fn reserve(
        &self,
        py: Python<'_>,
        nano_usd: u64,
        tokens_in: u64,
        tokens_out: u64,
        compute_us: u64,
    ) -> PyResult<Reservation> {
        match self.path.reserve(amounts(nano_usd, tokens_in, tokens_out, compute_us)) {
            Ok(held) => Ok(Reservation { held: Mutex::new(Some(held)) }),
            Err(refused) => Err(errors::refusal(py, &Refusal::BudgetExhausted(refused))),
        }
    }
}

/// Held amounts, until they are settled or released. One that is forgotten is released with the object.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Reservation {
    held: Mutex<Option<budget::Reservation>>,
}

impl Reservation {
    fn take(&self) -> Option<budget::Reservation> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Reservation {
    /// Charges what was used and gives back the rest. Raises RuntimeError when it was settled or released before.
    #[pyo3(signature = (nano_usd=0, tokens_in=0, tokens_out=0, compute_us=0))]
    fn settle(&self, nano_usd: u64, tokens_in: u64, tokens_out: u64, compute_us: u64) -> PyResult<()> {
        let held = self.take().ok_or_else(|| {
            PyRuntimeError::new_err("the reservation has ended; reserve again before the next call")
        })?;
        held.settle(amounts(nano_usd, tokens_in, tokens_out, compute_us));
        Ok(())
    }

    /// Gives everything back, unless it was settled.
    fn release(&self) {
        drop(self.take());
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, _raised: &Bound<'_, PyAny>) {
        self.release();
    }
}
