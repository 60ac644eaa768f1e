//! Members and engines that the laws of the runtime share. Specs come from the builders of the core's tests.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a builder that fails is a failing test")]

#[path = "../../../core/tests/common/mod.rs"]
pub(crate) mod core;

use std::any::Any;
use std::sync::Arc;

use ecology_core::budget::Resource;
use ecology_core::journey::{Finished, Request};
use ecology_core::leg::{Fault, Reply};
use ecology_core::snapshot::{Model, Snapshot, SnapshotSpec};
use ecology_runtime::carriers::{Interrupted, carry};
use ecology_runtime::engine::{Engine, Population};
use ecology_runtime::flight::Flight;
use ecology_runtime::members::{LegInput, Member, Place};

pub(crate) use self::core::{MS, priced, reply, spec};

/// A member that does what a test says.
pub(crate) struct Acting {
    place: Place,
    act: Box<dyn Fn() -> Result<Reply, Fault> + Send + Sync>,
}

impl std::fmt::Debug for Acting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acting").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Member for Acting {
    fn place(&self) -> Place {
        self.place
    }

    fn call(&self, _input: &LegInput) -> Result<Reply, Fault> {
        (self.act)()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(crate) type Loaded = Option<Arc<dyn Member>>;

pub(crate) fn acting(place: Place, act: impl Fn() -> Result<Reply, Fault> + Send + Sync + 'static) -> Loaded {
    Some(Arc::new(Acting { place, act: Box::new(act) }))
}

/// A member that answers at once.
pub(crate) fn answering(place: Place, label: &'static str, confidence: f32) -> Loaded {
    acting(place, move || Ok(reply(label, Some(confidence))))
}

/// A member that never comes back.
pub(crate) fn hanging(place: Place) -> Loaded {
    acting(place, || {
        loop {
            std::thread::park();
        }
    })
}

pub(crate) fn population(spec: SnapshotSpec, members: Vec<Loaded>) -> Population {
    Population::new(Arc::new(Snapshot::compile(spec, None, 1).unwrap()), members)
}

pub(crate) fn engine(spec: SnapshotSpec, members: Vec<Loaded>) -> Arc<Engine> {
    Arc::new(Engine::new(population(spec, members)))
}

/// Models `a`, `b`, `c`, … of rising price with this timeout.
pub(crate) fn models(n: usize, timeout_ms: u32) -> Vec<Model> {
    let name = |at: usize| char::from(b'a' + at as u8).to_string();
    (0..n).map(|at| Model { timeout_ms, ..priced(&name(at), at as u64) }).collect()
}

/// A request that arrives now.
pub(crate) fn request(engine: &Engine, deadline_ms: u64) -> Request {
    let now_ns = engine.clock().now_ns();
    let request = core::request(Default::default());
    Request { account: "acme".into(), started_ns: now_ns, deadline_ns: now_ns + deadline_ms * MS, ..request }
}

pub(crate) fn input() -> LegInput {
    LegInput::default()
}

pub(crate) fn begin(engine: &Arc<Engine>, deadline_ms: u64) -> Flight {
    let request = request(engine, deadline_ms);
    let began_ns = request.started_ns;
    Flight::begin(engine, engine.current(), request, input(), None, began_ns).unwrap()
}

/// Carries a flight to its end on this thread.
pub(crate) fn land(engine: &Arc<Engine>, flight: Flight) -> Arc<Finished> {
    carry(
        flight,
        engine.clock(),
        &|legs, _| legs.is_empty().then_some(()).ok_or(Interrupted),
        &|_| {},
        &|| false,
    )
    .unwrap()
}

pub(crate) fn answer(engine: &Arc<Engine>, deadline_ms: u64) -> Arc<Finished> {
    land(engine, begin(engine, deadline_ms))
}

/// `model outcome` of each leg.
pub(crate) fn legs(finished: &Finished) -> Vec<String> {
    let one = |leg: &ecology_core::leg::Leg| {
        let model = &finished.routed.snapshot.model(leg.model).name;
        format!("{model} {}", leg.outcome.unwrap().name())
    };
    finished.legs.iter().map(one).collect()
}

/// Reserved and committed money of the account that every request here names.
pub(crate) fn standing(engine: &Engine) -> (u64, u64) {
    let standing = engine.live().accounts.get("acme").unwrap().standing(Resource::NanoUsd);
    (standing.reserved, standing.committed)
}
