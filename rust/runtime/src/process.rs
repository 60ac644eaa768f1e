//! Which process something belongs to.

use std::ops::Deref;
use std::sync::Arc;

/// A share of something that only the process that made it may free.
///
/// **The problem.** A forked child has a copy of everything and none of the threads. Freeing the copy runs destructors that take
/// locks which a thread held at the fork, or that wait for threads which do not exist, and the child hangs on its way out. In a
/// child this share is therefore never given back: the copy stays as it is until the process ends.
#[derive(Debug)]
pub struct Homebound<T> {
    shared: Arc<T>,
    process: u32,
}

impl<T> Homebound<T> {
    /// Belongs to this process.
    pub fn new(shared: Arc<T>) -> Self {
        Self { shared, process: std::process::id() }
    }

    /// Whether this is the process that made it.
    pub fn is_home(&self) -> bool {
        self.process == std::process::id()
    }
}

impl<T> Deref for Homebound<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.shared
    }
}

impl<T> Drop for Homebound<T> {
    fn drop(&mut self) {
        if !self.is_home() {
            std::mem::forget(Arc::clone(&self.shared));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_home_it_is_freed_and_elsewhere_it_is_kept() {
        let shared = Arc::new(());
        drop(Homebound::new(Arc::clone(&shared)));
        assert_eq!(Arc::strong_count(&shared), 1);
        let strange = Homebound { shared: Arc::clone(&shared), process: 0 };
        assert!(!strange.is_home());
        drop(strange);
        assert_eq!(Arc::strong_count(&shared), 2);
    }
}
