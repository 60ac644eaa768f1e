//! How the legs of one request come back to whoever waits for it.

use std::fmt;
use std::time::Instant;

use ecology_core::leg::{Fault, Reply};
use ecology_core::sync::{Condvar, Mutex};

/// A leg that has ended, and how; and the processor time that it took, if the reply does not say.
#[derive(Debug)]
pub struct Post {
    pub(crate) leg: usize,
    pub(crate) result: Result<Reply, Fault>,
    pub(crate) compute_ns: u64,
}

/// Tells a waiting event loop that there is post.
pub(crate) type Notify = Box<dyn Fn() + Send + Sync>;

/// Post of one request. A thread waits on it, or an event loop is told.
#[derive(Default)]
pub struct Mailbox {
    posts: Mutex<Vec<Post>>,
    arrived: Condvar,
    notify: Option<Notify>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("posts", &self.posts.lock().len()).finish_non_exhaustive()
    }
}

impl Mailbox {
    pub(crate) fn new(notify: Option<Notify>) -> Self {
        Self { notify, ..Self::default() }
    }

    /// Delivers a leg whose processor time nobody measured.
    pub fn post(&self, leg: usize, result: Result<Reply, Fault>) {
        self.deliver(Post { leg, result, compute_ns: 0 });
    }

    /// Delivers. Several deliveries before anybody looks are one wake-up.
    pub(crate) fn deliver(&self, post: Post) {
        let mut posts = self.posts.lock();
        let first = posts.is_empty();
        posts.push(post);
        drop(posts);
        match &self.notify {
            Some(notify) if first => notify(),
            Some(_) => {}
            None => self.arrived.notify_one(),
        }
    }

    /// Takes whatever is there.
    pub(crate) fn take(&self) -> Vec<Post> {
        std::mem::take(&mut *self.posts.lock())
    }

    /// Waits for post until `until`, then takes what is there.
    pub(crate) fn wait(&self, until: Instant) -> Vec<Post> {
        let mut posts = self.arrived.wait_while_until(self.posts.lock(), until, |posts| posts.is_empty());
        std::mem::take(&mut *posts)
    }
}
