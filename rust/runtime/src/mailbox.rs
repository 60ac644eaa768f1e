//! How the legs of one request come back to whoever waits for it.

use std::fmt;
use std::sync::MutexGuard;
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
    pub(crate) at: Instant,
}

impl Post {
    pub(crate) fn now(leg: usize, result: Result<Reply, Fault>, usage: Usage) -> Self {
        Self { leg, result, usage, at: Instant::now() }
    }
}

/// Tells a waiting event loop that there is post.
pub(crate) type Notify = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Inside {
    posts: Vec<Post>,
    /// Whoever waits has nothing to do before there are so many.
    expected: usize,
    /// Of a thread that waits for the network as well.
    waker: Option<Waker>,
}

impl Inside {
    fn is_ripe(&self) -> bool {
        self.posts.len() >= self.expected.max(1)
    }
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

    /// Whether there is as much post as whoever waits needs.
    pub fn is_ripe(&self) -> bool {
        self.inside.lock().is_ripe()
    }

    /// Wakes nobody before there are so many. If there are already, whoever delivered them woke nobody: so this does.
    pub(crate) fn expect(&self, posts: usize) {
        let mut inside = self.inside.lock();
        let before = inside.is_ripe();
        inside.expected = posts;
        if !before && inside.is_ripe() {
            self.tell(inside);
        }
    }

    fn tell(&self, mut inside: MutexGuard<'_, Inside>) {
        let waker = inside.waker.take();
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
        match &self.notify {
            Some(notify) => notify(),
            None => self.arrived.notify_one(),
        }
    }

    /// Whether a thread waits on it; else an event loop is told.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.notify.is_none()
    }

    /// Delivers a leg whose processor time nobody measured.
    pub fn post(&self, leg: usize, result: Result<Reply, Fault>) {
        self.deliver(Post::now(leg, result, Usage::default()));
    }

    /// Delivers where whoever waits does it himself, and so is not told; says whether there is as much as he needs.
    pub fn put(&self, leg: usize, result: Result<Reply, Fault>) -> bool {
        let mut inside = self.inside.lock();
        inside.posts.push(Post::now(leg, result, Usage::default()));
        inside.is_ripe()
    }

    /// Delivers. All that whoever waits needs is one wake-up.
    pub(crate) fn deliver(&self, post: Post) {
        let mut inside = self.inside.lock();
        let before = inside.is_ripe();
        inside.posts.push(post);
        if !before && inside.is_ripe() {
            self.tell(inside);
        }
    }

    /// Takes whatever is there.
    pub(crate) fn take(&self) -> Vec<Post> {
        std::mem::take(&mut self.inside.lock().posts)
    }

    /// Adds `posts`, and takes all if that is enough; else `waker` is told when it is.
    pub(crate) fn take_or_wake(&self, posts: &mut Vec<Post>, waker: &Waker) -> Option<Vec<Post>> {
        let mut inside = self.inside.lock();
        inside.posts.append(posts);
        if inside.is_ripe() {
            return Some(std::mem::take(&mut inside.posts));
        }
        match &mut inside.waker {
            Some(known) if known.will_wake(waker) => {}
            slot => *slot = Some(waker.clone()),
        }
        None
    }

    /// Waits until `until` for as much post as is needed, then takes what is there.
    pub(crate) fn wait(&self, until: Instant) -> Vec<Post> {
        let too_little = |inside: &mut Inside| !inside.is_ripe();
        let mut inside = self.arrived.wait_while_until(self.inside.lock(), until, too_little);
        std::mem::take(&mut inside.posts)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn post(leg: usize) -> Post {
        Post::now(leg, Err(Fault::Failed("it did".into())), Usage::default())
    }

    #[test]
    fn whoever_waits_is_told_once_when_there_is_enough() {
        let told = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&told);
        let mailbox = Mailbox::new(Some(Box::new(move || _ = counter.fetch_add(1, Ordering::Relaxed))));
        mailbox.expect(2);
        mailbox.deliver(post(0));
        assert_eq!(told.load(Ordering::Relaxed), 0);
        mailbox.deliver(post(1));
        mailbox.deliver(post(2));
        assert_eq!((told.load(Ordering::Relaxed), mailbox.take().len()), (1, 3));
    }

    /// One leg timed out and was taken; the other came back before anybody said that it alone is enough.
    #[test]
    fn post_that_becomes_enough_afterwards_is_told_of() {
        let told = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&told);
        let mailbox = Mailbox::new(Some(Box::new(move || _ = counter.fetch_add(1, Ordering::Relaxed))));
        mailbox.expect(2);
        assert!(mailbox.take().is_empty());
        mailbox.deliver(post(1));
        assert_eq!(told.load(Ordering::Relaxed), 0);
        mailbox.expect(1);
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }
}
