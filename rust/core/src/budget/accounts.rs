//! All accounts, and the path that one payer's spending takes through them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Account, Amounts, Limits, Refused, Reservation, Resource};
use crate::sync::RwLock;

/// The accounts of a process, by name. An account keeps what it has spent when its limit changes.
#[derive(Debug, Default)]
pub struct Accounts {
    by_name: RwLock<HashMap<Arc<str>, Arc<Account>>>,
}

impl Accounts {
    /// Creates the account, or gives an existing one new limits.
    pub fn declare(&self, name: &str, limits: Limits) -> Arc<Account> {
        let mut by_name = self.by_name.write();
        if let Some(account) = by_name.get(name) {
            account.limit_to(limits);
            return Arc::clone(account);
        }
        let name: Arc<str> = name.into();
        let account = Arc::new(Account::new(Arc::clone(&name), limits));
        by_name.insert(name, Arc::clone(&account));
        account
    }

    /// Lifts the limits of every account that is not in `names`; what they have spent stays.
    pub fn unlimit_all_but(&self, names: &[&str]) {
        for (name, account) in self.by_name.read().iter() {
            if !names.contains(&name.as_ref()) {
                account.limit_to(Limits::default());
            }
        }
    }

    /// The declared account of that name.
    pub fn get(&self, name: &str) -> Option<Arc<Account>> {
        self.by_name.read().get(name).cloned()
    }

    /// Every account, by name.
    pub fn all(&self) -> Vec<Arc<Account>> {
        let mut all: Vec<_> = self.by_name.read().values().cloned().collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }

    /// The accounts that pay for `name`: of `acme/web/key`, those of `acme`, `acme/web` and `acme/web/key` that are
    /// declared, then an account for this one request if it has limits of its own.
    pub fn path(&self, name: &str, request: Option<Limits>) -> AccountPath {
        let mut accounts = Vec::new();
        if !name.is_empty() {
            let by_name = self.by_name.read();
            if !by_name.is_empty() {
                let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
                accounts.extend(ends.filter_map(|end| by_name.get(&name[..end]).cloned()));
            }
        }
        if let Some(limits) = request.filter(Limits::any) {
            accounts.push(Arc::new(Account::new("request".into(), limits)));
        }
        AccountPath { accounts }
    }
}

/// The accounts that one request draws on, from the widest to the narrowest.
#[derive(Clone, Debug, Default)]
pub struct AccountPath {
    accounts: Vec<Arc<Account>>,
}

impl AccountPath {
    /// Holds `amounts` on every account of the path, or on none.
    pub fn reserve(&self, amounts: Amounts) -> Result<Reservation, Refused> {
        Reservation::take(&self.accounts, amounts)
    }

    /// The least headroom on the path; `None` is no limit.
    pub fn headroom(&self, resource: Resource) -> Option<u64> {
        self.accounts.iter().filter_map(|account| account.headroom(resource)).min()
    }

    /// Whether any account of the path limits the resource.
    pub fn limits(&self, resource: Resource) -> bool {
        self.headroom(resource).is_some()
    }

    /// Whether the path has no account at all.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}
