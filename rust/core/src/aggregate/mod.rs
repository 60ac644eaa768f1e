//! Which of several replies is the answer.
//!
//! **The problem.** Members say the same thing in different words: `{"a":1,"b":2.0}` and `{"b":2,"a":1}` are one vote.
//! Replies are brought to a canonical form, then counted; disagreement is reported with the winner, never averaged away.
//!
//! ```
//! use ecology_core::{Value, aggregate::majority};
//!
//! let replies = ["refund", "lost card", "refund"].map(Value::from);
//! let verdict = majority(&replies.each_ref().map(Some)).unwrap();
//! assert_eq!(verdict.index, 0);
//! assert_eq!(verdict.support, 2);
//! ```
//!
//! To add an aggregator: one file here with a function from replies to [`Verdict`], one line below, one binding.

mod average;
mod best_confidence;
mod canonical;
mod canonical_json;
mod majority;
mod verdict;

pub use average::{Average, average};
pub use best_confidence::best_confidence;
pub use canonical::canonical;
pub use majority::majority;
pub use verdict::{TieRule, Verdict};
