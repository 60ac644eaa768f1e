//! Which models may serve a request, and why may the others not?
//!
//! **The problem.** "No model available" helps nobody. Each model gets *eligible*, or the names of all the clauses that it
//! fails. Each clause is one bit mask, so a thousand models cost as much as ten.
//!
//! A clause lives in the file `clause`; the order there is the order in which reasons are told.

mod ask;
mod clause;
mod verdict;

pub use ask::Ask;
pub use clause::Clause;
pub use verdict::{Verdict, admit};
