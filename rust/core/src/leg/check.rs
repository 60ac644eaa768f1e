//! Whether a reply keeps what the model's contract promises.

use std::sync::Arc;

use super::{Fault, Reply};
use crate::Value;
use crate::snapshot::Model;

/// Refuses what nobody can use: a confidence outside [0, 1], a number that is none, a label that was not declared, votes that are no
/// distribution.
pub fn check(reply: &Reply, model: &Model) -> Result<(), Fault> {
    if let Some(confidence) = reply.confidence
        && !(0.0..=1.0).contains(&confidence)
    {
        return Err(Fault::BadOutput(format!("confidence {confidence} is not in [0, 1]")));
    }
    if !reply.output.is_finite() {
        return Err(Fault::BadOutput("the output holds NaN or infinity".into()));
    }
    if let Some(votes) = &reply.votes {
        let problem = votes.problem().map(str::to_owned).or_else(|| stranger(&votes.labels, model));
        if let Some(problem) = problem {
            return Err(Fault::BadOutput(format!("the votes: {problem}")));
        }
    }
    if model.labels.is_empty() {
        return Ok(());
    }
    match &reply.output {
        Value::Text(label) if model.labels.contains(label) => Ok(()),
        Value::Text(label) => Err(Fault::BadOutput(format!("{label:?} is not a label of the contract"))),
        _ => Err(Fault::BadOutput("the contract promises a label, the output is none".into())),
    }
}

/// What is wrong with labels that are not the contract's, if it has any.
fn stranger(labels: &[Arc<str>], model: &Model) -> Option<String> {
    if model.labels.is_empty() || labels == model.labels.as_slice() {
        return None;
    }
    let stranger = labels.iter().find(|label| !model.labels.contains(label))?;
    Some(format!("{stranger:?} is not a label of the contract"))
}
