//! A carrier in virtual time whose members reply, fail, lie, hang and come back late; every step is checked as it happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecology_core::budget::Amounts;
use ecology_core::journey::{Effect, Finished, Input, Journey, Live, Refusal, Request};
use ecology_core::leg::{Fault, Leg, Outcome, Reply, Usage};
use ecology_core::snapshot::{Model, Snapshot};
use ecology_core::{Tensor, Value, Votes};

use super::chance::Chance;
use super::{MS, words};

/// A request that was carried out.
pub(crate) struct Ride {
    pub(crate) finished: Arc<Finished>,
    /// Legs that the journey asked to start, in order.
    pub(crate) started: Vec<usize>,
    /// Whether the carrier woke up late.
    pub(crate) lazy: bool,
}

/// What is settled about a leg once it has ended.
fn settled(leg: &Leg) -> (Option<Outcome>, Option<u64>, Amounts, Option<Reply>) {
    (leg.outcome, leg.ended_ns, leg.charged, leg.reply.clone())
}

/// What a member brings: anything, most often a label.
fn random_result(chance: &mut Chance) -> Result<Reply, Fault> {
    let confidence = match chance.below(12) {
        0 => Some(f32::NAN),
        1 => Some(1.0 + chance.unit() as f32),
        2 => Some(-0.1),
        3 => None,
        4 => Some(0.5),
        5 => Some(1.0),
        _ => Some(chance.unit() as f32),
    };
    let vector = |x: f32| Value::Vector(Arc::new(Tensor { shape: vec![2], data: vec![0.5, x] }));
    let output = match chance.below(16) {
        12 => return Err(Fault::Unavailable { problem: "too busy".into(), retry_after_ms: Some(50) }),
        13 => return Err(Fault::Refused("not for you".into())),
        14 => return Err(Fault::TimedOut("no byte came".into())),
        15 => return Err(Fault::Lost("it broke off".into())),
        0 => return Err(Fault::Failed("it said so".into())),
        1 => return Err(Fault::Panicked("it fell over".into())),
        2 if chance.percent(50) => return Err(Fault::Occupied("it is full".into())),
        2 => "perhaps".into(),
        3 => vector(f32::NAN),
        4 => vector(f32::INFINITY),
        5 => vector(1.0),
        6 => Value::Json(Arc::new(serde_json::json!({"a": 1}))),
        n => ["yes", "no"][(n % 2) as usize].into(),
    };
    let usage = Usage {
        tokens_in: chance.percent(30).then(|| chance.below(200)),
        tokens_out: chance.percent(50).then(|| chance.below(300)),
        compute_ns: if chance.percent(70) { chance.below(5 * MS) } else { 0 },
    };
    let votes = chance.percent(60).then(|| random_votes(chance));
    Ok(Reply { confidence, usage, votes, ..output.into() })
}

/// A distribution over the two labels, in either order, or one label more; now and then none.
fn random_votes(chance: &mut Chance) -> Box<Votes> {
    let names: &[&str] = match chance.below(12) {
        0 => &["yes", "no", "perhaps"],
        1 => &["no"],
        2 | 3 => &["no", "yes"],
        _ => &["yes", "no"],
    };
    let labels: Vec<Arc<str>> = words(names);
    let share = chance.unit() as f32;
    let mut probabilities = vec![share, 1.0 - share, 0.0][..names.len()].to_vec();
    match chance.below(20) {
        0 => probabilities[0] = f32::NAN,
        1 => probabilities[0] = 1.5,
        2 => probabilities.push(0.0),
        3 => probabilities = vec![0.6; names.len()],
        _ => {}
    }
    Box::new(Votes { labels: labels.into(), probabilities })
}

/// What the outcome of such a result has to be, in plain code.
fn expected(result: &Result<Reply, Fault>, model: &Model, late: bool) -> Outcome {
    let reply = match result {
        _ if late => return Outcome::TimedOut,
        Err(Fault::Failed(_)) => return Outcome::Failed,
        Err(Fault::Panicked(_)) => return Outcome::Panicked,
        Err(Fault::BadOutput(_)) => return Outcome::BadOutput,
        Err(Fault::Unavailable { .. }) => return Outcome::Unavailable,
        Err(Fault::Refused(_)) => return Outcome::Refused,
        Err(Fault::TimedOut(_)) => return Outcome::TimedOut,
        Err(Fault::Lost(_)) => return Outcome::Lost,
        Err(Fault::Occupied(_)) => return Outcome::Occupied,
        Ok(reply) => reply,
    };
    let sure = reply.confidence.is_none_or(|c| (0.0..=1.0).contains(&c));
    let promised = match &reply.output {
        Value::Text(text) => model.labels.is_empty() || model.labels.iter().any(|label| label == text),
        Value::Json(_) => model.labels.is_empty(),
        Value::Vector(tensor) => model.labels.is_empty() && tensor.data.iter().all(|x| x.is_finite()),
    };
    let voted = reply.votes.as_ref().is_none_or(|votes| {
        let numbers = votes.probabilities.iter().all(|p| *p >= 0.0 && *p <= 1.0);
        let known = |label: &Arc<str>| model.labels.is_empty() || model.labels.contains(label);
        numbers
            && votes.probabilities.len() == votes.labels.len()
            && votes.probabilities.iter().sum::<f32>() <= 1.001
            && votes.labels.iter().all(known)
    });
    if sure && promised && voted { Outcome::Ok } else { Outcome::BadOutput }
}

/// When such a leg comes back, and with what; nothing if it hangs, twice if it stutters.
fn random_posts(chance: &mut Chance, now_ns: u64, ends_by_ns: u64) -> Vec<(u64, Result<Reply, Fault>)> {
    let at_ns = match chance.below(12) {
        0 => return Vec::new(),
        1 => ends_by_ns,
        2 => ends_by_ns + 1,
        3 => ends_by_ns + chance.below(10 * MS),
        4 => now_ns,
        _ => now_ns + chance.below(ends_by_ns - now_ns),
    };
    let mut posts = vec![(at_ns, random_result(chance))];
    if chance.percent(15) {
        posts.push((at_ns + chance.below(3) * MS, random_result(chance)));
    }
    posts
}

/// Carries a request from its begin to its end.
pub(crate) fn carry(
    snapshot: &Arc<Snapshot>,
    live: &Arc<Live>,
    request: Request,
    chance: &mut Chance,
) -> Result<Ride, Refusal> {
    let (mut now_ns, deadline_ns) = (request.started_ns, request.deadline_ns);
    let mut journey = Journey::begin(Arc::clone(snapshot), Arc::clone(live), request)?;
    let lazy = chance.percent(10);
    // What will happen, by time; the number keeps apart what happens at one instant.
    let mut future: BTreeMap<(u64, u64), Input> = BTreeMap::new();
    if chance.percent(5) {
        future.insert((now_ns + chance.below(40 * MS), chance.next()), Input::Cancel);
    }
    if chance.percent(20) {
        future.insert((now_ns + chance.below(40 * MS), chance.next()), Input::Tick);
    }
    let (mut started, mut cancelled) = (Vec::new(), Vec::new());
    let (mut input, mut wake_at_ns) = (Input::Start, None);
    let mut effects = Vec::new();
    loop {
        let target = match &input {
            Input::LegDone { leg, result } => Some((*leg, result.clone())),
            _ => None,
        };
        let used = matches!(input, Input::LegUsed { .. });
        let before = target.as_ref().map(|(leg, _)| settled(&journey.legs()[*leg]));
        journey.advance(now_ns, input, &mut effects);
        if let (Some((at, result)), Some(before)) = (target, before) {
            let leg = &journey.legs()[at];
            if before.0.is_some() {
                assert_eq!(settled(leg), before, "a leg that had ended was changed by later post");
            } else {
                let wanted = expected(&result, snapshot.model(leg.model), now_ns > leg.ends_by_ns);
                assert_eq!(leg.outcome, Some(wanted), "for {result:?}");
                assert_eq!(leg.reply.is_some(), wanted == Outcome::Ok);
            }
        }
        if used {
            assert_eq!(effects, [], "only an account of use, and yet something is to be done");
        } else {
            wake_at_ns = None;
        }
        let mut over = false;
        for effect in effects.drain(..) {
            assert!(!over && (used || wake_at_ns.is_none()), "{effect:?} after the last word");
            match effect {
                Effect::StartLeg { leg, model, ends_by_ns } => {
                    let timeout_ns = u64::from(snapshot.model(model).timeout_ms) * MS;
                    assert_eq!(ends_by_ns, (now_ns + timeout_ns).min(deadline_ns));
                    assert!(ends_by_ns > now_ns, "started without any time left");
                    assert!(journey.legs()[leg].running() && journey.legs()[leg].model == model);
                    started.push(leg);
                    for (at_ns, result) in random_posts(chance, now_ns, ends_by_ns) {
                        let usage = Usage { compute_ns: chance.below(5 * MS), ..Usage::default() };
                        let used = Input::LegUsed { leg, usage };
                        if result.is_err() && chance.percent(50) {
                            future.insert((at_ns, chance.next()), used);
                        }
                        future.insert((at_ns, chance.next()), Input::LegDone { leg, result });
                    }
                }
                Effect::CancelLeg { leg } => {
                    assert!(started.contains(&leg) && !cancelled.contains(&leg));
                    let outcome = journey.legs()[leg].outcome;
                    assert!(matches!(outcome, Some(Outcome::TimedOut | Outcome::Cancelled)), "{outcome:?}");
                    cancelled.push(leg);
                }
                Effect::WakeAt { at_ns, .. } => wake_at_ns = Some(at_ns),
                Effect::Finish => over = true,
            }
        }
        assert_eq!(journey.over(), over);
        if over {
            break;
        }
        let tick_at_ns = wake_at_ns.expect("neither over nor waiting");
        assert!(used || tick_at_ns > now_ns, "wakes at {tick_at_ns}, it is {now_ns}");
        assert!(tick_at_ns <= deadline_ns);
        assert!(journey.legs().iter().any(Leg::running), "waits for nobody");
        let tick_at_ns = tick_at_ns + if lazy { chance.below(4 * MS) } else { 0 };
        // At one instant, post may be read before the clock or after it.
        let post_first = u64::from(chance.percent(50));
        (now_ns, input) = match future.first_entry() {
            Some(next) if next.key().0 < tick_at_ns + post_first => (next.key().0.max(now_ns), next.remove()),
            _ => (tick_at_ns.max(now_ns), Input::Tick),
        };
    }
    nothing_has_an_effect_any_more(&mut journey, now_ns, future, chance);
    Ok(Ride { finished: journey.finished(7).expect("it is over"), started, lazy })
}

fn nothing_has_an_effect_any_more(
    journey: &mut Journey,
    now_ns: u64,
    late: BTreeMap<(u64, u64), Input>,
    chance: &mut Chance,
) {
    let before: Vec<_> = journey.legs().iter().map(settled).collect();
    let stray = Input::LegDone { leg: chance.below(9) as usize, result: random_result(chance) };
    let mut effects = Vec::new();
    for input in late.into_values().chain([Input::Tick, stray, Input::Start, Input::Cancel]) {
        journey.advance(now_ns + chance.below(MS), input, &mut effects);
    }
    assert_eq!(effects, [], "an effect after the end");
    assert_eq!(journey.legs().iter().map(settled).collect::<Vec<_>>(), before);
}
