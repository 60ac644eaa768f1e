//! A plan whose legs are all inline starts no thread. Alone in its binary: threads of other tests would be counted.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use common::{answer, answering, engine, legs, models, spec};
use ecology_core::snapshot::PlanSpec;
use ecology_runtime::members::Place;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn inline_members_never_start_a_thread() {
    let before = threads();
    let serve = |place: Place| {
        let mut spec = spec(models(2, 5_000));
        spec.default_plan = PlanSpec::Adaptive { decision_confidence: 1.0, coalition: 2, max_fallbacks: 0 };
        let engine = engine(spec, vec![answering(place, "yes", 0.4), answering(place, "no", 0.6)]);
        assert_eq!(legs(&answer(&engine, 20_000)), ["a ok", "b ok"]);
        // While the engine is alive its pools would be too.
        threads()
    };
    assert_eq!(serve(Place::Inline), before);
    assert!(serve(Place::Thread) > before, "the count does not see threads");
}
