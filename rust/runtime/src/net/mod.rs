//! Talking to model servers: which addresses may be reached, connections, one exchange, and the threads that wait for them.
//!
//! **The problem.** A model server can be slow, absent or hostile in each phase of a call, and a description can name an
//! address that nobody should reach from inside a service. Whatever happens, an exchange ends inside its bounds with a failure
//! that says in which phase, and no more than the stated number of bytes is ever held.
//!
//! | file | owns |
//! |---|---|
//! | [`address`] | which addresses may be reached |
//! | [`connect`] | from a name to a connection, inside its bound |
//! | [`endpoint`] | where a member's requests go, and with what |
//! | [`exchange`] | one request and its reply |
//! | [`reactor`] | connections kept by whoever drives them: the calling thread, or one thread of the engine |

pub mod address;
pub mod connect;
pub mod endpoint;
pub mod exchange;
pub mod reactor;
