//! `ecology-runtime` carries out what `ecology-core` decides: it owns the clock, the threads and the members.
//!
//! | file | owns |
//! |---|---|
//! | [`artifact`] | a weights file: safetensors with what its numbers mean |
//! | [`batch`] | many small pieces of work on all cores |
//! | [`clock`] | time: of the wall, monotonic, and of the processor |
//! | [`engine`] | the current population and the live state |
//! | [`flight`] | one journey and the legs that it has started |
//! | [`learned`] | a file of what was learned on line |
//! | [`members`] | what a model is when it runs |
//! | [`process`] | which process something belongs to |
//! | [`router_file`] | a file of a learned router |
//! | [`carriers`] | who waits: the caller's thread (an event loop drives a flight itself) |
//! | [`net`] | model servers: addresses, connections, exchanges |
//! | `mailbox`, `pool` | how results come back, and where work runs |

pub mod artifact;
pub mod batch;
pub mod carriers;
pub mod clock;
pub mod engine;
pub mod flight;
pub mod learned;
mod mailbox;
pub mod members;
pub mod net;
mod pool;
pub mod process;
pub mod router_file;

pub use mailbox::{Mailbox, Post};
