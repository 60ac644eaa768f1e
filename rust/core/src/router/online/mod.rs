//! Learning while serving: what feedback on single answers teaches, one observation at a time.
//!
//! **The problem.** A batch fit knows yesterday. Prompts, models and prices change meanwhile, and a refit for every answer that
//! somebody graded is out of the question. Ridge regression needs none: its solution after one more observation
//! follows from the one before in d² steps (Sherman and Morrison 1950), whatever number of observations came before.
//!
//! | file | what |
//! |---|---|
//! | `ridge` | one regression, kept up to date |
//! | `lin_ucb` | a bandit over several: which arm, seen from this context |
//! | `learner` | one per model of a router: the residuals of its predictions |
//!
//! Everything is deterministic: the same observations in the same order give the same numbers, bit for bit.

mod learner;
mod lin_ucb;
mod ridge;

pub use learner::{Learned, Learner};
pub use lin_ucb::LinUcb;
pub use ridge::{OnlineError, Ridge};
