//! One call to one model: how it ended, what it used, and whether its reply may be believed.
//!
//! **The problem.** A member can fail in many ways, and a reply can be wrong without failing: a NaN, a label that
//! nobody declared. Whatever happens, a leg has exactly one stated outcome, and is charged exactly once.

mod check;
mod outcome;
mod record;
mod reply;
mod turn;

pub use check::check;
pub use outcome::{Outcome, Why};
pub use record::{Leg, LegRole};
pub use reply::{Fault, Reply, Usage};
pub use turn::Turn;
