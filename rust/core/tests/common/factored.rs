//! Factored routers of random weights.

use std::sync::Arc;

use ecology_core::snapshot::{Calibration, FactoredParts, Group, Heads, LogHeads, Platt};
use ecology_core::text::WeightTable;

use super::chance::Chance;
use super::feature_spec;

/// Sizes of a router: columns of the projection, and members of each group.
pub(crate) type Sizes<'a> = (usize, &'a [usize]);

pub(crate) fn numbers(chance: &mut Chance, count: usize, scale: f64) -> Vec<f32> {
    (0..count).map(|_| ((chance.unit() - 0.5) * scale) as f32).collect()
}

pub(crate) fn heads(chance: &mut Chance, count: usize, inputs: usize, scale: f64) -> Heads {
    Heads { weights: numbers(chance, count * inputs, scale), bias: numbers(chance, count, 1.0) }
}

/// One of each kind in turn.
pub(crate) fn calibration(chance: &mut Chance, at: usize) -> Calibration {
    let mut unit = || chance.unit() as f32;
    match at % 3 {
        0 => Platt { slope: 0.5 + unit(), offset: unit() - 0.5 }.into(),
        1 => Calibration::Beta { a: unit() * 2.0, b: unit() * 2.0, c: unit() - 0.5 },
        _ => Calibration::Isotonic { raw: vec![-0.5, 0.2, 0.4, 1.5], probability: vec![0.1, 0.4, 0.4, 0.9] },
    }
}

pub(crate) fn random_parts(chance: &mut Chance, models: usize, (k, groups): Sizes<'_>) -> FactoredParts {
    let spec = feature_spec();
    let weights = numbers(chance, spec.buckets() * k, 4.0);
    let table = WeightTable::new(spec, k, &weights, &numbers(chance, k, 1.0)).unwrap().quantized();
    let group = |(at, size): (usize, &usize), chance: &mut Chance| Group {
        name: format!("group{at}").into(),
        members: if at == 0 {
            (0..*size).map(|n| Arc::from(format!("member{n}"))).collect()
        } else {
            Vec::new()
        },
        heads: heads(chance, *size, k, 3.0),
    };
    let groups: Vec<Group> = groups.iter().enumerate().map(|each| group(each, chance)).collect();
    let basis = k + groups.iter().map(|group| group.heads.bias.len()).sum::<usize>();
    let logs = |chance: &mut Chance| LogHeads {
        heads: heads(chance, models, basis, 0.5),
        known: (0..models).map(|at| at % 4 != 1).collect(),
    };
    FactoredParts {
        projection: Arc::new(table),
        groups,
        heads: heads(chance, models, basis, 0.5),
        calibration: (0..models).map(|at| calibration(chance, at)).collect(),
        gain: None,
        cost: Some(logs(chance)),
        latency: Some(logs(chance)),
    }
}
