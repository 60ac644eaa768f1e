//! Laws of what was learned: generations of an engine, and the file that the next process goes on from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a law that cannot be checked fails"
)]

mod common;

use std::sync::Arc;

use common::core::constant_router;
use common::{answering, input, models, request, spec};
use ecology_core::router::online::Ridge;
use ecology_core::snapshot::{RouterWeights, Snapshot, SnapshotSpec};
use ecology_runtime::artifact::ArtifactError;
use ecology_runtime::carriers::carry;
use ecology_runtime::engine::{Engine, Population, SNAPSHOTS_KEPT};
use ecology_runtime::flight::Flight;
use ecology_runtime::learned::{from_bytes, to_bytes};
use ecology_runtime::members::Place;

fn router() -> RouterWeights {
    constant_router(&[("a@1".into(), 0.9), ("b@1".into(), 0.6)])
}

fn population(generation: u64) -> Population {
    let mut spec: SnapshotSpec = spec(models(2, 1_000));
    spec.routing.learning.enabled = true;
    spec.routing.learning.publish_every = 1;
    let snapshot = Snapshot::compile(spec, Some(router()), generation).unwrap();
    let member = || answering(Place::Inline, "yes", 0.5);
    Population::new(Arc::new(snapshot), vec![member(), member()])
}

/// Answers, grades and publishes.
fn lesson(engine: &Arc<Engine>, score: f64) {
    let flight = Flight::begin(engine, engine.current(), request(engine, 1_000), input(), None, 0).unwrap();
    let finished = carry(flight, engine.clock(), &|_, _| Ok(()), &|_| {}, &|| false).unwrap();
    let graded = engine.grade(&finished.id.to_string(), score).unwrap();
    assert!(graded.learned && graded.publish);
    let generation = engine.current().snapshot.generation + 1;
    assert_eq!(engine.publish(generation).unwrap().snapshot.generation, generation);
}

#[test]
fn the_last_generations_are_kept_and_a_swap_takes_over_what_was_learned() {
    let engine = Arc::new(Engine::new(population(1)));
    assert!(engine.publish(2).is_none(), "nothing was learned");
    let mut digests = vec![engine.current().snapshot.digest.to_string()];
    for at in 0..SNAPSHOTS_KEPT + 3 {
        lesson(&engine, (at % 2) as f64);
        digests.push(engine.current().snapshot.digest.to_string());
    }
    let kept: Vec<bool> = digests.iter().map(|digest| engine.snapshot_of(digest).is_some()).collect();
    let first = digests.len() - SNAPSHOTS_KEPT;
    assert_eq!(kept, (0..digests.len()).map(|at| at >= first).collect::<Vec<_>>());
    let unique: std::collections::HashSet<&String> = digests.iter().collect();
    assert_eq!(unique.len(), digests.len());
    // The same description and router again: the digest says that the same weights decide.
    engine.swap(population(100));
    assert_eq!(engine.current().snapshot.generation, 100);
    assert_eq!(*engine.current().snapshot.digest, **digests.last().unwrap());
}

#[test]
fn another_process_goes_on_where_this_one_stopped() {
    let first = Arc::new(Engine::new(population(1)));
    (0..5).for_each(|_| lesson(&first, 0.0));
    let learned = first.live().feedback.learner().unwrap().learned();
    let bytes = to_bytes(&learned).unwrap();
    assert_eq!(bytes, to_bytes(&learned).unwrap());
    let read = from_bytes(&bytes).unwrap();
    assert_eq!(to_bytes(&read).unwrap(), bytes);
    let second = Arc::new(Engine::resumed(population(1), Some(read)));
    assert_eq!(second.current().snapshot.digest, first.current().snapshot.digest);
    for engine in [&first, &second] {
        lesson(engine, 1.0);
    }
    assert_eq!(second.current().snapshot.digest, first.current().snapshot.digest);
    assert_ne!(first.current().snapshot.generation, second.current().snapshot.generation);
}

#[test]
fn a_file_that_was_cut_edited_or_is_another_is_refused() {
    let engine = Arc::new(Engine::new(population(1)));
    (0..3).for_each(|_| lesson(&engine, 0.25));
    let bytes = to_bytes(&engine.live().feedback.learner().unwrap().learned()).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
    for at in (header..bytes.len()).step_by(5) {
        let mut edited = bytes.clone();
        edited[at] ^= 1;
        assert!(matches!(from_bytes(&edited), Err(ArtifactError::Weights(_))), "byte {at}");
    }
    let text = String::from_utf8(bytes[8..header].to_vec()).unwrap();
    for (from, to) in [("learned.v1", "learned.v9"), ("dimensions", "dimensionz"), ("F64", "F32")] {
        assert!(text.contains(from), "{from}");
        let edited = text.replacen(from, to, 1);
        let mut edited = [&bytes[..8], edited.as_bytes()].concat();
        edited.extend_from_slice(&bytes[header..]);
        assert!(from_bytes(&edited).is_err(), "{from}");
    }
}

/// A file may say anything of how many lessons it holds.
#[test]
fn lessons_that_no_process_can_have_had_are_refused() {
    let engine = Arc::new(Engine::new(population(1)));
    (0..3).for_each(|_| lesson(&engine, 0.25));
    let mut learned = engine.live().feedback.learner().unwrap().learned();
    let one = learned.columns[0].clone().unwrap();
    let many = Ridge::resumed(learned.prior, one.inverse().to_vec(), one.theta().to_vec(), u64::MAX);
    learned.columns = vec![many.clone(), many];
    let bytes = to_bytes(&learned).unwrap();
    assert!(matches!(from_bytes(&bytes), Err(ArtifactError::Weights(_))));
}

/// The digest is the router's, the names are not: whose residuals would these be?
#[test]
fn what_was_learned_of_other_models_is_left_aside() {
    let first = Arc::new(Engine::new(population(1)));
    (0..5).for_each(|_| lesson(&first, 0.0));
    let mut learned = first.live().feedback.learner().unwrap().learned();
    learned.models.reverse();
    let second = Engine::resumed(population(1), Some(learned));
    assert_eq!(second.current().snapshot.digest, Engine::new(population(1)).current().snapshot.digest);
}
