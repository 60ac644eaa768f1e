//! Events, kept until somebody takes them; never more than a bound.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::sync::Mutex;

/// A bounded queue that drops what does not fit and counts the drops. Serving never waits for a reader.
#[derive(Debug)]
pub struct EventQueue<T> {
    events: Mutex<VecDeque<T>>,
    capacity: AtomicUsize,
    emitted: AtomicU64,
    dropped: AtomicU64,
}

impl<T> EventQueue<T> {
    /// A queue for at most `capacity` events.
    pub fn new(capacity: usize) -> Self {
        let (emitted, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { events: Mutex::default(), capacity: AtomicUsize::new(capacity), emitted, dropped }
    }

    /// Changes the bound; what is already queued stays.
    pub fn bound(&self, capacity: usize) {
        self.capacity.store(capacity, Ordering::Relaxed);
    }

    /// Queues an event, or counts it as dropped. The newest is the one that is lost: what is queued has a gap-free
    /// order up to the drop.
    pub fn push(&self, event: T) {
        self.emitted.fetch_add(1, Ordering::Relaxed);
        let mut events = self.events.lock();
        if events.len() < self.capacity.load(Ordering::Relaxed) {
            events.push_back(event);
        } else {
            drop(events);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes at most `most` events, oldest first.
    pub fn take(&self, most: usize) -> Vec<T> {
        let mut events = self.events.lock();
        let n = events.len().min(most);
        events.drain(..n).collect()
    }

    /// Events that were ever pushed.
    pub fn emitted(&self) -> u64 {
        self.emitted.load(Ordering::Relaxed)
    }

    /// Events that did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
