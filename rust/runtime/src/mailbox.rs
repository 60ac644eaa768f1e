//! How the legs of one request come back to whoever waits for it.

use std::fmt;
use std::task::Waker;
use std::time::Instant;

use ecology_core::leg::{Fault, Reply, Usage};
use ecology_core::sync::{Condvar, Mutex};

/// A leg that has ended, how, and what it took as far as its reply does not say.
#[derive(Debug)]
pub struct Post {
    pub(crate) leg: usize,
    pub(crate) result: Result<Reply, Fault>,
    pub(crate) usage: Usage,
}

/// Tells a waiting event loop that there is post.
pub(crate) type Notify = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Inside {
    posts: Vec<Post>,
    /// Of a thread that waits for the network as well.
    waker: Option<Waker>,
}

/// Post of one request. A thread waits on it, or an event loop is told.
#[derive(Default)]
pub struct Mailbox {
    inside: Mutex<Inside>,
    arrived: Condvar,
    notify: Option<Notify>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("posts", &self.inside.lock().posts.len()).finish_non_exhaustive()
    }
}

impl Mailbox {
    pub(crate) fn new(notify: Option<Notify>) -> Self {
        Self { notify, ..Self::default() }
    }

    /// Whether there is post that nobody has taken.
    pub fn has_post(&self) -> bool {
        !self.inside.lock().posts.is_empty()
    }

    /// Whether a thread waits on it; else an event loop is told.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.notify.is_none()
    }

    /// Delivers a leg whose processor time nobody measured.
    pub fn post(&self, leg: usize, result: Result<Reply, Fault>) {
        self.deliver(Post { leg, result, usage: Usage::default() });
    }

    /// Delivers. Several deliveries before anybody looks are one wake-up.
    pub(crate) fn deliver(&self, post: Post) {
        let mut inside = self.inside.lock();
        let first = inside.posts.is_empty();
        inside.posts.push(post);
        let waker = inside.waker.take();
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
        match &self.notify {
            Some(notify) if first => notify(),
            Some(_) => {}
            None => self.arrived.notify_one(),
        }
    }

    /// Takes whatever is there.
    pub(crate) fn take(&self) -> Vec<Post> {
        std::mem::take(&mut self.inside.lock().posts)
    }

    /// Takes what is there; if there is nothing, `waker` is told when something comes.
    pub(crate) fn take_or_wake(&self, waker: &Waker) -> Vec<Post> {
        let mut inside = self.inside.lock();
        if inside.posts.is_empty() {
            match &mut inside.waker {
                Some(known) if known.will_wake(waker) => {}
                slot => *slot = Some(waker.clone()),
            }
        }
        std::mem::take(&mut inside.posts)
    }

    /// Waits for post until `until`, then takes what is there.
    pub(crate) fn wait(&self, until: Instant) -> Vec<Post> {
        let nothing = |inside: &mut Inside| inside.posts.is_empty();
        let mut inside = self.arrived.wait_while_until(self.inside.lock(), until, nothing);
        std::mem::take(&mut inside.posts)
    }
}
