//! What a model is when it runs.
//!
//! To add a member: one file here that implements [`Member`], and says where it runs. What configures it is a
//! Python file in `ecology/backends`.

mod linear;
pub mod onnx;
mod openai;
mod stop;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use ecology_core::leg::{Fault, Reply};
use ecology_core::text::{FeatureSpec, Features, StaticEmbedding};
use ecology_core::{Tensor, Value};

use crate::net::reactor::{Call, Reactor};

pub use linear::LinearMember;
pub use onnx::OnnxMember;
pub use openai::{Api, Confidence, OpenAiConfig, OpenAiMember, Output};
pub use stop::Stop;

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

/// What a member needs of the input beside its features and the host's own form, so that nothing is copied for nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Its text.
    pub text: bool,
    /// All of it, as data.
    pub content: bool,
    /// Its numbers.
    pub tensor: bool,
}

/// What a leg is given. Shared by all legs of a request.
#[derive(Clone, Debug, Default)]
pub struct LegInput {
    /// The text of the input; empty when it has none, or when nobody reads it here.
    pub text: Arc<str>,
    /// What it looks like.
    pub features: Arc<Features>,
    /// Under which spec, if that is known.
    pub spec: Option<Arc<FeatureSpec>>,
    /// The input as data, if a member reads it as that.
    pub content: Option<Value>,
    /// The input as an array, or why it is none; `None` when nobody reads it.
    pub tensor: Option<Result<Arc<Tensor>, Arc<str>>>,
    /// The input as the host knows it (a Python object), for members that are the host's.
    pub host: Option<Arc<dyn Any + Send + Sync>>,
    /// Whether the plan takes the votes of several members together, so that a classifier says what it thinks of every label.
    pub votes: bool,
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

    /// As [`call`](Member::call), by a thread that cannot be interrupted: once `stop` is asked for, nobody waits for the reply any more.
    fn call_until(&self, input: &LegInput, _stop: &Stop) -> Result<Reply, Fault> {
        self.call(input)
    }

    /// Whether this call is bound to come back in microseconds, whatever the input holds, so that the calling thread makes it
    /// itself although the member's place is another one. By what is known of the work: a measurement binds nobody.
    fn brief(&self, _input: &LegInput) -> bool {
        false
    }

    /// What it needs of the input.
    fn reads(&self) -> Reads {
        Reads::default()
    }

    /// The static embedding that the features it reads are made with.
    fn embedding(&self) -> Option<&Arc<StaticEmbedding>> {
        None
    }

    /// The member itself, for a host that knows its kind (a `Loop` member is started by the host).
    fn as_any(&self) -> &dyn Any;
}
