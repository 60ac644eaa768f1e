//! Locks that a forked child can use.
//!
//! **The problem.** A process may be forked while its threads wait. `parking_lot` keeps all waiters of a process in one table of
//! pointers into their threads' stacks; the child inherits the table without the threads, reuses the stacks, and then waits for
//! ever on locks of its own. The standard library's locks keep nothing outside themselves: a child that touches only locks
//! that it made has nothing to fear. These wrap them, because a lock here outlives a panic: no state is left half-changed
//! under one.

use std::fmt;
use std::sync::{self, MutexGuard, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// Mutual exclusion that a panic does not poison.
#[derive(Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Unlocked.
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// Waits until nobody else holds it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Mutex<T> {
    /// What is inside, by who alone has it: no waiting, whoever held the lock when the process was forked.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Many readers or one writer; a panic does not poison it.
#[derive(Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    /// Waits until nobody writes.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else holds it.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Wakes threads that wait for a change of what a [`Mutex`] guards.
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

impl Condvar {
    /// Nobody waits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Gives the lock away until somebody notifies.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock away until `idle` no longer holds, or until this time.
    pub fn wait_while_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        until: Instant,
        idle: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        let most: Duration = until.saturating_duration_since(Instant::now());
        self.0.wait_timeout_while(guard, most, idle).unwrap_or_else(PoisonError::into_inner).0
    }
}
