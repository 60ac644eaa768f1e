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
mod tests;
