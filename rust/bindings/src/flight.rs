//! A request driven by an event loop, and the post of legs that a loop carries out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ecology_core::leg::{Fault, Reply};
use ecology_runtime::Mailbox;
use ecology_runtime::clock::Clock;
use ecology_runtime::flight::{Flight as RuntimeFlight, HostLeg, Pumped, guarded};
use ecology_runtime::members::LegInput;
use ecology_runtime::process::Homebound;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;

use crate::answer::Answer;
use crate::bridge::Bridge;
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

/// `(leg number, callable, input)` of one leg to be started on a loop.
type Launch<'py> = (usize, Py<PyAny>, Bound<'py, PyAny>);

fn launches<'py>(
    py: Python<'py>,
    legs: Vec<HostLeg>,
    mailbox: &Arc<Mailbox>,
    input: &LegInput,
) -> Vec<Launch<'py>> {
    let mut launches = Vec::with_capacity(legs.len());
    for HostLeg { leg, member, .. } in legs {
        let Some(member) = member.as_any().downcast_ref::<PythonMember>() else {
            mailbox.post(leg, Err(Fault::Failed("only a Python member runs on an event loop".into())));
            continue;
        };
        launches.push((leg, member.callable().clone_ref(py), host_input(py, input)));
    }
    launches
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
            let posted = launches(py, legs, mailbox, input).into_iter().map(|(leg, callable, input)| {
                Ok((leg, callable, input, Py::new(py, Post { mailbox: Arc::clone(mailbox), leg })?))
            });
            let legs = posted.collect::<PyResult<Vec<_>>>();
            legs.and_then(|legs| call(submit.bind(py), (legs,), None).map(drop))
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

/// Where a request is after a step.
pub(crate) enum Resumed {
    /// Nobody has to look at it again: it is over, or its coroutine goes on with it.
    Over,
    /// It wants to be looked at when there is post, or at this time.
    Waiting { until: Instant },
}

/// A request under way, driven by an event loop.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Flight {
    flight: Homebound<Mutex<RuntimeFlight>>,
    mailbox: Arc<Mailbox>,
    clock: Clock,
    bridge: Py<Bridge>,
    key: u64,
    /// When it wants to look at the clock.
    wake_at_ns: AtomicU64,
    /// The future that its coroutine awaits.
    waiter: Mutex<Option<Py<PyAny>>>,
}

impl Flight {
    pub(crate) fn wrap(flight: RuntimeFlight, clock: Clock, bridge: Py<Bridge>, key: u64) -> Self {
        let (wake_at_ns, waiter) = (AtomicU64::new(0), Mutex::default());
        let mailbox = Arc::clone(flight.mailbox());
        let flight = Homebound::new(Arc::new(Mutex::new(flight)));
        Self { flight, mailbox, clock, bridge, key, wake_at_ns, waiter }
    }

    fn lock(&self) -> MutexGuard<'_, RuntimeFlight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in post and looks at the clock. Also says whether the host has something to do for it.
    pub(crate) fn poll(&self) -> (Option<Pumped>, bool) {
        let mut flight = self.lock();
        let pumped = flight.poll();
        (pumped, flight.needs_host())
    }

    /// Tells the coroutine how a step ended.
    pub(crate) fn resumed(&self, py: Python<'_>, step: (Option<Pumped>, bool)) -> PyResult<Resumed> {
        match step {
            (Some(Pumped::Done(finished)), _) => {
                let answer = Answer::wrap(py, finished).and_then(|answer| Py::new(py, answer));
                self.tell(py, answer.map(Py::into_any))?;
                Ok(Resumed::Over)
            }
            (Some(Pumped::Waiting { wake_at_ns }), needs_host) => {
                self.wake_at_ns.store(wake_at_ns, Ordering::Relaxed);
                if needs_host {
                    self.tell(py, Ok(py.None()))?;
                    return Ok(Resumed::Over);
                }
                Ok(Resumed::Waiting { until: self.clock.instant(wake_at_ns) })
            }
            (None, _) => Ok(Resumed::Over),
        }
    }

    /// Takes in a leg without any wake-up: this is the loop's own thread.
    fn put(&self, py: Python<'_>, leg: usize, result: Result<Reply, Fault>) -> PyResult<Option<f64>> {
        let ripe = self.mailbox.put(leg, result);
        if ripe { self.bridge.get().resume(py, &[self.key]) } else { Ok(None) }
    }

    fn tell(&self, py: Python<'_>, result: PyResult<Py<PyAny>>) -> PyResult<()> {
        let waiter = self.waiter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(waiter) = waiter else { return Ok(()) };
        // Whoever was cancelled a moment ago hears nothing.
        if waiter.call_method0(py, intern!(py, "done"))?.is_truthy(py)? {
            return Ok(());
        }
        match result {
            Ok(answer) => waiter.call_method1(py, intern!(py, "set_result"), (answer,))?,
            Err(error) => waiter.call_method1(py, intern!(py, "set_exception"), (error,))?,
        };
        Ok(())
    }
}

#[pymethods]
impl Flight {
    /// The first step: the answer, if it took no more. Raises what the request failed with.
    fn start(&self, py: Python<'_>) -> PyResult<Option<Answer>> {
        let _section = Section::enter(py);
        let pumped = detached(py, || self.lock().start());
        match pumped {
            Some(Pumped::Done(finished)) => Ok(Some(Answer::wrap(py, finished)?)),
            Some(Pumped::Waiting { wake_at_ns }) => {
                self.wake_at_ns.store(wake_at_ns, Ordering::Relaxed);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Has the bridge set the future's result: the answer, or None when there are legs to start or to cancel. Seconds to set the
    /// loop's timer to, or None.
    fn wait(slf: &Bound<'_, Self>, future: Py<PyAny>) -> Option<f64> {
        let this = slf.get();
        *this.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(future);
        let until = this.clock.instant(this.wake_at_ns.load(Ordering::Relaxed));
        // Post that came while the coroutine had the flight has been announced to nobody.
        let unread = this.mailbox.is_ripe();
        this.bridge.get().wait(this.key, slf.clone().unbind(), until, unread)
    }

    /// Gives up: running legs are cancelled and charged. Does nothing in a forked child: it is its parent who is asked.
    fn cancel(&self, py: Python<'_>) {
        if !self.flight.is_home() {
            return;
        }
        self.bridge.get().forget(self.key);
        detached(py, || self.lock().cancel());
    }

    /// Legs that the loop has to start: `(leg number, callable, input, post)`; each is handed out once.
    fn take_legs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Launch<'py>>> {
        let _section = Section::enter(py);
        let (legs, mailbox, input) = {
            let mut flight = self.lock();
            let legs = flight.take_host_legs();
            if legs.is_empty() {
                return Ok(Vec::new());
            }
            (legs, Arc::clone(flight.mailbox()), flight.input().clone())
        };
        Ok(launches(py, legs, &mailbox, &input))
    }

    /// A leg on this loop returned this. Seconds to set the loop's timer to, or None.
    fn done(&self, py: Python<'_>, leg: usize, result: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
        let _section = Section::enter(py);
        self.put(py, leg, guarded(|| reply(result)))
    }

    /// A leg on this loop raised this. Seconds to set the loop's timer to, or None.
    fn failed(&self, py: Python<'_>, leg: usize, error: Bound<'_, PyAny>) -> PyResult<Option<f64>> {
        let _section = Section::enter(py);
        self.put(py, leg, Err(fault(py, &PyErr::from_value(error))))
    }

    /// Numbers of the loop's legs that nobody waits for any more.
    fn take_cancels(&self) -> Vec<usize> {
        self.lock().take_host_cancels()
    }
}
