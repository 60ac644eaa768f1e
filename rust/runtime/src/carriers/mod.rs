//! Who waits for a flight.
//!
//! `caller` blocks the thread that asked. An event loop needs no carrier here: it is told by the flight's mailbox, and polls.

mod caller;

pub use caller::{Interrupted, Launch, carry};
