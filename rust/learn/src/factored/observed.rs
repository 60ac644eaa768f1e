//! What a router is fitted from.

use crate::logistic::check_targets;
use crate::{LearnError, Rows};

/// A task that is not known.
pub const NO_TASK: u32 = u32::MAX;

/// Prompts, and how each model did on each of them.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// The features of each prompt.
    pub rows: &'a Rows,
    /// `[prompts][models]` in [0, 1], NaN where a model was not observed.
    pub scores: &'a [f32],
    /// One per prompt, in `0..tasks`, or [`NO_TASK`].
    pub tasks: Option<&'a [u32]>,
    /// ln of the cost, `[prompts][models]`, NaN where unknown. In any unit: expectations come out in the same one.
    pub log_cost: Option<&'a [f32]>,
    /// ln of the latency, as `log_cost`.
    pub log_latency: Option<&'a [f32]>,
}

/// The sizes that train and validation rows share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Columns of `scores`.
    pub models: usize,
    /// Number of tasks; 0 when none are known.
    pub tasks: usize,
    /// Hash buckets: indices below are n-grams.
    pub buckets: usize,
    /// Dimensions of the static embedding, at the indices from `buckets` on.
    pub embedding: usize,
    /// Other dense features (signals), behind the embedding.
    pub signals: usize,
}

impl Shape {
    /// Number of features.
    pub fn dimension(&self) -> usize {
        self.buckets + self.dense()
    }

    /// Number of dense features.
    pub fn dense(&self) -> usize {
        self.embedding + self.signals
    }
}

impl Observed<'_> {
    /// Number of prompts.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn check(&self, shape: &Shape) -> Result<(), LearnError> {
        self.rows.check(shape.dimension())?;
        check_targets(self.scores, self.len(), shape.models)?;
        for (what, numbers) in [("log costs", self.log_cost), ("log latencies", self.log_latency)] {
            let Some(numbers) = numbers else { continue };
            if numbers.len() != self.scores.len() {
                return Err(LearnError::Shape { what, expected: self.scores.len(), found: numbers.len() });
            }
            if let Some(at) = numbers.iter().position(|number| number.is_infinite()) {
                return Err(LearnError::NotFinite { what, row: at / shape.models });
            }
        }
        let Some(tasks) = self.tasks else { return Ok(()) };
        if tasks.len() != self.len() {
            return Err(LearnError::Shape { what: "tasks", expected: self.len(), found: tasks.len() });
        }
        let beyond = |task: &u32| *task != NO_TASK && *task as usize >= shape.tasks;
        match tasks.iter().position(beyond) {
            Some(row) => Err(LearnError::LabelOutOfRange { row, label: tasks[row], columns: shape.tasks }),
            None => Ok(()),
        }
    }
}
