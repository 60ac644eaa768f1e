use std::sync::mpsc;
use std::time::Duration;

use super::*;

const SOON: Duration = Duration::from_secs(20);

/// A job that says that it runs, then blocks until its sender is dropped.
fn blocking(started: &mpsc::Sender<()>) -> (Work, mpsc::Sender<()>) {
    let (release, blocked) = mpsc::channel::<()>();
    let started = started.clone();
    let work = move || {
        started.send(()).unwrap();
        assert!(blocked.recv().is_err());
    };
    (Box::new(work), release)
}

/// Jobs of `model` that block, under way.
fn hang(pool: &Pool, model: &str, jobs: usize) -> Vec<(Ticket, mpsc::Sender<()>)> {
    let (started, running) = mpsc::channel();
    (0..jobs)
        .map(|_| {
            let (work, release) = blocking(&started);
            let ticket = pool.submit(&model.into(), work).unwrap();
            running.recv_timeout(SOON).unwrap();
            (ticket, release)
        })
        .collect()
}

/// Whether a job of `model` runs.
fn runs(pool: &Pool, model: &str) {
    let (done, finished) = mpsc::channel();
    let _ticket = pool.submit(&model.into(), Box::new(move || done.send(()).unwrap())).unwrap();
    finished.recv_timeout(SOON).unwrap();
}

fn refusal(pool: &Pool, model: &str) -> Option<Refused> {
    pool.submit(&model.into(), Box::new(|| {})).err()
}

#[test]
fn a_job_that_blocks_does_not_hold_up_another() {
    let pool = Pool::new("test", 4, 4);
    let _hung = hang(&pool, "a", 3);
    for _ in 0..10 {
        runs(&pool, "a");
    }
}

#[test]
fn a_model_takes_no_more_than_its_share_and_the_rest_waits_in_its_own_line() {
    let pool = Pool::new("test", 4, 2);
    let mut hung = hang(&pool, "a", 2);
    let (done, finished) = mpsc::channel();
    let _third = pool.submit(&"a".into(), Box::new(move || done.send(()).unwrap())).unwrap();
    runs(&pool, "b");
    assert!(finished.try_recv().is_err());
    drop(hung.pop());
    finished.recv_timeout(SOON).unwrap();
}

#[test]
fn lost_calls_are_replaced_for_others_and_refused_for_their_model() {
    let pool = Pool::new("test", 2, 2);
    let hung = hang(&pool, "a", 2);
    hung.iter().for_each(|(ticket, _)| ticket.abandon());
    let other = hang(&pool, "b", 2);
    assert_eq!(refusal(&pool, "a"), Some(Refused::Occupied(2)));
    drop(other);
    runs(&pool, "c");
    drop(hung);
    let deadline = std::time::Instant::now() + SOON;
    while refusal(&pool, "a").is_some() {
        assert!(std::time::Instant::now() < deadline, "a call that returned is still counted as lost");
        std::thread::yield_now();
    }
    runs(&pool, "a");
}

#[test]
fn a_job_that_nobody_waits_for_is_not_begun() {
    let pool = Pool::new("test", 1, 1);
    let hung = hang(&pool, "a", 1);
    let (done, finished) = mpsc::channel();
    let begun = done.clone();
    pool.submit(&"b".into(), Box::new(move || begun.send("unwanted").unwrap())).unwrap().abandon();
    let _wanted = pool.submit(&"b".into(), Box::new(move || done.send("wanted").unwrap())).unwrap();
    drop(hung);
    assert_eq!(finished.recv_timeout(SOON).unwrap(), "wanted");
}

/// One waits behind its model's share, one behind other models.
#[test]
fn a_job_that_nobody_waits_for_keeps_nothing_and_no_place() {
    let pool = Pool::new("test", 1, 1);
    let _hung = hang(&pool, "a", 1);
    let input = Arc::new(());
    let tickets = ["a", "b", "b", "b"].map(|model| {
        let input = Arc::clone(&input);
        pool.submit(&model.into(), Box::new(move || drop(input))).unwrap()
    });
    // From the middle of a line, its front, the head of the pool's line, and twice.
    for at in [2, 1, 0, 0, 3] {
        tickets[at].abandon();
    }
    assert_eq!(Arc::strong_count(&input), 1);
    let state = pool.shared.state.lock();
    let held = (state.ready.len(), state.lanes.len(), state.phases.len(), state.lanes[&Arc::from("a")].taken);
    assert_eq!(held, (0, 1, 1, 1));
}

#[test]
fn a_share_beyond_the_pool_is_what_a_model_may_lose() {
    let pool = Pool::new("test", 1, 3);
    let mut hung = Vec::new();
    for _ in 0..3 {
        runs(&pool, "a");
        hung.extend(hang(&pool, "a", 1));
        hung.last().unwrap().0.abandon();
        runs(&pool, "b");
    }
    assert_eq!(refusal(&pool, "a"), Some(Refused::Occupied(3)));
}

#[test]
fn a_panic_does_not_cost_a_thread() {
    let pool = Pool::new("test", 1, 1);
    let _ticket = pool.submit(&"a".into(), Box::new(|| panic!("out of nowhere"))).unwrap();
    runs(&pool, "a");
}

#[test]
fn an_empty_pool_keeps_nothing_of_the_past() {
    let pool = Pool::new("test", 2, 2);
    for n in 0..50 {
        runs(&pool, &format!("model {n}"));
    }
    let deadline = std::time::Instant::now() + SOON;
    loop {
        let state = pool.shared.state.lock();
        if state.lanes.is_empty() && state.phases.is_empty() && state.ready.is_empty() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{} lanes are left", state.lanes.len());
    }
}
