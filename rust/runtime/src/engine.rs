//! The current population and the live state: what one process serves from.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use ecology_core::journey::{FeedbackError, Graded, Live};
use ecology_core::router::online::Learned;
use ecology_core::snapshot::{Corrections, ModelIndex, Snapshot};
use ecology_core::sync::Mutex;
use ecology_core::text::FeatureSpec;

use crate::clock::Clock;
use crate::members::{Member, Reads};
use crate::net::reactor::Background;
use crate::pool::Pool;

/// The most threads on which blocking members work. Past it legs wait in line and time out there.
const MOST_BLOCKING_THREADS: usize = 128;

/// The most threads of one blocking member, those of calls that never returned included: half of all, so that no model keeps
/// the others waiting.
const MOST_THREADS_PER_MODEL: usize = 64;

/// How many more threads than there are in the pool for the processor one of its members may have, those of calls that never
/// returned included. A call that was cut off ends by itself a moment later, unless it is a plug-in's that hangs: so a few may
/// be late at a time before the model is refused, and no more than a few keep a processor busy for nobody.
const SPARE_COMPUTE_THREADS: usize = 4;

/// So many snapshots that learned are kept, so that decisions of theirs can be made again.
pub const SNAPSHOTS_KEPT: usize = 16;

/// A snapshot and the loaded member of each model; `None` for one that never answers.
#[derive(Debug)]
pub struct Population {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Members, by [`ModelIndex`].
    pub members: Vec<Option<Arc<dyn Member>>>,
    /// What any of them needs of an input.
    pub reads: Reads,
    /// The features of the snapshot, as legs are told them.
    pub spec: Arc<FeatureSpec>,
}

impl Population {
    /// These members under this snapshot.
    pub fn new(snapshot: Arc<Snapshot>, members: Vec<Option<Arc<dyn Member>>>) -> Self {
        let any = |which: fn(Reads) -> bool| members.iter().flatten().any(|member| which(member.reads()));
        let reads = Reads {
            text: any(|reads| reads.text),
            content: any(|reads| reads.content),
            tensor: any(|reads| reads.tensor),
        };
        let spec = Arc::new(snapshot.spec.features.clone());
        Self { snapshot, members, reads, spec }
    }

    /// The same members under what was learned on line. Corrections that do not fit the router leave it as it was fitted: they are
    /// about another one.
    fn relearned(&self, corrections: Arc<Corrections>, generation: u64) -> Option<Self> {
        let weights = self.snapshot.router.as_ref()?.corrected(corrections).ok()?;
        let snapshot = Arc::new(self.snapshot.relearned(weights, generation).ok()?);
        Some(Self {
            snapshot,
            members: self.members.clone(),
            reads: self.reads,
            spec: Arc::clone(&self.spec),
        })
    }

    /// The member of a model.
    pub fn member(&self, model: ModelIndex) -> Option<&Arc<dyn Member>> {
        self.members.get(usize::from(model)).and_then(Option::as_ref)
    }
}

/// Serves requests from whatever population is current.
#[derive(Debug)]
pub struct Engine {
    current: ArcSwap<Population>,
    live: Arc<Live>,
    clock: Clock,
    /// Those that learned, the newest last.
    archive: Mutex<VecDeque<Arc<Snapshot>>>,
    pub(crate) compute: Pool,
    pub(crate) blocking: Pool,
    pub(crate) background: Background,
}

impl Engine {
    /// Serves this population. Starts no thread.
    pub fn new(population: Population) -> Self {
        Self::resumed(population, None)
    }

    /// The same, going on from what another process learned on line. What was learned about another router, or under another
    /// prior, is left aside.
    pub fn resumed(population: Population, learned: Option<Learned>) -> Self {
        let live = Arc::new(Live::new());
        live.feedback.distinguish(distinction());
        if let Some(learned) = learned {
            live.feedback.resume(learned);
        }
        let (archive, population) = (Mutex::default(), adopted(&live, population));
        archived(&archive, &population.snapshot);
        // One core is left to the threads that ask.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processors = cores.saturating_sub(1).max(1);
        Self {
            current: ArcSwap::from_pointee(population),
            live,
            clock: Clock::start(),
            archive,
            compute: Pool::new("ecology-compute", processors, processors + SPARE_COMPUTE_THREADS),
            blocking: Pool::new("ecology-blocking", MOST_BLOCKING_THREADS, MOST_THREADS_PER_MODEL),
            background: Background::default(),
        }
    }

    /// Serves another population from now on. Requests in flight end under the one that they began with; what was spent is
    /// kept, and what was learned about the same router file. Whoever calls this or [`Engine::publish`] takes turns.
    pub fn swap(&self, population: Population) {
        let population = adopted(&self.live, population);
        archived(&self.archive, &population.snapshot);
        self.current.store(Arc::new(population));
    }

    /// Grades an answer. When that makes a generation due, [`Engine::publish`] is to follow.
    pub fn grade(&self, id: &str, score: f64) -> Result<Graded, FeedbackError> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.live.feedback.grade(id, score, self.clock.now_ns(), since_1970.as_secs_f64())
    }

    /// Serves what was learned so far, as a generation of its own; `None` if there is nothing to serve.
    pub fn publish(&self, generation: u64) -> Option<Arc<Population>> {
        let learner = self.live.feedback.learner().filter(|learner| learner.observations() > 0)?;
        let population = Arc::new(self.current().relearned(learner.publish(), generation)?);
        archived(&self.archive, &population.snapshot);
        self.current.store(Arc::clone(&population));
        Some(population)
    }

    /// The snapshot of a digest: the current one, or one of the last that learned.
    pub fn snapshot_of(&self, digest: &str) -> Option<Arc<Snapshot>> {
        let current = Arc::clone(&self.current().snapshot);
        if *current.digest == *digest {
            return Some(current);
        }
        self.archive.lock().iter().find(|kept| *kept.digest == *digest).cloned()
    }

    /// The population now.
    pub fn current(&self) -> Arc<Population> {
        self.current.load_full()
    }

    /// What has happened in this process.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The clock of every time in this engine.
    pub fn clock(&self) -> Clock {
        self.clock
    }
}

/// Takes over the limits of a population, and puts on top what was learned about its router.
fn adopted(live: &Live, population: Population) -> Population {
    live.adopt(&population.snapshot);
    let corrections = live.feedback.adopt(&population.snapshot);
    let generation = population.snapshot.generation;
    corrections.and_then(|corrections| population.relearned(corrections, generation)).unwrap_or(population)
}

fn archived(archive: &Mutex<VecDeque<Arc<Snapshot>>>, snapshot: &Arc<Snapshot>) {
    let mut archive = archive.lock();
    if snapshot.spec.routing.learning.enabled {
        archive.push_back(Arc::clone(snapshot));
        if archive.len() > SNAPSHOTS_KEPT {
            archive.pop_front();
        }
    }
}

/// A number that no other process has. A child of a fork has its parent's keys of hashing, so they alone would not do.
fn distinction() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RandomState::new().hash_one((now.as_nanos(), std::process::id()))
}
