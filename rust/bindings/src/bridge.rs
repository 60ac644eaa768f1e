//! How an event loop learns that post has come for the requests that it waits for.
//!
//! **The problem.** To schedule a callback on a loop from another thread takes the GIL and a wake-up, each time; with a thousand
//! requests in flight that is most of the work. Here whoever delivers post only notes the request, without the GIL, and wakes the
//! loop if nobody has. The loop then takes all that has come at once. Deadlines are kept the same way: the loop has one timer, for
//! the soonest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;

use crate::call::call;
use crate::flight::{Flight, Resumed};
use crate::section::{Section, attached, detached};

/// Requests for which post has come.
pub(crate) struct Arrivals {
    keys: Mutex<Vec<u64>>,
    wake: Wake,
}

enum Wake {
    /// A counter of the system that the loop watches.
    #[cfg(target_os = "linux")]
    Event(rustix::fd::OwnedFd),
    /// Something to call, from any thread.
    Call(Py<PyAny>),
}

impl Arrivals {
    fn note(&self, key: u64) {
        let mut keys = lock(&self.keys);
        let first = keys.is_empty();
        keys.push(key);
        drop(keys);
        if !first {
            return;
        }
        match &self.wake {
            // It only fails when the counter is full, and then the loop is awake.
            #[cfg(target_os = "linux")]
            Wake::Event(event) => drop(rustix::io::write(event, &1u64.to_ne_bytes())),
            // A loop that is closed meanwhile has nobody left to tell.
            Wake::Call(callback) => drop(attached(|py| call(callback.bind(py), (), None).map(drop))),
        }
    }

    fn take(&self) -> Vec<u64> {
        #[cfg(target_os = "linux")]
        if let Wake::Event(event) = &self.wake {
            let mut count = [0; 8];
            let _ = rustix::io::read(event, &mut count);
        }
        std::mem::take(&mut *lock(&self.keys))
    }
}

/// The requests that one event loop waits for. Its methods are called on the loop's thread.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Bridge {
    arrivals: Arc<Arrivals>,
    next_key: AtomicU64,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    waiting: HashMap<u64, Py<Flight>>,
    /// When each of them wants to look at the clock, soonest first; what has ended meanwhile is skipped.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    /// The time that the loop's timer is set to.
    armed: Option<Instant>,
}

impl Inside {
    /// Has a request looked at again at `at`, and says in how many seconds the loop's timer has to go off if that changes it.
    fn look_again(&mut self, key: u64, at: Instant) -> Option<f64> {
        if self.due.len() > 64 + 4 * self.waiting.len() {
            let Inside { waiting, due, .. } = self;
            due.retain(|Reverse((_, key))| waiting.contains_key(key));
        }
        self.due.push(Reverse((at, key)));
        self.arm()
    }

    fn arm(&mut self) -> Option<f64> {
        let Reverse((soonest, _)) = *self.due.peek()?;
        if self.armed.is_some_and(|armed| armed <= soonest) {
            return None;
        }
        self.armed = Some(soonest);
        Some(soonest.saturating_duration_since(Instant::now()).as_secs_f64())
    }
}

impl Bridge {
    /// A key, and what to call when its request has post.
    pub(crate) fn address(&self) -> (u64, Box<dyn Fn() + Send + Sync>) {
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let arrivals = Arc::clone(&self.arrivals);
        (key, Box::new(move || arrivals.note(key)))
    }

    /// Waits for a request until `until`. Gives the seconds that the loop's timer has to be set to, if it has to be.
    pub(crate) fn wait(&self, key: u64, flight: Py<Flight>, until: Instant, unread: bool) -> Option<f64> {
        if unread {
            self.arrivals.note(key);
        }
        let mut inside = lock(&self.inside);
        inside.waiting.insert(key, flight);
        inside.look_again(key, until)
    }

    /// Waits for it no longer.
    pub(crate) fn forget(&self, key: u64) {
        // Dropped outside of the lock: its end may run Python.
        let flight = lock(&self.inside).waiting.remove(&key);
        drop(flight);
    }

    /// Goes on with requests, in one go without the GIL; gives the seconds that the loop's timer has to be set to, if it has to be.
    pub(crate) fn resume(&self, py: Python<'_>, keys: &[u64]) -> PyResult<Option<f64>> {
        let flights: Vec<(u64, Py<Flight>)> = {
            let inside = lock(&self.inside);
            keys.iter().filter_map(|key| Some((*key, inside.waiting.get(key)?.clone_ref(py)))).collect()
        };
        let polled =
            detached(py, || flights.iter().map(|(_, flight)| flight.get().poll()).collect::<Vec<_>>());
        // All are told, whatever goes wrong with one of them.
        let (mut arm, mut wrong) = (None, None);
        for ((key, flight), polled) in flights.iter().zip(polled) {
            match flight.get().resumed(py, polled) {
                Ok(Resumed::Waiting { until }) => arm = lock(&self.inside).look_again(*key, until).or(arm),
                Ok(Resumed::Over) => self.forget(*key),
                Err(error) => {
                    self.forget(*key);
                    wrong.get_or_insert(error);
                }
            }
        }
        wrong.map_or(Ok(arm), Err)
    }
}

#[pymethods]
impl Bridge {
    /// `wake()` is called from other threads when there is something to `drain`, where the loop has no `fileno` to watch.
    #[new]
    fn new(wake: Py<PyAny>) -> Self {
        #[cfg(target_os = "linux")]
        let wake = {
            use rustix::event::{EventfdFlags, eventfd};
            match eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) {
                Ok(event) => Wake::Event(event),
                Err(_) => Wake::Call(wake),
            }
        };
        #[cfg(not(target_os = "linux"))]
        let wake = Wake::Call(wake);
        let arrivals = Arc::new(Arrivals { keys: Mutex::default(), wake });
        Self { arrivals, next_key: AtomicU64::new(0), inside: Mutex::default() }
    }

    /// What becomes readable when there is something to `drain`; None where `wake` is called instead.
    fn fileno(&self) -> Option<i32> {
        match &self.arrivals.wake {
            #[cfg(target_os = "linux")]
            Wake::Event(event) => Some(std::os::fd::AsRawFd::as_raw_fd(event)),
            Wake::Call(_) => None,
        }
    }

    /// Takes in all post that has come, and resumes whoever waits for it. Seconds to set the timer to, or None.
    fn drain(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let _section = Section::enter(py);
        self.resume(py, &self.arrivals.take())
    }

    /// Resumes the requests whose time has come. Seconds to set the timer to, or None.
    fn tick(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let _section = Section::enter(py);
        let now = Instant::now();
        let mut keys = Vec::new();
        {
            let mut inside = lock(&self.inside);
            inside.armed = None;
            while let Some(Reverse((at, key))) = inside.due.peek().copied() {
                let ended = !inside.waiting.contains_key(&key);
                if at > now && !ended {
                    break;
                }
                inside.due.pop();
                if !ended {
                    keys.push(key);
                }
            }
        }
        let arm = self.resume(py, &keys)?;
        Ok(lock(&self.inside).arm().or(arm))
    }

    /// How many requests are waited for.
    fn __len__(&self) -> usize {
        lock(&self.inside).waiting.len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
