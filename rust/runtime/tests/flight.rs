//! Laws of a flight: a member may panic, hang or be cancelled, and the answer comes in time, paid and counted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::{Duration, Instant};

use common::core::{limit, words};
use common::{
    MS, acting, answer, answering, begin, engine, hanging, input, land, legs, models, population, reply,
    request, spec, standing,
};
use ecology_core::budget::Amounts;
use ecology_core::journey::Finished;
use ecology_core::plan::Ending;
use ecology_core::snapshot::{PlanSpec, SnapshotSpec};
use ecology_runtime::flight::{Flight, Pumped};
use ecology_runtime::members::Place;

const PLACES: [Place; 3] = [Place::Inline, Place::Compute, Place::Thread];

/// `direct` over `n` models.
fn direct(n: usize, timeout_ms: u32) -> SnapshotSpec {
    let mut spec = spec(models(n, timeout_ms));
    spec.default_plan = PlanSpec::Direct { max_fallbacks: n as u8 - 1, model: None };
    limit(&mut spec, "acme", "nano_usd", 1_000_000);
    spec
}

/// The two best at once, a third if both fail.
fn doubtful(n: usize, timeout_ms: u32) -> SnapshotSpec {
    SnapshotSpec {
        default_plan: PlanSpec::Adaptive { decision_confidence: 1.0, coalition: 2, max_fallbacks: 1 },
        ..direct(n, timeout_ms)
    }
}

fn output(finished: &Finished) -> String {
    format!("{:?}", finished.output())
}

/// The time that an answer with a deadline of 50 ms may take on a busy machine: ten times that.
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    assert!(started.elapsed() < Duration::from_millis(500), "it took {:?}", started.elapsed());
    result
}

#[test]
fn a_panic_fails_its_leg_alone_and_the_fallback_answers() {
    for place in PLACES {
        let panicking = acting(place, || panic!("the member fell over"));
        let engine = engine(direct(2, 5_000), vec![panicking, answering(place, "yes", 0.9)]);
        for _ in 0..3 {
            let finished = answer(&engine, 20_000);
            assert_eq!(legs(&finished), ["a panicked", "b ok"], "{place:?}");
            assert_eq!(finished.ending, Ending::FellBack);
            assert!(finished.legs[0].fault.as_ref().unwrap().text().contains("fell over"));
        }
        assert_eq!(standing(&engine).0, 0);
    }
}

#[test]
fn a_hung_member_never_delays_the_answer_beyond_the_deadline() {
    for place in [Place::Thread, Place::Compute] {
        let engine = engine(direct(1, 60_000), vec![hanging(place)]);
        let finished = in_time(|| answer(&engine, 50));
        assert_eq!(legs(&finished), ["a timed_out"], "{place:?}");
        assert!(finished.winner.is_none() && finished.timed_out());
        assert!(finished.ended_ns >= finished.routed.request.deadline_ns);
    }
}

/// Members of the pool for the processor may be plug-ins, and these may hang.
#[test]
fn a_hung_member_costs_others_of_its_pool_nothing_and_is_refused_in_the_end() {
    let mut spec = direct(2, 20);
    spec.models[1].timeout_ms = 20_000;
    let engine = engine(spec, vec![hanging(Place::Compute), answering(Place::Compute, "yes", 0.9)]);
    let most = std::thread::available_parallelism().unwrap().get() + 20;
    let found: Vec<_> = (0..most).map(|_| legs(&answer(&engine, 60_000))).collect();
    assert_eq!(found[0], ["a timed_out", "b ok"]);
    assert_eq!(found[most - 1], ["a occupied", "b ok"]);
    assert_eq!(standing(&engine).0, 0);
}

#[test]
fn with_two_of_three_hung_the_third_answers() {
    let members =
        || vec![hanging(Place::Thread), hanging(Place::Thread), answering(Place::Thread, "yes", 0.9)];
    for mut spec in [direct(3, 20), doubtful(3, 20)] {
        spec.models[2].timeout_ms = 20_000;
        let engine = engine(spec, members());
        let finished = in_time(|| answer(&engine, 20_000));
        assert_eq!(legs(&finished), ["a timed_out", "b timed_out", "c ok"]);
        assert_eq!((finished.ending, standing(&engine).0), (Ending::FellBack, 0));
    }
}

#[test]
fn a_hung_rival_does_not_take_the_answer_with_it() {
    let mut spec = doubtful(2, 50);
    spec.models[0].timeout_ms = 20_000;
    let engine = engine(spec, vec![answering(Place::Thread, "yes", 0.6), hanging(Place::Thread)]);
    let finished = in_time(|| answer(&engine, 20_000));
    assert_eq!(legs(&finished), ["a ok", "b timed_out"]);
    assert_eq!(output(&finished), r#"Some(Text("yes"))"#);
}

/// Each waits for the other, so they only come back if they run at the same time.
#[test]
fn legs_of_one_step_run_in_parallel() {
    let barrier = Arc::new(Barrier::new(2));
    let meeting = |confidence: f32| {
        let barrier = Arc::clone(&barrier);
        acting(Place::Thread, move || {
            barrier.wait();
            Ok(reply("met", Some(confidence)))
        })
    };
    let engine = engine(doubtful(2, 20_000), vec![meeting(0.4), meeting(0.6)]);
    let finished = answer(&engine, 20_000);
    assert_eq!(legs(&finished), ["a ok", "b ok"]);
    assert_eq!((finished.ending, finished.winner), (Ending::Selected, Some(1)));
}

/// Every thread of the pool is taken, so the leg waits in line past its time. It is skipped when its turn comes.
#[test]
fn a_leg_in_line_past_its_time_is_never_started() {
    let threads = std::thread::available_parallelism().unwrap().get().saturating_sub(1).max(1);
    let (began, blocked) = mpsc::channel();
    let (began, gate) = (Mutex::new(began), Arc::new(Barrier::new(threads + 1)));
    let calls = Arc::new(AtomicUsize::new(0));
    let blocking = {
        let gate = Arc::clone(&gate);
        acting(Place::Compute, move || {
            began.lock().unwrap().send(()).unwrap();
            gate.wait();
            Ok(reply("unblocked", None))
        })
    };
    let counting = {
        let calls = Arc::clone(&calls);
        acting(Place::Compute, move || {
            calls.fetch_add(1, Ordering::SeqCst);
            Ok(reply("counted", None))
        })
    };
    let engine = engine(direct(3, 20_000), vec![blocking, counting, answering(Place::Compute, "after", 0.9)]);
    let only = |model: &str, deadline_ms| {
        let mut request = request(&engine, deadline_ms);
        request.ask.model = Some(model.into());
        Flight::begin(&engine, engine.current(), request, input(), None, 0).unwrap()
    };
    let mut blockers: Vec<Flight> = (0..threads).map(|_| only("a", 20_000)).collect();
    blockers.iter_mut().for_each(|flight| assert!(matches!(flight.start(), Some(Pumped::Waiting { .. }))));
    (0..threads).for_each(|_| blocked.recv_timeout(Duration::from_secs(20)).unwrap());
    let late = land(&engine, only("b", 20));
    assert_eq!(legs(&late), ["b timed_out"]);
    assert_eq!((late.legs[0].charged, late.compute_ns()), (Amounts::default(), 0), "it never began");
    // One in line whose caller has gone is skipped as well.
    let mut gone = only("b", 20_000);
    gone.start();
    drop(gone);
    gate.wait();
    // First come, first served: when this one has run, the turn of the others is over.
    assert_eq!(legs(&land(&engine, only("c", 20_000))), ["c ok"]);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

/// The first of two inline legs uses up the time of both; the second is not called for nothing.
#[test]
fn an_inline_leg_past_its_time_is_never_started() {
    let calls = Arc::new(AtomicUsize::new(0));
    let slow = acting(Place::Inline, || {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        Ok(reply("late", Some(0.9)))
    });
    let counting = {
        let calls = Arc::clone(&calls);
        acting(Place::Inline, move || {
            calls.fetch_add(1, Ordering::SeqCst);
            Ok(reply("counted", Some(0.9)))
        })
    };
    let mut spec = doubtful(3, 1);
    spec.models[2].timeout_ms = 20_000;
    let engine = engine(spec, vec![slow, counting, answering(Place::Inline, "yes", 0.9)]);
    let mut flight = begin(&engine, 20_000);
    let Some(Pumped::Done(finished)) = flight.start() else { panic!("inline legs need no waiting") };
    assert_eq!(legs(&finished), ["a timed_out", "b timed_out", "c ok"]);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(flight.take_host_cancels(), [0usize; 0], "the host is told to cancel what it never started");
}

#[test]
fn a_flight_dropped_half_way_settles_and_charges_what_ran() {
    let mut spec = doubtful(2, 20_000);
    spec.models[0].price.per_call = 100;
    spec.models[1].price.per_call = 150;
    let met = Arc::new(Barrier::new(3));
    let hung = |met: Arc<Barrier>| {
        acting(Place::Thread, move || {
            met.wait();
            loop {
                std::thread::park();
            }
        })
    };
    let engine = engine(spec, vec![hung(Arc::clone(&met)), hung(Arc::clone(&met))]);
    let mut flight = begin(&engine, 20_000);
    flight.start();
    // Those that have not begun would be free.
    met.wait();
    assert_eq!(standing(&engine), (250, 0));
    drop(flight);
    assert_eq!(standing(&engine), (0, 250));
    let cancelled: Vec<_> = engine
        .live()
        .counters
        .all()
        .iter()
        .map(|(key, tally)| (key.role, tally.calls, tally.cancelled, tally.nano_usd))
        .collect();
    assert_eq!(cancelled, [("overhead", 1, 1, 0), ("generator", 1, 1, 100), ("generator", 1, 1, 150)]);
    // One that was never started has spent nothing.
    drop(begin(&engine, 20_000));
    assert_eq!(standing(&engine), (0, 250));
}

#[test]
fn cancelled_legs_are_charged_and_their_post_goes_unread() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let mut spec = doubtful(2, 20_000);
    spec.models[1].price.per_call = 9;
    let (began, begun) = mpsc::channel();
    let began = Mutex::new(began);
    let waiting = acting(Place::Thread, move || {
        began.lock().unwrap().send(()).unwrap();
        let _ = held.lock().unwrap().recv();
        Ok(reply("too late", Some(1.0)))
    });
    let engine = engine(spec, vec![answering(Place::Inline, "yes", 0.9), waiting]);
    let mut flight = begin(&engine, 20_000);
    flight.start();
    // One that has not begun would be free.
    begun.recv_timeout(Duration::from_secs(20)).unwrap();
    let Some(Pumped::Done(finished)) = flight.cancel() else { panic!("cancelled and not over") };
    assert_eq!(legs(&finished), ["a ok", "b cancelled"]);
    assert!(finished.cancelled && finished.winner.is_none() && finished.cost_nano_usd() == 9);
    drop(release);
    assert!(flight.poll().is_none() && flight.cancel().is_none());
    assert_eq!(standing(&engine), (0, 9));
}

/// Populations are swapped as fast as they can be while threads are served.
#[test]
fn under_load_a_flight_ends_under_the_population_it_began_with() {
    let generation = |n: u16| {
        let mut spec = direct(1, 20_000);
        spec.models[0].name = format!("g{n}").into();
        spec.models[0].id = format!("g{n}@1").into();
        spec.models[0].labels = words(&[["g0", "g1"][usize::from(n)]]);
        spec.models[0].price.per_call = 1;
        let place = [Place::Inline, Place::Thread][usize::from(n)];
        population(spec, vec![answering(place, ["g0", "g1"][usize::from(n)], 0.9)])
    };
    let engine = Arc::new(ecology_runtime::engine::Engine::new(generation(0)));
    let mut before = begin(&engine, 20_000);
    engine.swap(generation(1));
    let Some(Pumped::Done(finished)) = before.start() else { panic!("inline, and not over") };
    assert_eq!(output(&finished), r#"Some(Text("g0"))"#);
    let served: u64 = std::thread::scope(|scope| {
        let serve = || {
            let mut seen = [0, 0];
            // Until both were met, however busy the machine is.
            while seen.contains(&0) || seen[0] + seen[1] < 500 {
                let finished = answer(&engine, 20_000);
                let model = finished.routed.snapshot.model(finished.winning_leg().unwrap().model);
                // The label is the model's own: its snapshot and its member were of one population.
                assert_eq!(output(&finished), format!("Some(Text({:?}))", model.name));
                seen[usize::from(&*model.name == "g1")] += 1;
            }
            seen[0] + seen[1]
        };
        let threads = [scope.spawn(serve), scope.spawn(serve)];
        let mut swaps = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            swaps += 1;
            engine.swap(generation(swaps % 2));
            std::thread::yield_now();
        }
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    // A swap forgets nothing that was spent.
    assert_eq!(standing(&engine), (0, 1 + served));
}

#[test]
fn the_host_is_told_once_per_batch_of_posts() {
    let mut spec = doubtful(3, 20_000);
    spec.models[0].labels = words(&["yes"]);
    let members = || (0..3).map(|_| answering(Place::Loop, "never called", 1.0)).collect();
    let engine = engine(spec, members());
    let told = Arc::new(AtomicUsize::new(0));
    let notify = {
        let told = Arc::clone(&told);
        Box::new(move || {
            told.fetch_add(1, Ordering::SeqCst);
        })
    };
    let mut flight =
        Flight::begin(&engine, engine.current(), request(&engine, 20_000), input(), Some(notify), 0).unwrap();
    assert!(matches!(flight.start(), Some(Pumped::Waiting { .. })));
    let started: Vec<usize> = flight.take_host_legs().iter().map(|leg| leg.leg).collect();
    assert_eq!((started, flight.take_host_legs().len()), (vec![0, 1], 0));
    flight.mailbox().post(0, Ok(reply("perhaps", None)));
    flight.mailbox().post(1, Ok(reply("x", Some(2.0))));
    assert_eq!(told.load(Ordering::SeqCst), 1);
    // Both broke their contract: the third is started, and its post is another batch.
    assert!(matches!(flight.poll(), Some(Pumped::Waiting { .. })));
    assert_eq!(flight.take_host_legs().iter().map(|leg| leg.leg).collect::<Vec<_>>(), [2]);
    assert_eq!(told.load(Ordering::SeqCst), 1);
    flight.mailbox().post(2, Ok(reply("yes", Some(0.5))));
    assert_eq!(told.load(Ordering::SeqCst), 2);
    let Some(Pumped::Done(finished)) = flight.poll() else { panic!("not over") };
    assert_eq!(legs(&finished), ["a bad_output", "b bad_output", "c ok"]);
}

#[test]
fn the_host_is_told_which_of_its_legs_nobody_waits_for() {
    let engine =
        engine(doubtful(2, 20_000), (0..2).map(|_| answering(Place::Loop, "never called", 1.0)).collect());
    let mut flight = begin(&engine, 20_000);
    flight.start();
    flight.mailbox().post(1, Ok(reply("yes", Some(0.5))));
    assert!(matches!(flight.poll(), Some(Pumped::Waiting { wake_at_ns }) if wake_at_ns > 1_000 * MS));
    assert!(flight.take_host_cancels().is_empty());
    flight.cancel();
    assert_eq!((flight.take_host_cancels(), flight.take_host_cancels()), (vec![0], vec![]));
}

#[test]
fn a_model_without_a_member_fails_its_leg_and_the_fallback_answers() {
    let engine = engine(direct(2, 5_000), vec![None, answering(Place::Inline, "yes", 0.9)]);
    assert_eq!(legs(&answer(&engine, 20_000)), ["a failed", "b ok"]);
}
