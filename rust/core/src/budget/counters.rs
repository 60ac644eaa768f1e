//! Lossless counters of what every account, model, task and role has used.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use crate::sync::Mutex;

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CounterKey {
    /// The payer's path; empty for a request that named none.
    pub account: Arc<str>,
    /// `name@version`, or `-` for the orchestration itself.
    pub model: Arc<str>,
    /// The task; empty for a request that named none.
    pub task: Arc<str>,
    /// The role of the leg, or `overhead`.
    pub role: &'static str,
}

/// Sums since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Legs (for `overhead`: requests).
    pub calls: u64,
    /// Legs that ended with a usable reply.
    pub ok: u64,
    /// Legs that timed out.
    pub timed_out: u64,
    /// Legs that were cancelled.
    pub cancelled: u64,
    /// Legs that failed in any other way.
    pub failed: u64,
    /// Money charged.
    pub nano_usd: u64,
    /// Tokens read.
    pub tokens_in: u64,
    /// Tokens written.
    pub tokens_out: u64,
    /// Processor time.
    pub compute_ns: u64,
    /// Time from start to end.
    pub latency_ns: u64,
}

impl Tally {
    /// Adds `other` to every sum. Sums saturate: a member that claims absurd use neither panics nor starts them over.
    pub fn add(&mut self, other: &Tally) {
        let add = |mine: &mut u64, theirs: u64| *mine = mine.saturating_add(theirs);
        add(&mut self.calls, other.calls);
        add(&mut self.ok, other.ok);
        add(&mut self.timed_out, other.timed_out);
        add(&mut self.cancelled, other.cancelled);
        add(&mut self.failed, other.failed);
        add(&mut self.nano_usd, other.nano_usd);
        add(&mut self.tokens_in, other.tokens_in);
        add(&mut self.tokens_out, other.tokens_out);
        add(&mut self.compute_ns, other.compute_ns);
        add(&mut self.latency_ns, other.latency_ns);
    }
}

const SHARDS: usize = 16;

/// Tallies by key. Sharded, so that threads which count different things seldom meet.
#[derive(Debug, Default)]
pub struct Counters {
    shards: [Mutex<HashMap<CounterKey, Tally>>; SHARDS],
    hasher: BuildHasherDefault<DefaultHasher>,
}

impl Counters {
    /// Adds `tally` under `key`.
    pub fn add(&self, key: CounterKey, tally: &Tally) {
        let shard = self.hasher.hash_one(&key) as usize % SHARDS;
        self.shards[shard].lock().entry(key).or_default().add(tally);
    }

    /// Every tally, ordered by key.
    pub fn all(&self) -> Vec<(CounterKey, Tally)> {
        let mut all: Vec<_> = self
            .shards
            .iter()
            .flat_map(|s| s.lock().iter().map(|(k, t)| (k.clone(), *t)).collect::<Vec<_>>())
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
