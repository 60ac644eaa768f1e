//! What a model is when it runs.
//!
//! To add a member: one file here that implements [`Member`], and says where it runs. What configures it is a
//! Python file in `ecology/backends`.

mod linear;
mod openai;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use ecology_core::Value;
use ecology_core::leg::{Fault, Reply};
use ecology_core::text::Features;

use crate::net::reactor::{Call, Reactor};

pub use linear::LinearMember;
pub use openai::{Api, Confidence, OpenAiConfig, OpenAiMember, Output};

/// Where a member runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the caller's thread: bounded microseconds, never blocks.
    Inline,
    /// On a pool below the core count: work for the processor.
    Compute,
    /// On a thread of its own while it lasts: may block.
    Thread,
    /// On an event loop, by whoever drives the flight.
    Loop,
    /// On a reactor: it waits for the network.
    Io,
}

/// What a leg is given. Shared by all legs of a request.
#[derive(Clone, Debug)]
pub struct LegInput {
    /// The text of the input; empty when it has none.
    pub text: Arc<str>,
    /// What it looks like.
    pub features: Arc<Features>,
    /// The input as data, if a member [reads](Member::reads_content) it.
    pub content: Option<Value>,
    /// The input as the host knows it (a Python object), for members that are the host's.
    pub host: Option<Arc<dyn Any + Send + Sync>>,
    /// When the leg's time is over, for members on a pool, which may end their work then.
    pub ends_by: Option<Instant>,
}

/// One loaded model.
pub trait Member: Debug + Send + Sync {
    /// Where [`call`](Member::call) may be made.
    fn place(&self) -> Place;

    /// Answers. Measures its own processor time only if it knows better than the clock of its thread: a
    /// `compute_ns` of 0 is filled in by the flight, which also measures a call that fails.
    fn call(&self, input: &LegInput) -> Result<Reply, Fault>;

    /// The call as a future, by a member that runs on a reactor; `None` by any other.
    fn ask(&self, _input: &LegInput, _reactor: &Reactor) -> Option<Call> {
        None
    }

    /// Whether it reads [`LegInput::content`].
    fn reads_content(&self) -> bool {
        self.place() == Place::Io
    }

    /// The member itself, for a host that knows its kind (a `Loop` member is started by the host).
    fn as_any(&self) -> &dyn Any;
}
