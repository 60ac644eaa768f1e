//! Laws of feedback: which answers wait, what a grade teaches, when a generation is due, and on whom nothing is tried out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a law that cannot be checked fails"
)]

mod common;

use std::sync::Arc;

use common::chance::Chance;
use common::factored::random_parts;
use common::{compile, constant_router, model, random_features, reply, request, spec};
use ecology_core::journey::{
    DecisionRecord, FeedbackError, Finished, Graded, Input, Journey, Live, Routed, replay,
};
use ecology_core::snapshot::{Doubt, LowConfidence, PlanSpec, Risk, RouterWeights, Snapshot, SnapshotSpec};

const IDS: [&str; 3] = ["a@1", "b@1", "c@1"];

fn learning(publish_every: u64, pending: usize) -> SnapshotSpec {
    let mut spec = spec(vec![model("a"), model("b"), model("c")]);
    spec.routing.learning.enabled = true;
    spec.routing.learning.publish_every = publish_every;
    spec.routing.learning.pending = pending;
    spec.max_events = 1_000_000;
    spec
}

fn router(confidences: [f32; 3]) -> RouterWeights {
    constant_router(&[0, 1, 2].map(|at| (IDS[at].into(), confidences[at])))
}

fn factored(seed: u64) -> RouterWeights {
    let parts = random_parts(&mut Chance(seed), 3, (6, &[4, 3]));
    RouterWeights::factored(&parts, IDS.map(Arc::from).to_vec(), "sha256:factored".into()).unwrap()
}

fn serving(spec: SnapshotSpec, router: Option<RouterWeights>) -> (Arc<Snapshot>, Arc<Live>) {
    let snapshot = Arc::new(Snapshot::compile(spec, router, 1).unwrap());
    let live = Arc::new(Live::new());
    live.adopt(&snapshot);
    live.feedback.distinguish(7);
    assert!(live.feedback.adopt(&snapshot).is_none(), "nothing was learned");
    (snapshot, live)
}

/// Answers one request; each leg replies with this confidence.
fn answered(snapshot: &Arc<Snapshot>, live: &Arc<Live>, seed: u64, confidence: f32) -> Arc<Finished> {
    answered_by(snapshot, live, seed, Some(confidence))
}

fn answered_by(
    snapshot: &Arc<Snapshot>,
    live: &Arc<Live>,
    seed: u64,
    confidence: Option<f32>,
) -> Arc<Finished> {
    let mut request = request(random_features(&mut Chance(seed)));
    request.seed = seed;
    let mut journey = Journey::begin(Arc::clone(snapshot), Arc::clone(live), request).unwrap();
    journey.advance(0, Input::Start, &mut Vec::new());
    let mut leg = 0;
    while !journey.over() {
        let result = Ok(reply("yes", confidence));
        journey.advance(1_000_000, Input::LegDone { leg, result }, &mut Vec::new());
        leg += 1;
    }
    journey.finished(0).unwrap()
}

fn confidences(snapshot: &Arc<Snapshot>, seed: u64) -> [f32; 3] {
    let request = request(random_features(&mut Chance(seed)));
    let (routed, _) = Routed::route(Arc::clone(snapshot), &Live::new(), request).unwrap();
    let mut confidences = [f32::NAN; 3];
    routed.decision.ranked.iter().for_each(|r| confidences[usize::from(r.model)] = r.confidence);
    confidences
}

/// The next generation, as the runtime makes it.
fn published(snapshot: &Snapshot, live: &Live) -> Arc<Snapshot> {
    let corrections = live.feedback.learner().unwrap().publish();
    let weights = snapshot.router.as_ref().unwrap().corrected(corrections).unwrap();
    Arc::new(snapshot.relearned(weights, snapshot.generation + 1).unwrap())
}

#[test]
fn the_table_is_bounded_and_each_answer_is_graded_once() {
    let (snapshot, live) = serving(learning(100, 3), Some(router([0.9, 0.5, 0.4])));
    let ids: Vec<String> = (0..5).map(|seed| answered(&snapshot, &live, seed, 0.5).id.to_string()).collect();
    let grade = |id: &str, score: f64| live.feedback.grade(id, score, 5_000_000, 1e9);
    for forgotten in &ids[..2] {
        assert_eq!(grade(forgotten, 1.0), Err(FeedbackError::Unknown(forgotten.clone())));
    }
    for (score, id) in [(f64::NAN, &ids[2]), (-0.1, &ids[2]), (1.1, &ids[2]), (f64::INFINITY, &ids[2])] {
        assert!(matches!(grade(id, score), Err(FeedbackError::Score(_))), "{score}");
    }
    let stranger = format!("{:016x}{}", 8, &ids[2][16..]);
    for unknown in [stranger.as_str(), "", "x", &ids[2][1..], "é", &format!("+{}", &ids[2][1..])] {
        assert!(matches!(grade(unknown, 1.0), Err(FeedbackError::Unknown(_))), "{unknown:?}");
    }
    for id in &ids[2..] {
        assert_eq!(grade(id, 1.0), Ok(Graded { learned: true, publish: false }));
        assert_eq!(grade(id, 0.0), Err(FeedbackError::Twice(id.clone())));
    }
    let counts = live.feedback.counts();
    assert_eq!((counts.pending, counts.forgotten, counts.graded, counts.learned), (0, 2, 3, 3));
    // What was graded is not what is forgotten.
    (5..8).for_each(|seed| drop(answered(&snapshot, &live, seed, 0.5)));
    assert_eq!(live.feedback.counts().forgotten, 2);
    let rows = live.feedback.take(10);
    assert_eq!(rows.iter().map(|row| row.answer_id.as_str()).collect::<Vec<_>>(), ids[2..]);
    let row = &rows[0];
    assert_eq!((row.score, row.time, row.age_ms, row.latency_ms), (1.0, 1e9, 4.0, 1.0));
    assert_eq!((&*row.chosen, &*row.model, row.ranked.len(), row.propensity), ("a@1", "a@1", 3, 1.0));
    assert!(row.learned && row.calibrated);
}

#[test]
fn nothing_waits_where_learning_is_off() {
    let mut spec = learning(100, 3);
    spec.routing.learning.enabled = false;
    let (snapshot, live) = serving(spec, Some(router([0.9, 0.5, 0.4])));
    let finished = answered(&snapshot, &live, 1, 0.5);
    assert!(finished.routed.decision.evidence.is_none());
    assert_eq!(live.feedback.grade(&finished.id.to_string(), 1.0, 0, 0.0), Err(FeedbackError::Off));
    let other = answered(&snapshot, &live, 2, 0.5);
    assert_ne!(finished.id, other.id);
}

/// Grades become rows always, lessons only where the answer does not depend on how sure the replies were.
#[test]
fn an_answer_that_was_picked_by_its_confidence_is_logged_and_teaches_nothing() {
    let cascade = PlanSpec::Cascade { first: Some(1), then: Some(0), leg_confidence: 0.9, average: None };
    let adaptive = PlanSpec::Adaptive { decision_confidence: 0.99, coalition: 2, max_fallbacks: 0 };
    let direct = PlanSpec::Direct { model: None, max_fallbacks: 1 };
    let learned = Some(router([0.9, 0.5, 0.4]));
    let cases = [
        (direct.clone(), learned.clone(), true, "answered"),
        (cascade, learned.clone(), false, "escalated"),
        (adaptive, learned, false, "selected"),
        (direct, None, false, "answered"),
    ];
    for (plan, router, learned, ending) in cases {
        let mut spec = learning(1, 10);
        spec.default_plan = plan.clone();
        let (snapshot, live) = serving(spec, router);
        let finished = answered(&snapshot, &live, 3, 0.5);
        let graded = live.feedback.grade(&finished.id.to_string(), 0.0, 0, 0.0);
        assert_eq!(graded, Ok(Graded { learned, publish: learned }), "{plan:?}");
        let rows = live.feedback.take(10);
        assert_eq!((rows[0].ending, rows[0].learned), (ending, learned), "{plan:?}");
    }
}

/// Answers below the doubt's bound are withheld, and nobody grades them: those that passed would teach that all are like them.
#[test]
fn an_answer_that_passed_a_doubt_teaches_only_if_the_prompt_alone_decided_that() {
    let doubt = Doubt { answer_confidence: 0.5, fail: LowConfidence::Abstain };
    for (doubt, said, learned) in
        [(None, Some(0.9), true), (Some(doubt), Some(0.9), false), (Some(doubt), None, true)]
    {
        let mut spec = learning(1, 10);
        spec.default_doubt = doubt;
        let (snapshot, live) = serving(spec, Some(router([0.9, 0.5, 0.4])));
        let finished = answered_by(&snapshot, &live, 3, said);
        assert!(finished.output().is_some());
        let graded = live.feedback.grade(&finished.id.to_string(), 1.0, 0, 0.0);
        assert_eq!(graded, Ok(Graded { learned, publish: learned }), "{doubt:?} {said:?}");
    }
}

#[test]
fn a_generation_is_due_after_every_so_many_lessons_and_learns_what_they_said() {
    for weights in [router([0.9, 0.5, 0.4]), factored(5)] {
        let (snapshot, live) = serving(learning(25, 1_000), Some(weights));
        let before = confidences(&snapshot, 11);
        let (mut due, mut graded) = (Vec::new(), [0; 3]);
        for seed in 0..100 {
            let finished = answered(&snapshot, &live, seed, 0.5);
            graded[usize::from(finished.winning_leg().unwrap().model)] += 1;
            let grade = live.feedback.grade(&finished.id.to_string(), 0.0, 0, 0.0).unwrap();
            if grade.publish {
                due.push(seed + 1);
            }
        }
        assert_eq!(due, [25, 50, 75, 100]);
        let next = published(&snapshot, &live);
        assert_eq!(next.generation, 2);
        assert_ne!(next.digest, snapshot.digest);
        let (after, untouched) = (confidences(&next, 11), confidences(&snapshot, 11));
        assert_eq!(untouched, before, "what serves never changes in place");
        for at in 0..3 {
            // Everybody who was asked often was always wrong; whoever was not asked is as before, to the bit.
            match graded[at] {
                0 => assert_eq!(after[at].to_bits(), before[at].to_bits()),
                1..20 => {}
                _ => assert!(after[at] < before[at] * 0.7, "{at}: {before:?} {after:?} {graded:?}"),
            }
        }
        assert!(graded.iter().any(|n| *n >= 20));
        // Decisions of both generations replay, each under its own.
        for generation in [&snapshot, &next] {
            let request = request(random_features(&mut Chance(11)));
            let (routed, _) = Routed::route(Arc::clone(generation), &live, request).unwrap();
            let record = DecisionRecord::of(&routed);
            assert_eq!(replay(Arc::clone(generation), &record).unwrap().decision, routed.decision);
            let other = if generation.generation == 1 { &next } else { &snapshot };
            assert!(replay(Arc::clone(other), &record).is_err());
        }
    }
}

/// With λ pseudo-observations of "as fitted", n grades that are all 0 pull the constant part down by n / (n + λ') of it.
#[test]
fn few_grades_move_little_and_many_move_all_the_way() {
    let mut last = 0.9;
    for grades in [1, 10, 100, 1_000] {
        let (snapshot, live) = serving(learning(1_000_000, 10), Some(router([0.9, 0.5, 0.4])));
        for seed in 0..grades {
            let id = answered(&snapshot, &live, seed, 0.5).id.to_string();
            live.feedback.grade(&id, 0.0, 0, 0.0).unwrap();
        }
        let now = confidences(&published(&snapshot, &live), 1)[0];
        // The context is [1, 0.9, 0.5, 0.4], always: ridge has a closed form.
        let squared = 1.0 + 0.81 + 0.25 + 0.16;
        let expected = 0.9 - 0.9 * grades as f64 * squared / (20.0 + grades as f64 * squared);
        assert!((f64::from(now) - expected).abs() < 1e-4, "{grades}: {now} against {expected}");
        assert!(now < last);
        last = now;
    }
}

#[test]
fn what_was_learned_stays_while_the_router_file_is_the_same() {
    let (snapshot, live) = serving(learning(1, 10), Some(router([0.9, 0.5, 0.4])));
    let id = answered(&snapshot, &live, 1, 0.5).id.to_string();
    live.feedback.grade(&id, 0.0, 0, 0.0).unwrap();
    let corrections = live.feedback.learner().unwrap().publish();
    let compiled = |spec: SnapshotSpec, router| Snapshot::compile(spec, Some(router), 2).unwrap();
    // The same router in a population that changed otherwise.
    let mut fewer = learning(1, 5);
    fewer.models.truncate(2);
    let again = live.feedback.adopt(&compiled(fewer, router([0.9, 0.5, 0.4])));
    assert_eq!(again.as_deref(), Some(&*corrections));
    // An answer of before teaches still.
    let waiting = answered(&snapshot, &live, 2, 0.5).id.to_string();
    let late = answered(&snapshot, &live, 3, 0.5).id.to_string();
    assert!(live.feedback.grade(&waiting, 1.0, 0, 0.0).unwrap().learned);
    // Another router: what was learned about the first one is about nothing now.
    assert!(live.feedback.adopt(&compiled(learning(1, 5), factored(1))).is_none());
    assert_eq!(live.feedback.learner().unwrap().observations(), 0);
    assert!(!live.feedback.grade(&late, 1.0, 0, 0.0).unwrap().learned);
    // Learning off: the table is emptied.
    let mut off = learning(1, 5);
    off.routing.learning.enabled = false;
    assert!(live.feedback.adopt(&compiled(off, factored(1))).is_none());
    assert_eq!(live.feedback.grade(&late, 1.0, 0, 0.0), Err(FeedbackError::Off));
}

#[test]
fn many_threads_grade_at_once_and_nothing_is_lost() {
    let (snapshot, live) = serving(learning(10, 10_000), Some(router([0.9, 0.5, 0.4])));
    let (threads, each) = (8, 250);
    let due: usize = std::thread::scope(|scope| {
        let work = |thread: u64| {
            let (snapshot, live) = (Arc::clone(&snapshot), Arc::clone(&live));
            move || {
                let grade = |at: u64| {
                    let id = answered(&snapshot, &live, thread * 1_000 + at, 0.5).id.to_string();
                    live.feedback.grade(&id, (at % 2) as f64, 0, 0.0).unwrap().publish
                };
                (0..each).filter(|at| grade(*at)).count()
            }
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(work(thread))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let all = threads * each;
    assert_eq!(due as u64, all / 10);
    let counts = live.feedback.counts();
    assert_eq!((counts.graded, counts.learned, counts.pending, counts.dropped), (all, all, 0, 0));
    assert_eq!(live.feedback.learner().unwrap().observations(), all);
    let rows = live.feedback.take(usize::MAX);
    let ids: std::collections::HashSet<String> = rows.into_iter().map(|row| row.answer_id).collect();
    assert_eq!(ids.len() as u64, all);
}

#[test]
fn only_where_the_risk_allows_it_is_anything_tried_out() {
    let cascade = PlanSpec::Cascade { first: None, then: None, leg_confidence: 0.5, average: None };
    let direct = PlanSpec::Direct { model: None, max_fallbacks: 0 };
    let cases = [
        (Some(Risk::Low), None, Risk::Low, direct.clone(), true),
        (Some(Risk::Low), None, Risk::Medium, direct.clone(), false),
        (Some(Risk::Low), Some(Risk::Low), Risk::High, direct.clone(), true),
        (Some(Risk::Low), Some(Risk::Medium), Risk::Low, direct.clone(), false),
        (Some(Risk::Medium), Some(Risk::Medium), Risk::Low, direct.clone(), true),
        (Some(Risk::High), Some(Risk::High), Risk::Low, direct.clone(), true),
        (None, None, Risk::Low, direct, false),
        (Some(Risk::High), None, Risk::Low, cascade, false),
    ];
    for (most, stated, default, plan, explores) in cases {
        let mut spec = learning(1, 1);
        spec.routing.exploration_floor = 0.1;
        spec.routing.explore_up_to_risk = most;
        spec.defaults.risk = default;
        spec.default_plan = plan;
        let snapshot = Arc::new(Snapshot::compile(spec, Some(router([0.9, 0.5, 0.4])), 1).unwrap());
        let explored = (0..200).filter(|seed| {
            let mut request = request(random_features(&mut Chance(1)));
            (request.seed, request.ask.risk) = (*seed, stated);
            let (routed, _) = Routed::route(Arc::clone(&snapshot), &Live::new(), request).unwrap();
            let again = replay(Arc::clone(&snapshot), &DecisionRecord::of(&routed)).unwrap();
            assert_eq!(again.decision, routed.decision);
            let expected = if !explores {
                1.0
            } else if routed.decision.explored {
                0.1
            } else {
                0.8
            };
            assert!((routed.decision.propensity - expected).abs() < 1e-12, "{most:?} {stated:?} {default:?}");
            routed.decision.explored
        });
        assert_eq!(explored.count() > 0, explores, "{most:?} {stated:?} {default:?}");
    }
}

/// Under a router that learned, a floor, and one that leaves nothing to the router.
#[test]
fn every_model_is_chosen_as_often_as_its_propensity_says() {
    for (floor, least) in [(0.02, 0.02), (0.3, 0.3), (0.5, 1.0 / 3.0)] {
        let mut spec = learning(1, 1_000);
        spec.routing.exploration_floor = floor;
        let (first, live) = serving(spec, Some(router([0.75, 0.72, 0.1])));
        let id = answered(&first, &live, 1, 0.5).id.to_string();
        live.feedback.grade(&id, 0.0, 0, 0.0).unwrap();
        let snapshot = published(&first, &live);
        let (mut chosen, mut propensity) = ([0u32; 3], [0.0; 3]);
        let n = 20_000;
        for seed in 0..n {
            let mut request = request(random_features(&mut Chance(1)));
            request.seed = Chance(seed).next();
            let (routed, _) = Routed::route(Arc::clone(&snapshot), &live, request).unwrap();
            let first = usize::from(routed.decision.chosen().model);
            chosen[first] += 1;
            propensity[first] = routed.decision.propensity;
        }
        assert!((propensity.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{propensity:?}");
        for (count, propensity) in chosen.iter().zip(propensity) {
            assert!(propensity >= least - 1e-12, "{floor}: {propensity}");
            let slack = 4.0 * (propensity * (1.0 - propensity) / n as f64).sqrt();
            assert!((f64::from(*count) / n as f64 - propensity).abs() < slack, "{chosen:?} {propensity}");
        }
    }
}

/// Descriptions from before there were risks and learning keep their digests, so that their records replay.
#[test]
fn a_description_without_learning_is_what_it_was_to_the_bit() {
    let json = serde_json::to_string(&compile(spec(vec![model("a")])).spec).unwrap();
    assert!(!json.contains("risk") && !json.contains("learning"), "{json}");
    let again: SnapshotSpec = serde_json::from_str(&json).unwrap();
    assert_eq!(again, spec(vec![model("a")]));
}
