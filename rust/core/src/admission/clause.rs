//! The clauses, by the names that users see.

use std::sync::Arc;

use super::Ask;
use crate::snapshot::Model;

/// A reason for which a model may not serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clause {
    /// The role does not answer requests.
    Role,
    /// The stage does not serve.
    Stage,
    /// The policy keeps it out.
    Policy,
    /// A privilege was not granted.
    Privilege,
    /// The request names another model.
    NotAsked,
    /// The contract does not accept the task.
    Task,
    /// … the language.
    Language,
    /// … the kind of input.
    Modality,
    /// … the length of the input.
    InputSize,
    /// … the data class.
    DataClass,
    /// … the jurisdiction.
    Jurisdiction,
    /// Its price is unknown and money is limited.
    UnknownPrice,
    /// The payer cannot afford its worst case.
    Budget,
}

impl Clause {
    /// Every clause.
    pub const ALL: [Clause; 13] = [
        Clause::Role,
        Clause::Stage,
        Clause::Policy,
        Clause::Privilege,
        Clause::NotAsked,
        Clause::Task,
        Clause::Language,
        Clause::Modality,
        Clause::InputSize,
        Clause::DataClass,
        Clause::Jurisdiction,
        Clause::UnknownPrice,
        Clause::Budget,
    ];

    /// The name of the clause.
    pub fn name(self) -> &'static str {
        match self {
            Clause::Role => "role",
            Clause::Stage => "stage",
            Clause::Policy => "policy",
            Clause::Privilege => "privilege",
            Clause::NotAsked => "not_asked",
            Clause::Task => "task",
            Clause::Language => "language",
            Clause::Modality => "modality",
            Clause::InputSize => "input_size",
            Clause::DataClass => "data_class",
            Clause::Jurisdiction => "jurisdiction",
            Clause::UnknownPrice => "unknown_price",
            Clause::Budget => "budget",
        }
    }

    /// What this clause has against this model, for this request. Begins with the name of the clause.
    pub fn words(self, model: &Model, ask: &Ask) -> String {
        let contract = |accepted: &[Arc<str>], wanted: &Option<Arc<str>>| match wanted {
            Some(wanted) => format!("accepts {}, not {wanted}", accepted.join(", ")),
            None => format!("accepts {}, and the request leaves it unstated", accepted.join(", ")),
        };
        let words = match self {
            Clause::Role => format!("a {} does not answer requests", model.role.name()),
            Clause::Stage => format!("it is {}, only active models serve", model.stage.name()),
            Clause::Policy => model.denied_by.as_deref().unwrap_or("the policy keeps it out").to_owned(),
            Clause::Privilege => format!("{} not granted", model.privileges_missing.join(", ")),
            Clause::NotAsked => format!("the request asks for {}", ask.model.as_deref().unwrap_or("another")),
            Clause::Task => contract(&model.tasks, &ask.task),
            Clause::Language => contract(&model.languages, &ask.language),
            Clause::Modality => contract(&model.modalities, &ask.modality),
            Clause::DataClass => contract(&model.data_classes, &ask.data_class),
            Clause::Jurisdiction => contract(&model.jurisdictions, &ask.jurisdiction),
            Clause::InputSize => format!("reads {} bytes, not {}", model.max_input_bytes, ask.input_bytes),
            Clause::UnknownPrice => {
                "its price is unknown and money is limited; state a price, 0 for free".to_owned()
            }
            Clause::Budget => "its worst case does not fit into the budget".to_owned(),
        };
        format!("{}: {words}", self.name())
    }
}
