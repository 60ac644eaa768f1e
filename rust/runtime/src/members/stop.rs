//! Asking a call on another thread to end early.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use ecology_core::sync::Mutex;

/// Set when nobody waits for a call any more. A call may say how it is made to end while it runs.
///
/// ```
/// use ecology_runtime::members::Stop;
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
///
/// let (stop, ended) = (Stop::default(), Arc::new(AtomicBool::new(false)));
/// let end = Arc::clone(&ended);
/// stop.during(move || end.store(true, Ordering::Relaxed), || stop.ask());
/// assert!(stop.asked() && ended.load(Ordering::Relaxed));
/// ```
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    how: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("asked", &self.asked()).finish_non_exhaustive()
    }
}

impl Stop {
    /// Whether it was asked for.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Asks. What runs is told; what runs later asks for itself.
    pub fn ask(&self) {
        let how = self.how.lock();
        self.asked.store(true, Ordering::Release);
        if let Some(how) = &*how {
            how();
        }
    }

    /// Runs `work`, and `how` if it is asked to stop meanwhile or was before. Once this has returned, `how` is not called any more.
    pub fn during<R>(&self, how: impl Fn() + Send + 'static, work: impl FnOnce() -> R) -> R {
        let mut slot = self.how.lock();
        if self.asked() {
            how();
        }
        *slot = Some(Box::new(how));
        drop(slot);
        let result = work();
        *self.how.lock() = None;
        result
    }
}
