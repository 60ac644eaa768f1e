//! Laws of aggregation: votes count by what they say, and their order does not matter.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::chance::Chance;
use ecology_core::aggregate::{TieRule, Verdict, average, best_confidence, canonical, majority};
use ecology_core::{Tensor, Value, Votes};
use proptest::prelude::*;

/// Replies of which several say the same in other words.
fn reply() -> impl Strategy<Value = Value> {
    let texts =
        ["yes", " yes\n", "no", r#"{"a":1,"b":[2]}"#, r#"{ "b":[2.0], "a":1e0 }"#, r#"{"a":1}"#, "{oops"];
    let text = prop::sample::select(texts.to_vec()).prop_map(Value::from);
    let json = prop::sample::select(vec!["1", "1.0", "2", r#""yes""#, r#"{"a":1}"#])
        .prop_map(|text| Value::Json(Arc::new(serde_json::from_str(text).unwrap())));
    let vector = prop::sample::select(vec![0.0f32, -0.0, 1.0])
        .prop_map(|x| Value::Vector(Arc::new(Tensor { shape: vec![2], data: vec![x, 1.0] })));
    prop_oneof![4 => text, 2 => json, 1 => vector]
}

/// What of a verdict does not depend on the order of the votes; floats by their bits.
fn substance(verdict: &Verdict, winner: &Value) -> (Vec<u8>, usize, usize, usize, TieRule, u64, u64) {
    let bits = (verdict.disagreement.to_bits(), verdict.entropy_bits.to_bits());
    let counts = (verdict.support, verdict.votes, verdict.abstentions);
    (canonical(winner), counts.0, counts.1, counts.2, verdict.tie, bits.0, bits.1)
}

/// Support, votes, abstentions, disagreement and entropy, each from its definition.
fn check_counts(verdict: &Verdict, replies: &[Option<Value>]) -> Result<(), TestCaseError> {
    let forms: Vec<Vec<u8>> = replies.iter().flatten().map(canonical).collect();
    let n = forms.len();
    let winner = canonical(replies[verdict.index].as_ref().unwrap());
    prop_assert_eq!(verdict.votes, n);
    prop_assert_eq!(verdict.abstentions, replies.len() - n);
    prop_assert_eq!(verdict.support, forms.iter().filter(|form| **form == winner).count());
    let pairs: Vec<bool> =
        (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| forms[i] != forms[j]).collect();
    let differing = pairs.iter().filter(|differ| **differ).count();
    let disagreement = if pairs.is_empty() { 0.0 } else { differing as f64 / pairs.len() as f64 };
    prop_assert!((verdict.disagreement - disagreement).abs() < 1e-12);
    // −Σ over votes of log₂(share of its camp) / n.
    let surprise = |form| -(forms.iter().filter(|f| *f == form).count() as f64 / n as f64).log2();
    let entropy = forms.iter().map(surprise).sum::<f64>() / n as f64;
    prop_assert!((verdict.entropy_bits - entropy).abs() < 1e-9, "{} {entropy}", verdict.entropy_bits);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn majority_counts_as_its_slow_twin_does(replies in prop::collection::vec(prop::option::weighted(0.85, reply()), 0..9)) {
        let votes: Vec<_> = replies.iter().map(Option::as_ref).collect();
        let mut camps = BTreeMap::<Vec<u8>, Vec<usize>>::new();
        for (at, reply) in replies.iter().enumerate() {
            if let Some(reply) = reply {
                camps.entry(canonical(reply)).or_default().push(at);
            }
        }
        let Some(verdict) = majority(&votes) else { prop_assert!(camps.is_empty()); return Ok(()) };
        let most = camps.values().map(Vec::len).max().unwrap();
        let largest: Vec<&Vec<usize>> = camps.values().filter(|camp| camp.len() == most).collect();
        prop_assert_eq!(verdict.index, largest[0][0]);
        prop_assert_eq!(verdict.tie == TieRule::CanonicalOrder, largest.len() > 1);
        prop_assert_ne!(verdict.tie, TieRule::FirstInOrder);
        check_counts(&verdict, &replies)?;
    }

    #[test]
    fn majority_does_not_depend_on_the_order_of_votes(replies in prop::collection::vec(prop::option::weighted(0.85, reply()), 1..9), seed: u64) {
        let mut shuffled = replies.clone();
        Chance(seed).shuffle(&mut shuffled);
        let verdict = |replies: &[Option<Value>]| {
            let votes: Vec<_> = replies.iter().map(Option::as_ref).collect();
            majority(&votes).map(|verdict| substance(&verdict, votes[verdict.index].unwrap()))
        };
        prop_assert_eq!(verdict(&replies), verdict(&shuffled));
    }

    #[test]
    fn majority_keeps_its_winner_when_a_copy_of_it_joins(replies in prop::collection::vec(prop::option::of(reply()), 1..9), at: prop::sample::Index) {
        let votes: Vec<_> = replies.iter().map(Option::as_ref).collect();
        prop_assume!(votes.iter().any(Option::is_some));
        let before = majority(&votes).unwrap();
        let mut more = votes.clone();
        more.insert(at.index(votes.len() + 1), votes[before.index]);
        let after = majority(&more).unwrap();
        prop_assert_eq!(canonical(more[after.index].unwrap()), canonical(votes[before.index].unwrap()));
        prop_assert_eq!((after.support, after.tie), (before.support + 1, TieRule::None));
    }

    #[test]
    fn best_confidence_picks_as_its_slow_twin_does(
        replies in prop::collection::vec(prop::option::weighted(0.85, (reply(), prop::option::of(prop::sample::select(vec![0.0f32, 0.5, 0.9, f32::NAN])))), 0..7),
    ) {
        let votes: Vec<_> = replies.iter().map(|r| r.as_ref().map(|(value, c)| (value, *c))).collect();
        let surety = |c: Option<f32>| c.filter(|c| !c.is_nan()).unwrap_or(0.0);
        let all: Vec<(usize, f32, Vec<u8>)> = votes.iter().enumerate().filter_map(|(at, r)| r.map(|(value, c)| (at, surety(c), canonical(value)))).collect();
        let Some(verdict) = best_confidence(&votes) else { prop_assert!(all.is_empty()); return Ok(()) };
        let most = all.iter().map(|r| r.1).fold(0.0, f32::max);
        let first = all.iter().find(|r| r.1 == most).unwrap();
        prop_assert_eq!(verdict.index, first.0);
        // A tie is between replies that say different things.
        let tied = all.iter().any(|r| r.1 == most && r.2 != first.2);
        prop_assert_eq!(verdict.tie, if tied { TieRule::FirstInOrder } else { TieRule::None });
        check_counts(&verdict, &replies.iter().map(|r| r.as_ref().map(|(value, _)| value.clone())).collect::<Vec<_>>())?;
        // A copy of the winner, wherever it joins, does not change what wins.
        let join = |at: usize| {
            let mut more = votes.clone();
            more.insert(at, votes[verdict.index]);
            canonical(more[best_confidence(&more).unwrap().index].unwrap().0)
        };
        (0..=votes.len()).for_each(|at| assert_eq!(join(at), first.2));
    }

    #[test]
    fn best_confidence_depends_on_order_only_in_a_tie(confidences in prop::collection::vec(0..1_000u32, 1..7), seed: u64) {
        let values: Vec<Value> = (0..confidences.len()).map(|n| Value::from(format!("v{n}").as_str())).collect();
        let votes: Vec<_> = values.iter().zip(&confidences).map(|(value, c)| Some((value, Some(*c as f32 / 1e3)))).collect();
        let mut shuffled = votes.clone();
        Chance(seed).shuffle(&mut shuffled);
        let (a, b) = (best_confidence(&votes).unwrap(), best_confidence(&shuffled).unwrap());
        prop_assert_eq!(a.tie, b.tie);
        if a.tie == TieRule::None {
            prop_assert_eq!(substance(&a, votes[a.index].unwrap().0), substance(&b, shuffled[b.index].unwrap().0));
        }
    }
}

fn votes(labels: &[&str], probabilities: &[f32]) -> Votes {
    Votes {
        labels: labels.iter().map(|label| (*label).into()).collect(),
        probabilities: probabilities.to_vec(),
    }
}

/// What everybody would write down on paper.
fn average_on_paper(voters: &[(f64, &Votes)]) -> (String, f64) {
    let mut names: Vec<String> =
        voters.iter().flat_map(|(_, v)| v.labels.iter().map(|l| l.to_string())).collect();
    names.sort();
    names.dedup();
    let share = |name: &str| -> f64 {
        let mut sum = 0.0;
        for (weight, votes) in voters {
            if let Some(at) = votes.labels.iter().position(|label| &**label == name) {
                sum += weight * f64::from(votes.probabilities[at]);
            }
        }
        sum / voters.iter().map(|(weight, _)| weight).sum::<f64>()
    };
    let best = names.iter().fold(None::<&String>, |best, name| match best {
        Some(best) if share(best) >= share(name) => Some(best),
        _ => Some(name),
    });
    let best = best.unwrap();
    (best.clone(), share(best))
}

fn voter() -> impl Strategy<Value = (f64, Votes)> {
    let labels = prop::sample::subsequence(vec!["a", "b", "c", "d"], 1..=4).prop_shuffle();
    (labels, prop::collection::vec(0u8..4, 4), 1u8..4).prop_map(|(labels, shares, weight)| {
        // Quarters add up exactly, so that ties are met and are ties.
        let probabilities: Vec<f32> = labels.iter().zip(&shares).map(|(_, n)| f32::from(*n) / 16.0).collect();
        (f64::from(weight), votes(&labels, &probabilities))
    })
}

proptest! {
    #[test]
    fn the_average_is_what_paper_says_in_any_order(voters in prop::collection::vec(voter(), 1..5)) {
        let mut voters: Vec<(f64, &Votes)> = voters.iter().map(|(weight, votes)| (*weight, votes)).collect();
        let (label, share) = average_on_paper(&voters);
        for _ in 0..voters.len() {
            voters.rotate_left(1);
            let found = average(&voters).unwrap();
            prop_assert_eq!(&*found.label, &label);
            prop_assert!((f64::from(found.probability) - share).abs() < 1e-6);
        }
    }
}

#[test]
fn two_who_lean_the_same_way_outvote_one_who_is_nearly_sure() {
    let (sure, unsure) = (votes(&["a", "b"], &[0.6, 0.4]), votes(&["b", "a", "c"], &[0.5, 0.1, 0.4]));
    assert_eq!(&*average(&[(1.0, &sure), (1.0, &unsure)]).unwrap().label, "b");
    assert_eq!(&*average(&[(3.0, &sure), (1.0, &unsure)]).unwrap().label, "a");
}

#[test]
fn without_voters_or_weight_there_is_no_average() {
    let one = votes(&["a"], &[1.0]);
    for voters in [&[][..], &[(0.0, &one)], &[(f64::NAN, &one)], &[(f64::INFINITY, &one)]] {
        assert_eq!(average(voters), None);
    }
}
