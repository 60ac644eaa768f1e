//! Where a thread works on Python objects from Rust, and how the process exits without one in such a place.
//!
//! **The problem.** Making or freeing an object may run Python code (a weak reference's callback, the garbage collector), and a
//! thread that runs Python code while the interpreter exits is unwound, see [`call`](mod@crate::call). So such work is done inside a
//! *section*: short, and counted. When the process exits, threads that want to enter one are stopped, and the exit waits until
//! those inside have left. Waiting without the GIL and long calls into Python are outside of sections.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Sections are microseconds long; whoever is inside for longer was stopped in there by somebody else.
const WAIT_AT_MOST: Duration = Duration::from_secs(1);

static EXITING: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Set for the thread that carries the exit out; handlers that it runs may still ask.
    static CARRIES_THE_EXIT: Cell<bool> = const { Cell::new(false) };
    /// Sections of this thread around each other; they count once.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Held while a thread works on Python objects. What is declared after it is freed inside.
pub(crate) struct Section(());

impl Section {
    /// Stops the thread for ever when the process exits.
    pub(crate) fn enter(py: Python<'_>) -> Self {
        if DEPTH.get() == 0 {
            come_in(py);
        }
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        // Outside already, when a panic comes from there.
        let Some(depth) = DEPTH.get().checked_sub(1) else { return };
        DEPTH.set(depth);
        if depth == 0 {
            INSIDE.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn come_in(py: Python<'_>) {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    if EXITING.load(Ordering::SeqCst) && !CARRIES_THE_EXIT.get() {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        py.detach(|| {
            loop {
                std::thread::park();
            }
        });
    }
}

/// Outside of any section, for what may take long.
pub(crate) fn outside<R>(py: Python<'_>, work: impl FnOnce() -> R) -> R {
    let depth = DEPTH.replace(0);
    if depth == 0 {
        return work();
    }
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    let result = work();
    come_in(py);
    DEPTH.set(depth);
    result
}

/// Without the GIL, and so outside of any section.
pub(crate) fn detached<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> R {
    outside(py, || py.detach(work))
}

/// Attaches, and works inside a section. None when the interpreter is gone.
pub(crate) fn attached<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    Python::try_attach(|py| {
        let _section = Section::enter(py);
        work(py)
    })
}

/// The process exits: waits until no other thread is inside a section, and lets none in.
#[pyfunction]
pub(crate) fn exiting(py: Python<'_>) {
    CARRIES_THE_EXIT.set(true);
    EXITING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let until = Instant::now() + WAIT_AT_MOST;
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_micros(100));
        }
    });
}

/// This is a forked child: nobody is inside any section, since nobody else is here.
#[pyfunction]
pub(crate) fn forked() {
    INSIDE.store(0, Ordering::SeqCst);
}
