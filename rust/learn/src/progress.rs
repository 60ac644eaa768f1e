//! How far a training is, told from several threads as one rising number.

use std::sync::{Mutex, PoisonError};

/// Adds up the shares that parts of a training have done and tells the sum.
pub(crate) struct Progress<'t> {
    tell: &'t (dyn Fn(f32) + Sync),
    done: Mutex<f32>,
}

impl<'t> Progress<'t> {
    pub(crate) fn new(tell: &'t (dyn Fn(f32) + Sync)) -> Self {
        Self { tell, done: Mutex::new(0.0) }
    }

    /// A part of the whole that is `share` of it.
    pub(crate) fn part(&self, share: f32) -> Part<'_, 't> {
        Part { whole: self, share, done: 0.0 }
    }
}

/// One part: a fold, or a block of columns.
pub(crate) struct Part<'p, 't> {
    whole: &'p Progress<'t>,
    share: f32,
    done: f32,
}

impl<'p, 't> Part<'p, 't> {
    /// A part of this part that is `share` of it.
    pub(crate) fn part(&self, share: f32) -> Part<'p, 't> {
        Part { whole: self.whole, share: self.share * share, done: 0.0 }
    }

    /// `done` of this part, in [0, 1], is done.
    pub(crate) fn advance(&mut self, done: f32) {
        // Told under the lock, so that the number never goes back. A teller that panicked before is told again.
        let mut whole = self.whole.done.lock().unwrap_or_else(PoisonError::into_inner);
        *whole += self.share * (done - self.done);
        self.done = done;
        (self.whole.tell)(whole.min(1.0));
    }
}
