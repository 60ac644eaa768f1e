//! Laws of admission: eligible if and only if no clause fails, and every failing clause is named.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::Arc;

use common::chance::Chance;
use common::population::{random_ask, random_spec};
use common::{compile, model, spec, words};
use ecology_core::admission::{Ask, Clause, admit};
use ecology_core::snapshot::{MAX_MODELS, Mask, Model, Role, SnapshotSpec, Stage};
use proptest::prelude::*;

/// Every clause in plain code, for one model.
fn failing(spec: &SnapshotSpec, at: usize, ask: &Ask, affordable: bool) -> Vec<&'static str> {
    let model = &spec.models[at];
    let accepts = |accepted: &[Arc<str>], stated: &Option<Arc<str>>| {
        let any = accepted.iter().any(|value| &**value == "any");
        any || stated.as_ref().is_some_and(|stated| accepted.contains(stated))
    };
    // An id names one version; a name the first active version, without one the first.
    let first = |test: &dyn Fn(&Model) -> bool| spec.models.iter().position(test);
    let asked = |name: &Arc<str>| {
        let by_id = first(&|other| other.id == *name);
        let active = first(&|other| other.name == *name && other.stage == Stage::Active);
        by_id.or(active).or(first(&|other| other.name == *name)) == Some(at)
    };
    let clauses = [
        ("role", !matches!(model.role, Role::Router | Role::Judge | Role::Memory)),
        ("stage", model.stage == Stage::Active),
        ("policy", model.denied_by.is_none()),
        ("privilege", model.privileges_missing.is_empty()),
        ("not_asked", ask.model.as_ref().is_none_or(asked)),
        ("task", accepts(&model.tasks, &ask.task)),
        ("language", accepts(&model.languages, &ask.language)),
        ("modality", accepts(&model.modalities, &ask.modality)),
        ("input_size", ask.input_bytes <= model.max_input_bytes),
        ("data_class", accepts(&model.data_classes, &ask.data_class)),
        ("jurisdiction", accepts(&model.jurisdictions, &ask.jurisdiction)),
        ("unknown_price", !ask.money_is_limited || model.price.known),
        ("budget", affordable),
    ];
    clauses.into_iter().filter(|(_, passes)| !passes).map(|(name, _)| name).collect()
}

fn agree(seed: u64, models: usize) -> Result<usize, TestCaseError> {
    let mut chance = Chance(seed);
    let snapshot = compile(random_spec(&mut chance, models));
    let ask = random_ask(&mut chance, models);
    // Past the population too: what is no model is never eligible.
    let affordable: Mask = (0..models + 3).filter(|_| chance.percent(85)).collect();
    let verdict = admit(&snapshot, &ask, &affordable);
    let mut reasons = verdict.reasons(&snapshot, &ask).into_iter();
    for at in 0..models {
        let expected = failing(&snapshot.spec, at, &ask, affordable.contains(at));
        let failed: Vec<&str> = verdict.failed(at).map(Clause::name).collect();
        prop_assert_eq!(&failed, &expected, "model {} for {:?}", at, ask);
        prop_assert_eq!(verdict.eligible().contains(at), expected.is_empty());
        if !expected.is_empty() {
            let (id, words) = reasons.next().unwrap();
            prop_assert_eq!(&id, &snapshot.spec.models[at].id);
            let named: Vec<&str> = words.iter().map(|words| words.split(": ").next().unwrap()).collect();
            prop_assert_eq!(named, expected);
        }
    }
    prop_assert_eq!(reasons.next(), None);
    prop_assert!(verdict.eligible().iter().all(|at| at < models));
    Ok(verdict.eligible().count())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_model_is_eligible_if_and_only_if_no_clause_fails(seed: u64, models in 1..9usize) {
        agree(seed, models)?;
    }
}

#[test]
fn a_thousand_models_are_admitted_as_ten_are() {
    let eligible: usize = (0..20).map(|seed| agree(seed, MAX_MODELS).unwrap()).sum();
    assert!(eligible > 0, "nothing was admitted, so nothing was tested");
}

#[test]
fn an_unstated_constraint_is_met_by_any_alone() {
    let narrow = |tasks: &[&str]| Model { tasks: words(tasks), ..model(&tasks.join("+")) };
    let snapshot =
        compile(spec(vec![narrow(&["sort"]), narrow(&["any"]), narrow(&["sort", "any"]), narrow(&[])]));
    let eligible = |task: Option<&str>| -> Vec<usize> {
        let ask = Ask { task: task.map(Arc::from), ..Ask::default() };
        admit(&snapshot, &ask, &Mask::first(4)).eligible().iter().collect()
    };
    assert_eq!(eligible(None), [1, 2]);
    assert_eq!(eligible(Some("sort")), [0, 1, 2]);
    assert_eq!(eligible(Some("sing")), [1, 2]);
    assert_eq!(eligible(Some("any")), [1, 2]);
}
