//! Threads that carry out legs which may block.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
    closed: bool,
    /// Threads do not survive a fork; a child starts its own.
    process: u32,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

/// A pool that grows when nobody is idle, up to a bound. A job that never returns keeps its thread; what does not fit
/// waits in line, and its leg times out there.
pub(crate) struct Pool {
    name: &'static str,
    most_threads: usize,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name)
            .field("most_threads", &self.most_threads)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// Starts no thread yet.
    pub(crate) fn new(name: &'static str, most_threads: usize) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new() });
        Self { name, most_threads: most_threads.max(1), shared }
    }

    /// Queues a job. Gives it back if no thread can be had for it.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Job> {
        let mut state = self.shared.state.lock();
        let process = std::process::id();
        if state.process != process {
            *state = State { process, ..State::default() };
        }
        if state.closed {
            return Err(job);
        }
        // One waiting job per idle thread is what the idle ones will take.
        if state.jobs.len() >= state.idle && state.threads < self.most_threads {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name(self.name.into()).spawn(move || work(&shared));
            match started {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads == 0 => return Err(job),
                // The system has no thread left; those that there are will come to it.
                Err(_) => {}
            }
        }
        state.jobs.push_back(job);
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }
}

impl Drop for Pool {
    /// Lets the threads go when they are done; does not wait for those that never are.
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.work.notify_all();
    }
}

fn work(shared: &Shared) {
    let mut state = shared.state.lock();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            drop(state);
            job();
            state = shared.state.lock();
        } else if state.closed {
            return;
        } else {
            state.idle += 1;
            shared.work.wait(&mut state);
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_job_that_blocks_does_not_hold_up_another() {
        let pool = Pool::new("test", 4);
        let (release, blocked) = mpsc::channel::<()>();
        let (done, finished) = mpsc::channel();
        assert!(pool.submit(Box::new(move || assert!(blocked.recv().is_err()))).is_ok());
        for n in 0..10 {
            let done = done.clone();
            assert!(pool.submit(Box::new(move || done.send(n).unwrap())).is_ok());
        }
        let mut seen: Vec<i32> =
            (0..10).map(|_| finished.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        drop(release);
    }
}
