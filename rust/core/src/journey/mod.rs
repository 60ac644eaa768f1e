//! The way of one request through the rooms.
//!
//! **The problem.** Deadlines, fallbacks, budgets and cancellation meet in every request, and code that mixes them with
//! waiting cannot be tested without sleeping. A [`Journey`] is a state machine that never waits: a carrier tells it what
//! happened and when ([`Input`]), and it says what to do ([`Effect`]).
//!
//! ```text
//! Routed::route ── admission ── router ──┐
//!                                       ▼
//!            carrier ── Input ──▶ advance(now) ── Effect ──▶ carrier
//!                                       │ plan · budget · leg
//!                                       ▼
//!                                   Finished: answer and attribution
//! ```

mod attribution;
mod effect;
mod feedback;
mod finished;
mod machine;
mod record;
mod request;
mod routed;
mod settle;

pub use effect::{Effect, Input};
pub use feedback::{AnswerId, Feedback, FeedbackCounts, FeedbackError, FeedbackRow, Graded, RankedRow};
pub use finished::{Combined, Finished};
pub use machine::Journey;
pub use record::{DecisionRecord, ReplayError, replay};
pub use request::{Refusal, Request};
pub use routed::{Chooser, Routed};

/// The live state of a process whose events are finished requests, and whose answers wait for feedback.
pub type Live = crate::snapshot::Live<std::sync::Arc<Finished>, Feedback>;
