//! Who may spend how much, and who has spent what.
//!
//! **The problem.** Many threads spend from the same accounts at once, before they know what a call will cost.
//! So a worst case is *reserved* first, on every account of the payer's path or on none; afterwards the real use is
//! *settled* and the rest goes back. At every instant, committed + reserved ≤ limit.
//!
//! ```
//! use ecology_core::budget::{Accounts, Amounts, Limits, Resource};
//!
//! let accounts = Accounts::default();
//! accounts.declare("acme/web", Limits::default().with(Resource::NanoUsd, 1_000));
//! let path = accounts.path("acme/web", None);
//! let held = path.reserve(Amounts::of(Resource::NanoUsd, 800)).unwrap();
//! assert!(path.reserve(Amounts::of(Resource::NanoUsd, 300)).is_err());
//! held.settle(Amounts::of(Resource::NanoUsd, 500));
//! assert!(path.reserve(Amounts::of(Resource::NanoUsd, 300)).is_ok());
//! ```

mod account;
mod accounts;
mod amounts;
mod counters;
mod reservation;

pub use account::{Account, Standing};
pub use accounts::{AccountPath, Accounts};
pub use amounts::{Amounts, Limits, Resource};
pub use counters::{CounterKey, Counters, Tally};
pub use reservation::{Refused, Reservation};
