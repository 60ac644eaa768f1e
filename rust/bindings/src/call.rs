//! Calls into Python that the interpreter may never return from.
//!
//! **The problem.** When the interpreter exits, Python up to 3.13 ends every other thread at the moment at which it next asks for
//! the GIL, by unwinding its stack. That must not pass through Rust frames: they would use the interpreter without holding it, and
//! the process would abort instead of exiting. So the frame next to such a call stops the thread for ever; the process exits
//! without it. PyO3 does the same where it attaches itself (`pyo3_ffi::impl_::HangThread`), not where it calls. Python 3.14 stops
//! such threads by itself.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::section::outside;

type Call = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// Stops the thread when the frame is unwound. Rust's own panics never start below it.
struct Stop;

impl Drop for Stop {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// `callable(*args, **keywords)`, outside of the section meanwhile.
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    args: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let args = args.into_pyobject(callable.py()).map_err(Into::into)?;
    let keywords = keywords.map_or(std::ptr::null_mut(), Bound::as_ptr);
    outside(callable.py(), || raw(callable, &args, keywords))
}

#[inline(never)]
#[allow(
    unsafe_code,
    reason = "PyO3 declares this call as one that never unwinds, so that nothing could stop it"
)]
fn raw<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    keywords: *mut ffi::PyObject,
) -> PyResult<Bound<'py, PyAny>> {
    // Unknown to the optimizer, which would else see a function that never unwinds, and leave the stop out.
    let plain: unsafe extern "C" fn(_, _, _) -> _ = std::hint::black_box(ffi::PyObject_Call as _);
    // SAFETY: the same function with the same parameters; "C-unwind" only says that it may unwind. The pointers are borrowed
    // from live objects, this thread holds the GIL, and the result is a new reference or null with an exception set.
    unsafe {
        let may_unwind = std::mem::transmute::<
            unsafe extern "C" fn(
                *mut ffi::PyObject,
                *mut ffi::PyObject,
                *mut ffi::PyObject,
            ) -> *mut ffi::PyObject,
            Call,
        >(plain);
        let stop = Stop;
        let result = may_unwind(callable.as_ptr(), args.as_ptr(), keywords);
        std::mem::forget(stop);
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}
