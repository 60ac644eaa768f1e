//! Whether a leg in line is begun, or ends before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The right to begin a leg that waits in line, or to say that it never began. Whoever takes it first has it, so a leg is not both
/// run and free.
///
/// ```
/// let turn = ecology_core::leg::Turn::default();
/// assert!(turn.take() && !turn.clone().take());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Turn(Arc<AtomicBool>);

impl Turn {
    /// Whether it was still to be had.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}
