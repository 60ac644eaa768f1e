//! What changes between snapshots, keyed by stable ids, handed over at a swap.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{EventQueue, Snapshot};
use crate::budget::{Accounts, Counters, Limits, Resource};

/// Running totals against always asking the baseline.
#[derive(Debug, Default)]
pub struct Savings {
    requests: AtomicU64,
    spent_nano_usd: AtomicU64,
    baseline_nano_usd: AtomicU64,
}

impl Savings {
    /// Counts one request. `baseline_nano_usd` is `None` for one that has no answer: its money is gone all the same.
    pub fn count(&self, spent_nano_usd: u64, baseline_nano_usd: Option<u64>) {
        self.spent_nano_usd.fetch_add(spent_nano_usd, Ordering::Relaxed);
        if let Some(baseline) = baseline_nano_usd {
            self.requests.fetch_add(1, Ordering::Relaxed);
            self.baseline_nano_usd.fetch_add(baseline, Ordering::Relaxed);
        }
    }

    /// Answered requests, what all requests cost, and what the baseline would have cost for the answered ones.
    pub fn totals(&self) -> (u64, u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.requests), load(&self.spent_nano_usd), load(&self.baseline_nano_usd))
    }
}

/// The live state of a process. `E` is what an event holds, `F` what feedback is about: the journey room says.
#[derive(Debug)]
pub struct Live<E, F> {
    /// Who may spend how much.
    pub accounts: Accounts,
    /// Who has spent what.
    pub counters: Counters,
    /// What happened, until somebody takes it.
    pub events: EventQueue<E>,
    /// Against always the baseline.
    pub savings: Savings,
    /// Answers that wait for feedback, and what it taught.
    pub feedback: F,
}

impl<E, F: Default> Live<E, F> {
    /// Nothing spent, nothing happened.
    pub fn new() -> Self {
        Self {
            accounts: Accounts::default(),
            counters: Counters::default(),
            events: EventQueue::new(0),
            savings: Savings::default(),
            feedback: F::default(),
        }
    }

    /// Takes over the limits of a snapshot. What was spent stays; an account that is no longer declared loses its
    /// limit, not its history.
    pub fn adopt(&self, snapshot: &Snapshot) {
        let declared: Vec<&str> = snapshot.spec.accounts.keys().map(String::as_str).collect();
        self.accounts.unlimit_all_but(&declared);
        for (name, amounts) in &snapshot.spec.accounts {
            let limits = amounts
                .iter()
                .filter_map(|(resource, amount)| Some((Resource::from_name(resource)?, *amount)));
            let limits =
                limits.fold(Limits::default(), |limits, (resource, amount)| limits.with(resource, amount));
            self.accounts.declare(name, limits);
        }
        self.events.bound(snapshot.spec.max_events);
    }
}

impl<E, F: Default> Default for Live<E, F> {
    fn default() -> Self {
        Self::new()
    }
}
