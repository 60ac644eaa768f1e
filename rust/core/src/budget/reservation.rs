//! An amount held on every account of a path until it is settled or released.

use std::sync::Arc;

use super::{Account, Amounts, Resource};

/// Why a reservation was not made. Nothing is held after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("account {account} holds {held} of {limit} {}, {needed} more do not fit", resource.name())]
pub struct Refused {
    /// The account that said no.
    pub account: Arc<str>,
    /// The resource that is short.
    pub resource: Resource,
    /// Its limit.
    pub limit: u64,
    /// Committed and reserved together.
    pub held: u64,
    /// What was asked for.
    pub needed: u64,
}

/// Held amounts. Dropping it releases them, so that a call that never happened is never charged.
#[derive(Debug)]
#[must_use = "a reservation that is dropped is released"]
pub struct Reservation {
    accounts: Vec<Arc<Account>>,
    amounts: Amounts,
}

impl Reservation {
    pub(super) fn take(accounts: &[Arc<Account>], amounts: Amounts) -> Result<Self, Refused> {
        // Grows account by account: if one refuses, dropping the part that is held gives it back.
        let mut held = Self { accounts: Vec::with_capacity(accounts.len()), amounts };
        for account in accounts {
            account.hold(&amounts)?;
            held.accounts.push(Arc::clone(account));
        }
        Ok(held)
    }

    /// What is held.
    pub fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// Charges what was used and gives back the rest.
    pub fn settle(mut self, used: Amounts) {
        for account in self.accounts.drain(..) {
            account.settle(&self.amounts, &used);
        }
    }

    /// Gives everything back.
    pub fn release(self) {}
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for account in self.accounts.drain(..) {
            account.settle(&self.amounts, &Amounts::default());
        }
    }
}
