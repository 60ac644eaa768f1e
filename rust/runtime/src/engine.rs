//! The current population and the live state: what one process serves from.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ecology_core::journey::Live;
use ecology_core::snapshot::{ModelIndex, Snapshot};
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
    pub(crate) compute: Pool,
    pub(crate) blocking: Pool,
    pub(crate) background: Background,
}

impl Engine {
    /// Serves this population. Starts no thread.
    pub fn new(population: Population) -> Self {
        let live = Arc::new(Live::new());
        live.adopt(&population.snapshot);
        // One core is left to the threads that ask.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processors = cores.saturating_sub(1).max(1);
        Self {
            current: ArcSwap::from_pointee(population),
            live,
            clock: Clock::start(),
            compute: Pool::new("ecology-compute", processors, processors + SPARE_COMPUTE_THREADS),
            blocking: Pool::new("ecology-blocking", MOST_BLOCKING_THREADS, MOST_THREADS_PER_MODEL),
            background: Background::default(),
        }
    }

    /// Serves another population from now on. Requests in flight end under the one that they began with; what was spent is
    /// kept.
    pub fn swap(&self, population: Population) {
        self.live.adopt(&population.snapshot);
        self.current.store(Arc::new(population));
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
