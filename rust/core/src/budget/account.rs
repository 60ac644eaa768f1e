//! One account: limits, what is held, what is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Amounts, Limits, Refused, Resource};

const UNLIMITED: u64 = u64::MAX;

/// An account on somebody's path. All numbers are integers, changed by one atomic instruction each.
#[derive(Debug)]
pub struct Account {
    name: Arc<str>,
    limit: [AtomicU64; 4],
    /// Committed and reserved together: the one number that the limit bounds, so that one compare-and-swap decides.
    held: [AtomicU64; 4],
    committed: [AtomicU64; 4],
    /// What was used beyond its reservation. It happened and is not hidden, but it cannot lift `held` over the limit.
    overrun: [AtomicU64; 4],
}

/// What an account looks like at one moment, for one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The most that may be spent; `None` is no limit.
    pub limit: Option<u64>,
    /// Spent for good.
    pub committed: u64,
    /// Reserved for calls that have not ended.
    pub reserved: u64,
    /// Used beyond what had been reserved.
    pub overrun: u64,
}

impl Account {
    pub(super) fn new(name: Arc<str>, limits: Limits) -> Self {
        let account = Self {
            name,
            limit: Default::default(),
            held: Default::default(),
            committed: Default::default(),
            overrun: Default::default(),
        };
        account.limit_to(limits);
        account
    }

    /// The path of the account, such as `acme/web`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn limit_to(&self, limits: Limits) {
        for resource in Resource::ALL {
            let limit = limits.get(resource).unwrap_or(UNLIMITED);
            self.limit[resource as usize].store(limit, Ordering::Release);
        }
    }

    /// What can still be reserved; `None` is no limit.
    pub fn headroom(&self, resource: Resource) -> Option<u64> {
        let limit = self.limit[resource as usize].load(Ordering::Acquire);
        (limit != UNLIMITED)
            .then(|| limit.saturating_sub(self.held[resource as usize].load(Ordering::Acquire)))
    }

    /// The account now. `committed` is read first, so that a settlement in between cannot make `reserved` negative.
    pub fn standing(&self, resource: Resource) -> Standing {
        let i = resource as usize;
        let committed = self.committed[i].load(Ordering::Acquire);
        let held = self.held[i].load(Ordering::Acquire);
        let limit = self.limit[i].load(Ordering::Acquire);
        Standing {
            limit: (limit != UNLIMITED).then_some(limit),
            committed,
            reserved: held.saturating_sub(committed),
            overrun: self.overrun[i].load(Ordering::Acquire),
        }
    }

    pub(super) fn hold(&self, amounts: &Amounts) -> Result<(), Refused> {
        self.hold_within(amounts, UNLIMITED)
    }

    /// Holds all of `amounts` under the limits and under `ceiling`, or nothing.
    fn hold_within(&self, amounts: &Amounts, ceiling: u64) -> Result<(), Refused> {
        for (done, resource) in Resource::ALL.into_iter().enumerate() {
            let needed = amounts.get(resource);
            if needed == 0 {
                continue;
            }
            let limit = self.limit[resource as usize].load(Ordering::Acquire).min(ceiling);
            let outcome =
                self.held[resource as usize].fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| {
                    held.checked_add(needed).filter(|sum| *sum <= limit)
                });
            if let Err(held) = outcome {
                for earlier in &Resource::ALL[..done] {
                    self.held[*earlier as usize].fetch_sub(amounts.get(*earlier), Ordering::AcqRel);
                }
                return Err(Refused { account: Arc::clone(&self.name), resource, limit, held, needed });
            }
        }
        Ok(())
    }

    /// Turns a reservation into what was used. Use beyond the reservation is taken from the headroom if there is any,
    /// else it is counted as overrun.
    pub(super) fn settle(&self, reserved: &Amounts, used: &Amounts) {
        for resource in Resource::ALL {
            let i = resource as usize;
            let (reserved, used) = (reserved.get(resource), used.get(resource));
            let mut commit = used.min(reserved);
            if used > reserved {
                let extra = Amounts::of(resource, used - reserved);
                // Half of the range: a member that claims absurd use must not fill up an account that has no limit.
                match self.hold_within(&extra, Amounts::MAX) {
                    Ok(()) => commit = used,
                    Err(_) => {
                        let add = |overrun: u64| Some(overrun.saturating_add(used - reserved));
                        let _ = self.overrun[i].fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
                    }
                }
            }
            // First give back, then commit: seen from outside, committed never passes held.
            if reserved > commit {
                self.held[i].fetch_sub(reserved - commit, Ordering::AcqRel);
            }
            if commit > 0 {
                self.committed[i].fetch_add(commit, Ordering::AcqRel);
            }
        }
    }
}
