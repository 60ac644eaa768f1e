//! A request driven by an event loop, and the post of legs that a loop carries out.

use std::sync::Arc;

use ecology_core::leg::Fault;
use ecology_runtime::Mailbox;
use ecology_runtime::clock::Clock;
use ecology_runtime::flight::{Flight as RuntimeFlight, HostLeg, Pumped, guarded};
use ecology_runtime::members::LegInput;
use ecology_runtime::process::Homebound;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use std::sync::Mutex;

use crate::answer::Answer;
use crate::call::call;
use crate::member::{PythonMember, fault, host_input, reply};
use crate::section::{Section, detached};

/// Where the result of one leg is delivered. May be used from any thread; the second delivery is ignored.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Post {
    mailbox: Arc<Mailbox>,
    leg: usize,
}

#[pymethods]
impl Post {
    /// The leg's number.
    #[getter]
    fn leg(&self) -> usize {
        self.leg
    }

    /// The member returned this.
    fn done(&self, result: &Bound<'_, PyAny>) {
        let _section = Section::enter(result.py());
        self.mailbox.post(self.leg, guarded(|| reply(result)));
    }

    /// The member raised this.
    fn failed(&self, py: Python<'_>, error: Bound<'_, PyAny>) {
        let _section = Section::enter(py);
        self.mailbox.post(self.leg, Err(fault(py, &PyErr::from_value(error))));
    }
}

/// `(leg number, callable, input, post)` of one leg to be started on a loop.
type Launch<'py> = (usize, Py<PyAny>, Bound<'py, PyAny>, Py<Post>);

fn launches<'py>(
    py: Python<'py>,
    legs: Vec<HostLeg>,
    mailbox: &Arc<Mailbox>,
    input: &LegInput,
) -> PyResult<Vec<Launch<'py>>> {
    let mut launches = Vec::with_capacity(legs.len());
    for HostLeg { leg, member } in legs {
        let Some(member) = member.as_any().downcast_ref::<PythonMember>() else {
            mailbox.post(leg, Err(Fault::Failed("only a Python member runs on an event loop".into())));
            continue;
        };
        let post = Py::new(py, Post { mailbox: Arc::clone(mailbox), leg })?;
        launches.push((leg, member.callable().clone_ref(py), host_input(py, input), post));
    }
    Ok(launches)
}

/// Starts legs on the host's loop through `submit`; what cannot be started has failed. What is no failure but an interruption
/// (Ctrl-C) is given back.
pub(crate) fn launched(
    py: Python<'_>,
    submit: Option<&Py<PyAny>>,
    legs: Vec<HostLeg>,
    mailbox: &Arc<Mailbox>,
    input: &LegInput,
) -> PyResult<()> {
    let numbers: Vec<usize> = legs.iter().map(|leg| leg.leg).collect();
    let started = match submit {
        Some(submit) => {
            launches(py, legs, mailbox, input).and_then(|legs| call(submit.bind(py), (legs,), None).map(drop))
        }
        None => Err(pyo3::exceptions::PyRuntimeError::new_err("no event loop was given")),
    };
    if let Err(error) = started {
        if !error.is_instance_of::<PyException>(py) {
            return Err(error);
        }
        for leg in numbers {
            mailbox.post(leg, Err(fault(py, &error)));
        }
    }
    Ok(())
}

/// A request under way. Not to be driven by two threads at once: the second waits.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Flight {
    flight: Homebound<Mutex<RuntimeFlight>>,
    clock: Clock,
}

impl Flight {
    pub(crate) fn wrap(flight: RuntimeFlight, clock: Clock) -> Self {
        Self { flight: Homebound::new(Arc::new(Mutex::new(flight))), clock }
    }

    /// Seconds until the next look at the clock, or the answer.
    fn step(
        &self,
        py: Python<'_>,
        step: impl FnOnce(&mut RuntimeFlight) -> Option<Pumped> + Send,
    ) -> PyResult<(Option<Answer>, f64)> {
        let _section = Section::enter(py);
        let pumped =
            detached(py, || step(&mut self.flight.lock().unwrap_or_else(std::sync::PoisonError::into_inner)));
        match pumped {
            Some(Pumped::Done(finished)) => Ok((Some(Answer::wrap(py, finished)?), 0.0)),
            Some(Pumped::Waiting { wake_at_ns }) => {
                Ok((None, wake_at_ns.saturating_sub(self.clock.now_ns()) as f64 / 1e9))
            }
            None => Ok((None, f64::INFINITY)),
        }
    }
}

#[pymethods]
impl Flight {
    /// The first step: `(answer or None, seconds until the next poll)`. Raises what the request failed with.
    fn start(&self, py: Python<'_>) -> PyResult<(Option<Answer>, f64)> {
        self.step(py, RuntimeFlight::start)
    }

    /// Takes in post and looks at the clock: `(answer or None, seconds until the next poll)`.
    fn poll(&self, py: Python<'_>) -> PyResult<(Option<Answer>, f64)> {
        self.step(py, RuntimeFlight::poll)
    }

    /// Gives up: running legs are cancelled and charged. Does nothing in a forked child: it is its parent who is asked.
    fn cancel(&self, py: Python<'_>) {
        if !self.flight.is_home() {
            return;
        }
        py.detach(|| {
            self.flight.lock().unwrap_or_else(std::sync::PoisonError::into_inner).cancel();
        });
    }

    /// Legs that the loop has to start: `(leg number, callable, input, post)`; each is handed out once.
    fn take_legs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Launch<'py>>> {
        let _section = Section::enter(py);
        let (legs, mailbox, input) = detached(py, || {
            let mut flight = self.flight.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (flight.take_host_legs(), Arc::clone(flight.mailbox()), flight.input().clone())
        });
        launches(py, legs, &mailbox, &input)
    }

    /// Numbers of the loop's legs that nobody waits for any more.
    fn take_cancels(&self, py: Python<'_>) -> Vec<usize> {
        py.detach(|| {
            self.flight.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take_host_cancels()
        })
    }
}
