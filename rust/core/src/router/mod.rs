//! Which of the eligible models is best, and how sure is that?
//!
//! **The problem.** The choice is made before anybody has answered, in microseconds, from the prompt alone. While there are
//! no outcomes, typed rules over the signals choose, and say that they are not calibrated, so that doubt goes to the
//! fallback. With outcomes, one linear head per model gives calibrated P(good).
//!
//! [`decide`] is a pure function: the same snapshot, features, verdict and seed give the same decision, bit for bit.

mod decide;
mod decision;
mod exploration;
pub mod online;
mod rank;
mod rules;
mod score;

pub use decide::{Inputs, decide};
pub use decision::{Basis, Decision, Evidence, NotChosen, Ranked};
