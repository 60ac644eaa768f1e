//! What moved one model's raw score away from another's.

use std::sync::Arc;

use serde::Serialize;

use super::{Kind, RouterWeights};

/// One block of φ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Block {
    /// `text` for the projection, else the name of the group.
    pub name: Arc<str>,
    /// Names of the members of a group, where they have names.
    pub members: Vec<Arc<str>>,
    /// The numbers of φ in this block: shares of the members, for a group.
    pub values: Vec<f32>,
    /// What each of them adds to the raw score of the one model less that of the other.
    pub contributions: Vec<f32>,
}

/// The difference of two raw scores, in parts that add up to it (up to rounding).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contributions {
    /// The difference itself.
    pub difference: f32,
    /// What the one has over the other for every prompt.
    pub bias: f32,
    /// What this prompt adds, block by block.
    pub blocks: Vec<Block>,
}

impl RouterWeights {
    /// Takes the raw score of `model` less that of `other` apart; against `None`, the raw score itself. Both are columns.
    pub fn contributions(&self, basis: &[f32], model: usize, other: Option<usize>) -> Contributions {
        match &self.kind {
            Kind::Direct { table, .. } => {
                let less = |of: &dyn Fn(usize) -> f32| of(model) - other.map_or(0.0, of);
                let (difference, bias) = (less(&|at| basis[at]), less(&|at| table.bias()[at]));
                let block = Block {
                    name: "text".into(),
                    members: Vec::new(),
                    values: Vec::new(),
                    contributions: vec![difference - bias],
                };
                Contributions { difference, bias, blocks: vec![block] }
            }
            Kind::Factored(factored) => {
                let heads = &factored.heads;
                let less = |of: &dyn Fn(usize) -> f32| of(model) - other.map_or(0.0, of);
                let mut weights: Vec<f32> = heads.row(model).collect();
                if let Some(other) = other {
                    weights.iter_mut().zip(heads.row(other)).for_each(|(mine, theirs)| *mine -= theirs);
                }
                let blocks = factored.blocks().map(|(name, members, range)| Block {
                    name: name.into(),
                    members: members.to_vec(),
                    values: basis[range.clone()].to_vec(),
                    contributions: range.map(|at| weights[at] * basis[at]).collect(),
                });
                Contributions {
                    difference: less(&|at| heads.apply_one(at, basis)),
                    bias: less(&|at| heads.bias()[at]),
                    blocks: blocks.collect(),
                }
            }
        }
    }
}
