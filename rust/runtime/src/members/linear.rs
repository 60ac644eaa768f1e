//! A softmax over the features of a text: a whole classifier in microseconds, on the caller's thread.

use std::any::Any;
use std::sync::Arc;

use ecology_core::leg::{Fault, Reply};
use ecology_core::text::{StaticEmbedding, WeightTable};
use ecology_core::{Value, Votes};

use super::{LegInput, Member, Place};

/// A linear classifier over the features that the request has anyway.
#[derive(Debug)]
pub struct LinearMember {
    table: WeightTable,
    labels: Arc<[Arc<str>]>,
    temperature: f32,
}

impl LinearMember {
    /// One label per column. Scores are divided by `temperature` before the softmax, so that the probability of the best
    /// label is calibrated P(right): the leg confidence (Guo et al. 2017).
    ///
    /// Refuses a number of labels that is not the number of columns, and a temperature that is not above 0.
    pub fn new(table: WeightTable, labels: Vec<Arc<str>>, temperature: f32) -> Result<Self, String> {
        if labels.is_empty() || labels.len() != table.columns() {
            return Err(format!("{} labels for {} columns of weights", labels.len(), table.columns()));
        }
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(format!("the temperature is {temperature}, it has to be above 0"));
        }
        Ok(Self { table, labels: labels.into(), temperature })
    }

    /// The weights.
    pub fn table(&self) -> &WeightTable {
        &self.table
    }

    /// The labels, by column.
    pub fn labels(&self) -> &[Arc<str>] {
        &self.labels
    }
}

impl Member for LinearMember {
    fn place(&self) -> Place {
        Place::Inline
    }

    fn call(&self, input: &LegInput) -> Result<Reply, Fault> {
        let mut scores = vec![0.0; self.table.columns()];
        self.table.score_into(&input.features, &mut scores);
        let best = (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best });
        let top = scores[best];
        let total: f32 = scores.iter().map(|score| ((score - top) / self.temperature).exp()).sum();
        // Only for who asks: it is as long as the labels are many.
        let votes = input.votes.then(|| {
            let share = |score: &f32| ((score - top) / self.temperature).exp() / total;
            Box::new(Votes {
                labels: Arc::clone(&self.labels),
                probabilities: scores.iter().map(share).collect(),
            })
        });
        let output = Value::Text(Arc::clone(&self.labels[best]));
        Ok(Reply { confidence: Some(1.0 / total), votes, ..output.into() })
    }

    fn embedding(&self) -> Option<&Arc<StaticEmbedding>> {
        self.table.embedding()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
