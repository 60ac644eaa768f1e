//! Eligible, or the clauses that fail.

use std::sync::Arc;

use super::{Ask, Clause};
use crate::snapshot::{Mask, Snapshot};

/// For every clause, the models that pass it; and those that pass all.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    eligible: Mask,
    passing: [Mask; Clause::ALL.len()],
}

/// Checks every model against every clause. `affordable` is the verdict of the budget: it depends on the live state, so it
/// is passed in (and recorded), and the same call replays.
pub fn admit(snapshot: &Snapshot, ask: &Ask, affordable: &Mask) -> Verdict {
    let all = snapshot.all;
    let mut passing = [all; Clause::ALL.len()];
    let mut set = |clause: Clause, mask: Mask| passing[clause as usize] = mask;
    set(Clause::Role, snapshot.answering);
    set(Clause::Stage, snapshot.active);
    set(Clause::Policy, snapshot.permitted);
    set(Clause::Privilege, snapshot.privileged);
    set(Clause::Task, snapshot.tasks.accepting(ask.task.as_deref()));
    set(Clause::Language, snapshot.languages.accepting(ask.language.as_deref()));
    set(Clause::Modality, snapshot.modalities.accepting(ask.modality.as_deref()));
    set(Clause::DataClass, snapshot.data_classes.accepting(ask.data_class.as_deref()));
    set(Clause::Jurisdiction, snapshot.jurisdictions.accepting(ask.jurisdiction.as_deref()));
    set(Clause::Budget, affordable.and(&all));
    if let Some(name) = &ask.model {
        set(Clause::NotAsked, snapshot.find(name).map(usize::from).into_iter().collect());
    }
    if ask.input_bytes > snapshot.least_max_input_bytes {
        let fits = |index: &usize| ask.input_bytes <= snapshot.spec.models[*index].max_input_bytes;
        set(Clause::InputSize, all.iter().filter(fits).collect());
    }
    if ask.money_is_limited {
        set(Clause::UnknownPrice, snapshot.priced);
    }
    let eligible = passing.iter().fold(all, |eligible, mask| eligible.and(mask));
    Verdict { eligible, passing }
}

impl Verdict {
    /// The models that may serve.
    pub fn eligible(&self) -> &Mask {
        &self.eligible
    }

    /// The clauses that a model fails; none if it is eligible.
    pub fn failed(&self, index: usize) -> impl Iterator<Item = Clause> + '_ {
        Clause::ALL.into_iter().filter(move |clause| !self.passing[*clause as usize].contains(index))
    }

    /// For each excluded model, in words, every clause that it fails.
    pub fn reasons(&self, snapshot: &Snapshot, ask: &Ask) -> Vec<(Arc<str>, Vec<String>)> {
        let excluded = |index: &usize| !self.eligible.contains(*index);
        let words = |index: usize| {
            let model = &snapshot.spec.models[index];
            (Arc::clone(&model.id), self.failed(index).map(|clause| clause.words(model, ask)).collect())
        };
        (0..snapshot.spec.models.len()).filter(excluded).map(words).collect()
    }
}
