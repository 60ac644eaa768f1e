//! Charging a leg, and counting a request.

use std::sync::Arc;

use super::{Finished, Live, Request};
use crate::budget::{Amounts, CounterKey, Resource, Tally};
use crate::leg::{Leg, Outcome, Turn, Usage};
use crate::plan::Ending;
use crate::snapshot::Snapshot;

const OVERHEAD: &str = "overhead";
const NO_MODEL: &str = "-";

/// Charges a leg that has ended, and counts it. Each leg passes here once.
///
/// A leg that was cut off (timeout, cancelled, broken off) is charged too: somebody worked. What it did not tell is taken to be
/// the most: it has read the prompt, written all that it might, and computed until now. Over-counting is safe, silent
/// refunds are not. Only who was turned away before anything was read or written (nobody listens, too many requests, no such
/// model) pays nothing for the call, and neither does who was still in line.
pub(super) fn leg(snapshot: &Snapshot, live: &Live, request: &Request, leg: &mut Leg, now_ns: u64) {
    let model = snapshot.model(leg.model);
    let cut_off = leg.outcome.is_some_and(Outcome::use_is_unknown);
    let never_began = cut_off && leg.turn.as_ref().is_some_and(Turn::take);
    if cut_off {
        if leg.usage.compute_ns == 0 {
            leg.usage.compute_ns = now_ns.saturating_sub(leg.started_ns);
        }
        leg.usage.tokens_out.get_or_insert(u64::from(model.max_output_tokens));
    }
    if never_began || leg.outcome == Some(Outcome::Occupied) {
        // It never ran, so it is free, whatever its price per call.
        leg.usage = Usage { tokens_in: Some(0), ..Usage::default() };
        leg.reservation = None;
    }
    let tokens_in = leg.usage.tokens_in.unwrap_or(request.tokens_in);
    let tokens_out = leg.usage.tokens_out.unwrap_or(0);
    let compute_us = leg.usage.compute_ns.div_ceil(1_000);
    if let Some(reservation) = leg.reservation.take() {
        let turned_away = matches!(leg.outcome, Some(Outcome::Unavailable | Outcome::Refused))
            && tokens_in == 0
            && tokens_out == 0;
        let nano_usd = if turned_away { 0 } else { model.price.of(tokens_in, tokens_out, compute_us) };
        leg.charged = Amounts::of(Resource::NanoUsd, nano_usd)
            .with(Resource::TokensIn, tokens_in)
            .with(Resource::TokensOut, tokens_out)
            .with(Resource::ComputeUs, compute_us);
        reservation.settle(leg.charged);
    }
    let is = |outcome: Outcome| u64::from(leg.outcome == Some(outcome));
    let (ok, timed_out, cancelled) = (is(Outcome::Ok), is(Outcome::TimedOut), is(Outcome::Cancelled));
    let tally = Tally {
        calls: 1,
        ok,
        timed_out,
        cancelled,
        failed: 1 - ok - timed_out - cancelled,
        nano_usd: leg.charged.get(Resource::NanoUsd),
        tokens_in,
        tokens_out,
        compute_ns: leg.usage.compute_ns,
        latency_ns: now_ns.saturating_sub(leg.started_ns),
    };
    let key = CounterKey {
        account: Arc::clone(&request.account),
        model: Arc::clone(&model.id),
        task: request.ask.task.clone().unwrap_or_else(|| "".into()),
        role: leg.role.name(),
    };
    live.counters.add(key, &tally);
}

/// Counts a request that has ended: the orchestration as a role of its own, savings, one event.
pub(super) fn request(live: &Live, finished: &Arc<Finished>) {
    let request = &finished.routed.request;
    let key = CounterKey {
        account: Arc::clone(&request.account),
        model: NO_MODEL.into(),
        task: request.ask.task.clone().unwrap_or_else(|| "".into()),
        role: OVERHEAD,
    };
    // Who abstains, as it was told to, has done its work.
    let done = finished.winner.is_some() || finished.ending == Ending::Abstained;
    let tally = Tally {
        calls: 1,
        ok: u64::from(done),
        failed: u64::from(!done && !finished.cancelled),
        cancelled: u64::from(finished.cancelled),
        compute_ns: finished.overhead_ns,
        latency_ns: finished.ended_ns.saturating_sub(request.started_ns),
        ..Tally::default()
    };
    live.counters.add(key, &tally);
    let baseline = finished.winner.map(|_| finished.baseline_nano_usd());
    live.savings.count(finished.cost_nano_usd(), baseline);
    live.events.push(Arc::clone(finished));
}
