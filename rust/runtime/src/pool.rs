//! Threads that carry out legs which may block.
//!
//! **The problem.** A thread cannot be killed, so a call that never returns keeps its thread for ever. If all models drew on one
//! number of threads, one hung model would sooner or later hold them all. Therefore a call that nobody waits for any more (its leg
//! timed out or was cancelled) is *lost*: its thread no longer counts against the pool, only against its model's share. A model
//! whose whole share is lost is refused at once until one of its calls returns.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ecology_core::sync::{Condvar, Mutex};

type Work = Box<dyn FnOnce() + Send>;

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The system has no thread left, and the pool has none.
    NoThread,
    /// So many lost calls hold the model's whole share.
    Occupied(usize),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::NoThread => f.write_str("no thread could be started for it"),
            Refused::Occupied(threads) => {
                write!(f, "all its threads are occupied: {threads} earlier calls have not returned")
            }
        }
    }
}

/// How far a job has come; changed under the pool's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    /// It runs, and nobody waits for it.
    Lost,
}

struct Job {
    number: u64,
    model: Arc<str>,
    work: Work,
}

/// The jobs of one model.
#[derive(Default)]
struct Lane {
    /// Jobs that may run or do run, lost ones included.
    taken: usize,
    lost: usize,
    /// What does not fit into the share, oldest first, so in the order of its numbers.
    waiting: VecDeque<Job>,
}

#[derive(Default)]
struct State {
    /// What may run, oldest first.
    ready: VecDeque<Job>,
    lanes: HashMap<Arc<str>, Lane>,
    phases: HashMap<u64, Phase>,
    next_number: u64,
    idle: usize,
    /// Threads that are not lost.
    threads: usize,
    closed: bool,
}

struct Shared {
    name: &'static str,
    most_threads: usize,
    share: usize,
    state: Mutex<State>,
    work: Condvar,
}

/// A pool that grows when nobody is idle, up to a bound. What does not fit waits in line, and its leg times out there.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

/// A job that was taken.
pub(crate) struct Ticket {
    number: u64,
    model: Arc<str>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.shared.name)
            .field("most_threads", &self.shared.most_threads)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Pool {
    /// Starts no thread yet. One model has at most `share` threads, lost ones included. Lost ones are replaced, so a share beyond
    /// `most_threads` lets a model lose a few and still use the whole pool.
    pub(crate) fn new(name: &'static str, most_threads: usize, share: usize) -> Self {
        let (state, work) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { name, most_threads: most_threads.max(1), share, state, work }) }
    }

    /// Queues a job of a model.
    pub(crate) fn submit(&self, model: &Arc<str>, work: Work) -> Result<Ticket, Refused> {
        let mut state = self.shared.state.lock();
        let number = state.next_number;
        let share = self.shared.share;
        let job = Job { number, model: Arc::clone(model), work };
        let lane = state.lanes.entry(Arc::clone(model)).or_default();
        if lane.lost >= share {
            return Err(Refused::Occupied(lane.lost));
        }
        if lane.taken >= share {
            lane.waiting.push_back(job);
        } else {
            lane.taken += 1;
            state.ready.push_back(job);
            self.shared.hire(&mut state);
            if state.threads == 0 {
                state.ready.pop_back();
                state.leave_lane(model);
                return Err(Refused::NoThread);
            }
        }
        state.next_number += 1;
        state.phases.insert(number, Phase::Waiting);
        drop(state);
        self.shared.work.notify_one();
        Ok(Ticket { number, model: Arc::clone(model), shared: Arc::clone(&self.shared) })
    }
}

impl Ticket {
    /// Nobody waits for the job any more: it leaves the line with all that it holds, or its thread is given up for lost until it
    /// returns.
    pub(crate) fn abandon(&self) {
        let mut state = self.shared.state.lock();
        match state.phases.get_mut(&self.number) {
            Some(Phase::Waiting) => {
                let job = state.remove(self.number, &self.model);
                drop(state);
                // What it holds may be large, or have a drop of its own to run: not under the lock.
                drop(job);
            }
            Some(phase @ Phase::Running) => {
                *phase = Phase::Lost;
                state.threads -= 1;
                if let Some(lane) = state.lanes.get_mut(&self.model) {
                    lane.lost += 1;
                }
                self.shared.hire(&mut state);
            }
            Some(Phase::Lost) | None => {}
        }
    }
}

impl Drop for Pool {
    /// Lets the threads go when they are done; does not wait for those that never are.
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    /// Starts a thread if there is more to do than idle threads will take.
    fn hire(self: &Arc<Self>, state: &mut State) {
        if state.ready.len() > state.idle && state.threads < self.most_threads {
            let shared = Arc::clone(self);
            // If the system has no thread left, those that there are will come to it.
            let started = std::thread::Builder::new().name(self.name.into()).spawn(move || shared.run());
            state.threads += usize::from(started.is_ok());
        }
    }

    fn run(self: &Arc<Self>) {
        let mut state = self.state.lock();
        loop {
            let Some(Job { number, model, work }) = state.ready.pop_front() else {
                if state.closed {
                    return;
                }
                state.idle += 1;
                state = self.work.wait(state);
                state.idle -= 1;
                continue;
            };
            state.phases.insert(number, Phase::Running);
            drop(state);
            // A flight catches the panics of its members; one from anywhere else must not cost the pool a thread.
            let _ = catch_unwind(AssertUnwindSafe(work));
            state = self.state.lock();
            let lost = state.phases.remove(&number) == Some(Phase::Lost);
            if lost && let Some(lane) = state.lanes.get_mut(&model) {
                lane.lost -= 1;
            }
            state.leave_lane(&model);
            if lost {
                // It was replaced meanwhile; if there is room it is one of the pool again.
                if state.threads >= self.most_threads {
                    drop(state);
                    self.work.notify_one();
                    return;
                }
                state.threads += 1;
            }
        }
    }
}

impl State {
    /// Takes a job that has not begun out of its line.
    fn remove(&mut self, number: u64, model: &Arc<str>) -> Option<Job> {
        self.phases.remove(&number);
        if let Some(lane) = self.lanes.get_mut(model)
            && let Ok(at) = lane.waiting.binary_search_by_key(&number, |job| job.number)
        {
            return lane.waiting.remove(at);
        }
        let at = self.ready.iter().position(|job| job.number == number)?;
        let job = self.ready.remove(at);
        self.leave_lane(model);
        job
    }

    /// A job of the model is over: the next one in its line may run.
    fn leave_lane(&mut self, model: &Arc<str>) {
        let Some(lane) = self.lanes.get_mut(model) else { return };
        match lane.waiting.pop_front() {
            Some(next) => self.ready.push_back(next),
            None => {
                lane.taken -= 1;
                if lane.taken == 0 {
                    self.lanes.remove(model);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        let held =
            (state.ready.len(), state.lanes.len(), state.phases.len(), state.lanes[&Arc::from("a")].taken);
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
}
