//! Which task a prompt is, when its request does not say.
//!
//! **The problem.** Contracts, plans and budgets are by task, and callers forget to state it. A small classifier reads it from the
//! features that the request has anyway. It answers with a calibrated probability, and abstains below a threshold: a
//! wrong task is worse than none, since a specialist would answer what it knows nothing of.

use std::sync::Arc;

use super::router_weights::exp_below_zero;
use crate::text::{Extractor, Features, WeightTable};

/// A linear classifier whose labels are tasks.
#[derive(Clone, Debug)]
pub struct IntentWeights {
    table: WeightTable,
    tasks: Vec<Arc<str>>,
    temperature: f32,
    digest: Arc<str>,
}

/// Weights that would not mean anything.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum IntentError {
    /// A column without a task, or a task without a column.
    #[error("{tasks} tasks for {columns} columns of weights")]
    Tasks {
        /// How many tasks are named.
        tasks: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// One task has two columns.
    #[error("two columns are called {0}")]
    Duplicate(Arc<str>),
    /// Scores are divided by it.
    #[error("the temperature is {0}, it has to be above 0")]
    Temperature(f32),
}

impl IntentWeights {
    /// One task per column. Scores are divided by `temperature` before the softmax, so that the probability of the likeliest task is
    /// calibrated (Guo et al. 2017). `digest` is that of the file.
    pub fn new(
        table: WeightTable,
        tasks: Vec<Arc<str>>,
        temperature: f32,
        digest: Arc<str>,
    ) -> Result<Self, IntentError> {
        if tasks.len() != table.columns() {
            return Err(IntentError::Tasks { tasks: tasks.len(), columns: table.columns() });
        }
        if let Some((_, twice)) = tasks.iter().enumerate().find(|(at, task)| tasks[..*at].contains(task)) {
            return Err(IntentError::Duplicate(Arc::clone(twice)));
        }
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(IntentError::Temperature(temperature));
        }
        Ok(Self { table, tasks, temperature, digest })
    }

    /// The weights.
    pub fn table(&self) -> &WeightTable {
        &self.table
    }

    /// What scores are divided by.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// What turns a prompt into the features that it reads.
    pub fn extractor(&self) -> &Extractor {
        self.table.extractor()
    }

    /// The tasks, by column.
    pub fn tasks(&self) -> &[Arc<str>] {
        &self.tasks
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// The column of the likeliest task, the first of equals, and its calibrated probability. The same bits on every machine.
    ///
    /// # Panics
    /// For the features of another spec.
    pub fn likeliest(&self, features: &Features) -> (usize, f32) {
        let mut scores = vec![0.0; self.table.columns()];
        self.table.score_into(features, &mut scores);
        let best = (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best });
        let top = scores[best];
        let total: f32 = scores.iter().map(|score| exp_below_zero((score - top) / self.temperature)).sum();
        (best, 1.0 / total)
    }
}

/// Why no task was inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abstention {
    /// The probability of the likeliest task is below the threshold.
    LowConfidence,
    /// No model that serves accepts the likeliest task.
    NobodyAccepts,
    /// There is no text to read it from.
    NothingToRead,
}

impl Abstention {
    /// The name of the reason.
    pub fn name(self) -> &'static str {
        match self {
            Abstention::LowConfidence => "low_confidence",
            Abstention::NobodyAccepts => "nobody_accepts",
            Abstention::NothingToRead => "nothing_to_read",
        }
    }
}

/// What an intent model said of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// The likeliest task.
    pub likeliest: Arc<str>,
    /// Its calibrated probability.
    pub confidence: f32,
    /// Why it does not count, if it does not.
    pub abstained: Option<Abstention>,
}

impl Inferred {
    /// The task, unless it abstained.
    pub fn task(&self) -> Option<&Arc<str>> {
        self.abstained.is_none().then_some(&self.likeliest)
    }
}

/// An intent model in its population.
#[derive(Clone, Debug)]
pub struct Intent {
    weights: IntentWeights,
    /// Whether some model that serves accepts the task, by column.
    served: Vec<bool>,
    min_confidence: f32,
}

impl Intent {
    pub(super) fn new(weights: IntentWeights, min_confidence: f32, served: impl Fn(&str) -> bool) -> Self {
        let served = weights.tasks.iter().map(|task| served(task)).collect();
        Self { weights, served, min_confidence }
    }

    /// The classifier.
    pub fn weights(&self) -> &IntentWeights {
        &self.weights
    }

    /// Reads the task of a prompt, or abstains.
    pub fn infer(&self, features: &Features) -> Inferred {
        let (column, confidence) = self.weights.likeliest(features);
        let abstained = if features.indices.is_empty() {
            Some(Abstention::NothingToRead)
        } else if confidence < self.min_confidence {
            Some(Abstention::LowConfidence)
        } else {
            (!self.served[column]).then_some(Abstention::NobodyAccepts)
        };
        Inferred { likeliest: Arc::clone(&self.weights.tasks[column]), confidence, abstained }
    }
}
