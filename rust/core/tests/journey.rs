//! Laws of a journey, over many random ones: each ends once, in time, in a stated way, and every leg is paid for and counted.
//!
//! A failing population prints its seed; `JOURNEY_SEED=… cargo test -p ecology-core --test journey` runs that one alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a law that cannot be checked fails")]

mod common;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use common::chance::Chance;
use common::population::{random_request, random_snapshot};
use common::simulator::{Ride, carry};
use ecology_core::Value;
use ecology_core::budget::{CounterKey, Resource, Tally};
use ecology_core::journey::{Finished, Live, Refusal};
use ecology_core::leg::{Leg, Outcome, Why};
use ecology_core::plan::Ending;
use ecology_core::snapshot::{Doubt, LowConfidence, PlanSpec, Snapshot};

const POPULATIONS: u64 = 2_000;
const REQUESTS: u64 = 200;

/// What a careful bookkeeper expects the live state to say.
#[derive(Default)]
struct Ledger {
    counters: BTreeMap<CounterKey, Tally>,
    /// By declared account and resource.
    charged: BTreeMap<(String, usize), u64>,
    /// Answered requests, and what all requests cost.
    answered: (u64, u64),
    requests: u64,
}

impl Ledger {
    fn enter(&mut self, finished: &Finished, started: &[usize]) {
        let request = &finished.routed.request;
        let snapshot = &finished.routed.snapshot;
        let key = |model: &Arc<str>, role| CounterKey {
            account: Arc::clone(&request.account),
            model: Arc::clone(model),
            task: request.ask.task.clone().unwrap_or_else(|| "".into()),
            role,
        };
        for leg in started.iter().map(|at| &finished.legs[*at]) {
            let tally = self.counters.entry(key(&snapshot.model(leg.model).id, "generator")).or_default();
            tally.calls += 1;
            match leg.outcome.unwrap() {
                Outcome::Ok => tally.ok += 1,
                Outcome::TimedOut => tally.timed_out += 1,
                Outcome::Cancelled => tally.cancelled += 1,
                _ => tally.failed += 1,
            }
            tally.nano_usd += leg.charged.get(Resource::NanoUsd);
            tally.tokens_in += leg.charged.get(Resource::TokensIn);
            tally.tokens_out += leg.charged.get(Resource::TokensOut);
            tally.compute_ns += leg.usage.compute_ns;
            tally.latency_ns += leg.ended_ns.unwrap() - leg.started_ns;
        }
        let overhead = self.counters.entry(key(&"-".into(), "overhead")).or_default();
        overhead.calls += 1;
        let done = finished.winner.is_some() || finished.ending == Ending::Abstained;
        overhead.ok += u64::from(done);
        overhead.cancelled += u64::from(finished.cancelled);
        overhead.failed += u64::from(!done && !finished.cancelled);
        overhead.compute_ns += finished.overhead_ns;
        overhead.latency_ns += finished.ended_ns - request.started_ns;
        for account in snapshot.spec.accounts.keys() {
            let pays = *request.account == **account || request.account.starts_with(&format!("{account}/"));
            for resource in Resource::ALL.into_iter().filter(|_| pays) {
                let sum: u64 = finished.legs.iter().map(|leg| leg.charged.get(resource)).sum();
                *self.charged.entry((account.clone(), resource as usize)).or_default() += sum;
            }
        }
        self.requests += 1;
        self.answered.0 += u64::from(finished.winner.is_some());
        self.answered.1 += finished.cost_nano_usd();
    }

    /// Nothing runs, so nothing is reserved, and what was charged is what was settled.
    fn at_rest(&self, live: &Live) {
        for account in live.accounts.all() {
            for resource in Resource::ALL {
                let standing = account.standing(resource);
                let key = (account.name().to_string(), resource as usize);
                assert_eq!(standing.reserved, 0, "{key:?}");
                let charged = self.charged.get(&key).copied().unwrap_or(0);
                assert_eq!(standing.committed + standing.overrun, charged, "{key:?}");
                assert!(standing.limit.is_none_or(|limit| standing.committed <= limit), "{key:?}");
            }
        }
    }

    fn closes(&self, live: &Live) {
        assert_eq!(live.counters.all(), self.counters.clone().into_iter().collect::<Vec<_>>());
        let (requests, spent, _) = live.savings.totals();
        assert_eq!((requests, spent), self.answered);
        let kept = live.events.take(usize::MAX).len() as u64;
        assert_eq!((live.events.emitted(), live.events.dropped() + kept), (self.requests, self.requests));
    }
}

/// The mean of the votes of the first two legs, label by label, and the label that has most of it, in plain code.
fn average_by_hand(legs: &[Leg], weights: [f64; 2]) -> Option<(String, f64)> {
    let votes = [0, 1].map(|at: usize| legs.get(at)?.reply.as_ref()?.votes.as_ref());
    let [Some(first), Some(then)] = votes else { return None };
    let mut shares: BTreeMap<String, f64> = BTreeMap::new();
    for (votes, weight) in [(first, weights[0]), (then, weights[1])] {
        for (label, share) in votes.labels.iter().zip(&votes.probabilities) {
            *shares.entry(label.to_string()).or_default() += weight * f64::from(*share);
        }
    }
    // In the order of names, so that the first of equal ones is the smallest.
    let best = shares.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(label, share)| (label, share / (weights[0] + weights[1])))
}

/// As the plan alone would have it, and then: votes are taken together, and what nobody is sure of is withheld.
fn expected_end(finished: &Finished) -> (Vec<Ending>, Option<usize>) {
    let (endings, winner) = expected_of_plan(finished);
    let Some(at) = winner else { return (endings, winner) };
    let legs = &finished.legs;
    let mut answer = (at, legs[at].reply.as_ref().unwrap().output.clone(), legs[at].confidence());
    if let PlanSpec::Cascade { average: Some(weights), .. } = finished.routed.plan()
        && endings == [Ending::Escalated]
        && let Some((label, share)) = average_by_hand(legs, *weights)
    {
        let output = Value::from(label.as_str());
        let says = |leg: &Leg| leg.reply.as_ref().is_some_and(|reply| reply.output == output);
        let at = if says(&legs[1]) || !says(&legs[0]) { 1 } else { 0 };
        answer = (at, output, Some(share as f32));
    }
    let decision = &finished.routed.decision;
    if answer.2.is_none() && decision.basis.calibrated() {
        answer.2 = decision.ranked.iter().find(|r| r.model == legs[answer.0].model).map(|r| r.confidence);
    }
    assert_eq!(finished.confidence(), answer.2);
    let task = finished.routed.request.ask.task.as_deref();
    let spec = &finished.routed.snapshot.spec;
    let own = task.filter(|task| spec.plans.contains_key(*task));
    let doubt = own.map_or(spec.default_doubt, |task| spec.doubts.get(task).copied());
    if let Some(doubt) = doubt
        && answer.2.is_none_or(|confidence| confidence < doubt.answer_confidence)
    {
        assert_eq!(finished.withheld, Some(answer.0));
        let ending = match doubt.fail {
            LowConfidence::Closed => Ending::FailedClosed,
            LowConfidence::Abstain => Ending::Abstained,
        };
        return (vec![ending], None);
    }
    assert_eq!(finished.output(), Some(&answer.1));
    (endings, Some(answer.0))
}

/// The ending and the winner that the plan has to come to, given how the legs ended.
fn expected_of_plan(finished: &Finished) -> (Vec<Ending>, Option<usize>) {
    let legs = &finished.legs;
    let ok = |at: usize| legs.get(at).is_some_and(Leg::ok);
    let answer = legs.iter().position(Leg::ok);
    let Some(first_ok) = answer.filter(|_| !finished.cancelled) else { return (vec![Ending::Failed], None) };
    let confident = |threshold: f32| finished.routed.decision.chosen().confidence >= threshold;
    match *finished.routed.plan() {
        PlanSpec::Cascade { leg_confidence, .. } if ok(0) => {
            if legs[0].confidence().is_some_and(|c| c >= leg_confidence) {
                return (vec![Ending::Accepted], Some(0));
            }
            match legs.get(1).map(|leg| leg.outcome.unwrap()) {
                Some(Outcome::Ok) => (vec![Ending::Escalated], Some(1)),
                Some(Outcome::NotAfforded) => (vec![Ending::NotAfforded], Some(0)),
                Some(_) => (vec![Ending::EscalationFailed], Some(0)),
                None if finished.ended_ns >= finished.routed.request.deadline_ns => {
                    (vec![Ending::EscalationFailed, Ending::NobodyToEscalateTo], Some(0))
                }
                None => (vec![Ending::NobodyToEscalateTo], Some(0)),
            }
        }
        PlanSpec::Adaptive { decision_confidence, .. }
            if !confident(decision_confidence) && legs.iter().filter(|leg| leg.ok()).count() > 1 =>
        {
            let surety = |at: usize| legs[at].confidence().unwrap_or(0.0);
            let answers = (0..legs.len()).filter(|at| ok(*at));
            let surest = answers.reduce(|best, at| if surety(at) > surety(best) { at } else { best });
            (vec![Ending::Selected], surest)
        }
        PlanSpec::Adaptive { decision_confidence, .. }
            if !confident(decision_confidence) && legs.len() > 1 =>
        {
            (vec![Ending::FellBack], Some(first_ok))
        }
        _ => (vec![if first_ok == 0 { Ending::Answered } else { Ending::FellBack }], Some(first_ok)),
    }
}

/// The most legs that the plan allows.
fn most_legs(finished: &Finished) -> usize {
    match *finished.routed.plan() {
        PlanSpec::Direct { max_fallbacks, .. } => 1 + usize::from(max_fallbacks),
        PlanSpec::Cascade { .. } => 2,
        PlanSpec::Adaptive { max_fallbacks, decision_confidence, coalition } => {
            let doubt = finished.routed.decision.chosen().confidence < decision_confidence;
            let first =
                if doubt { usize::from(coalition).min(finished.routed.decision.ranked.len()) } else { 1 };
            first + usize::from(max_fallbacks)
        }
    }
}

fn check(ride: &Ride) {
    let Ride { finished, started, lazy } = ride;
    let (routed, legs) = (&finished.routed, &finished.legs);
    let deadline_ns = routed.request.deadline_ns;
    assert!(*lazy || finished.ended_ns <= deadline_ns, "ended at {}", finished.ended_ns);
    let models: HashSet<_> = legs.iter().map(|leg| leg.model).collect();
    assert_eq!(models.len(), legs.len(), "a model was started twice");
    assert!(models.iter().all(|model| routed.verdict.eligible().contains(usize::from(*model))));
    // What was started is what appears; the rest was refused by the budget and cost nothing.
    let ran = |at: &usize| legs[*at].outcome.unwrap() != Outcome::NotAfforded;
    assert_eq!((0..legs.len()).filter(ran).collect::<Vec<_>>(), *started);
    for leg in legs {
        let ended_ns = leg.ended_ns.unwrap();
        assert!(leg.started_ns <= ended_ns && ended_ns <= finished.ended_ns);
        assert!(leg.outcome != Some(Outcome::Ok) || ended_ns <= leg.ends_by_ns, "late and yet ok");
        assert!(*lazy || ended_ns <= leg.ends_by_ns, "a hung leg was waited for beyond its bound");
        let free = [Some(Outcome::NotAfforded), Some(Outcome::Occupied)].contains(&leg.outcome);
        assert!(!free || leg.charged == Default::default());
        assert_eq!(leg.reply.is_some(), leg.ok());
        let cut_off = leg.outcome.is_some_and(Outcome::use_is_unknown);
        assert!(!cut_off || leg.usage.tokens_out.is_some(), "cut off, and nothing is assumed to be written");
        assert!(!cut_off || leg.usage.compute_ns > 0 || ended_ns == leg.started_ns, "cut off and free");
    }
    let (endings, winner) = expected_end(finished);
    assert!(endings.contains(&finished.ending), "{:?}, not {endings:?}", finished.ending);
    assert_eq!(finished.winner, winner);
    assert_eq!(finished.output().is_some(), winner.is_some());
    assert!(legs.len() <= most_legs(finished), "{} legs", legs.len());
    // A cascade begins with its own first, so nothing is explored, and it escalates to somebody dearer.
    if let PlanSpec::Cascade { then, .. } = routed.plan() {
        assert!(!routed.decision.explored && routed.decision.propensity == 1.0);
        let escalated = legs.iter().skip(1).any(|leg| leg.why == Why::Escalation);
        let price = |leg: &Leg| {
            let model = routed.snapshot.model(leg.model);
            let expected = model.expected_nano_usd(routed.request.tokens_in);
            (!model.price.known, expected, model.expected_compute_us(), model.tier)
        };
        assert!(!escalated || then.is_some() || price(&legs[1]) > price(&legs[0]));
    }
    // Nobody gives up while there is time, a fallback, and somebody to ask.
    if let (Ending::Failed, false, PlanSpec::Direct { .. }) =
        (finished.ending, finished.cancelled, routed.plan())
    {
        let all_tried = legs.len() == routed.decision.ranked.len();
        assert!(legs.len() == most_legs(finished) || all_tried || finished.ended_ns >= deadline_ns);
    }
    let charged: u64 = legs.iter().map(|leg| leg.charged.get(Resource::NanoUsd)).sum();
    assert_eq!(finished.cost_nano_usd(), charged);
    // Time may run out before the first leg.
    let cut_off = legs.is_empty() || legs.iter().any(|leg| leg.outcome == Some(Outcome::TimedOut));
    let nobody = winner.is_none() && finished.withheld.is_none();
    let timed_out = nobody && !finished.cancelled && cut_off && finished.ended_ns >= deadline_ns;
    assert_eq!(finished.timed_out(), timed_out);
}

/// What was met on the way: a law about something that never happens is no law.
#[derive(Default)]
struct Seen {
    requests: u64,
    refused: [u64; 3],
    endings: HashSet<Ending>,
    outcomes: HashSet<Outcome>,
    reasons: HashSet<&'static str>,
    overrun: bool,
}

fn run_population(seed: u64, seen: &mut Seen) {
    let chance = &mut Chance(seed);
    let models = chance.between(1, 6) as usize;
    let snapshot: Arc<Snapshot> = random_snapshot(chance, models);
    let live = Arc::new(Live::new());
    live.adopt(&snapshot);
    let (mut ledger, mut now_ns) = (Ledger::default(), 0);
    for _ in 0..REQUESTS {
        now_ns += chance.below(1_000_000);
        seen.requests += 1;
        match carry(&snapshot, &live, random_request(chance, models, now_ns), chance) {
            Ok(ride) => {
                check(&ride);
                ledger.enter(&ride.finished, &ride.started);
                seen.endings.insert(ride.finished.ending);
                seen.outcomes.extend(ride.finished.legs.iter().filter_map(|leg| leg.outcome));
                seen.reasons.extend(ride.finished.legs.iter().map(|leg| leg.why.name()));
            }
            Err(Refusal::UnknownTask { .. }) => seen.refused[0] += 1,
            Err(Refusal::NoEligibleModel(reasons)) => {
                assert_eq!(reasons.len(), models);
                seen.refused[1] += 1;
            }
            Err(Refusal::BudgetExhausted(refused)) => {
                assert!(refused.held + refused.needed > refused.limit);
                seen.refused[2] += 1;
            }
        }
        ledger.at_rest(&live);
    }
    ledger.closes(&live);
    let standings = live.accounts.all().into_iter().flat_map(|a| Resource::ALL.map(|r| a.standing(r)));
    seen.overrun |= standings.into_iter().any(|standing| standing.overrun > 0);
}

/// Says which seed was running when a law broke.
struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("a law broke; run it again with JOURNEY_SEED={}", self.0);
        }
    }
}

#[test]
fn every_journey_keeps_the_laws() {
    let mut seen = Seen::default();
    let one = std::env::var("JOURNEY_SEED").ok();
    let seeds = one.as_ref().map_or(0..POPULATIONS, |seed| {
        let seed = seed.parse().unwrap();
        seed..seed + 1
    });
    for seed in seeds {
        let _running = Running(seed);
        run_population(seed, &mut seen);
    }
    if one.is_some() {
        return;
    }
    assert!(seen.requests >= 100_000);
    assert_eq!(
        (seen.endings.len(), seen.outcomes.len(), seen.reasons.len()),
        (11, 11, 6),
        "{:?}",
        seen.endings
    );
    assert!(seen.refused.iter().all(|count| *count > 100), "{:?}", seen.refused);
    assert!(seen.overrun);
}

/// The same laws where two models that vote meet often.
#[test]
fn every_cascade_that_averages_keeps_the_laws() {
    let (mut seen, mut combined, mut other_than_second) = (HashSet::new(), 0, 0);
    for seed in 0..400 {
        let _running = Running(seed);
        let chance = &mut Chance(seed);
        let mut spec = common::spec(["a", "b"].map(|name| common::priced(name, 1)).into());
        spec.models[1].price.per_call = 2;
        spec.models[0].labels = common::words(&["yes", "no"]);
        let average = chance.percent(90).then(|| [chance.unit(), 0.01 + chance.unit()]);
        spec.default_plan = PlanSpec::Cascade { first: Some(0), then: Some(1), leg_confidence: 0.9, average };
        let fail = *chance.pick(&[LowConfidence::Closed, LowConfidence::Abstain]);
        spec.default_doubt = chance.percent(50).then_some(Doubt { answer_confidence: 0.6, fail });
        let (snapshot, live) = (common::compile(spec), Arc::new(Live::new()));
        live.adopt(&snapshot);
        for _ in 0..100 {
            let request = common::request(Default::default());
            let ride = carry(&snapshot, &live, request, chance).unwrap();
            check(&ride);
            let finished = &ride.finished;
            seen.insert(finished.ending);
            if finished.combined.is_some() && finished.winner.is_some() {
                combined += 1;
                let second = finished.legs[1].reply.as_ref().map(|reply| &reply.output);
                other_than_second += u32::from(second != finished.output());
                let chosen = (0..2).filter(|at| finished.contributed(*at)).count();
                assert_eq!((chosen, finished.to_json()["combined"]["by"].as_str()), (2, Some("average")));
            }
        }
    }
    assert!(combined > 100 && other_than_second > 50, "{combined} {other_than_second}");
    assert!(seen.contains(&Ending::FailedClosed) && seen.contains(&Ending::Abstained));
}
