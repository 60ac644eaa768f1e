//! `ecology-core` decides and counts. It performs no I/O and owns neither clock nor randomness: the time and the
//! seed are passed in, so that every decision can be replayed, simulated and tested without a sleep.
//!
//! A request passes the rooms from top to bottom:
//!
//! | room | question |
//! |---|---|
//! | [`text`] | what does the prompt look like? |
//! | [`snapshot`] | what does the population consist of, and what has it spent? |
//! | [`admission`] | which models may serve, and why may the others not? |
//! | [`router`] | which of those is best, and how sure is that? |
//! | [`budget`] | who pays, and is it affordable? |
//! | [`leg`] | how did one call to one model end? |
//! | [`plan`] | which legs come next? |
//! | [`aggregate`] | which of several replies is the answer? |
//! | [`journey`] | the way of one request through all of them |

pub mod admission;
pub mod aggregate;
pub mod budget;
pub mod journey;
pub mod leg;
pub mod plan;
pub mod router;
pub mod snapshot;
pub mod sync;
pub mod text;
mod value;
mod votes;

pub use value::{Tensor, Value};
pub use votes::Votes;
