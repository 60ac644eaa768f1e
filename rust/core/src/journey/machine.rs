//! The state machine.

use std::sync::Arc;

use super::finished::confidence_of;
use super::{Combined, Effect, Finished, Input, Live, Refusal, Request, Routed, settle};
use crate::Value;
use crate::budget::{AccountPath, Amounts};
use crate::leg::{Fault, Leg, LegRole, Outcome, Reply, Turn, Usage, check};
use crate::plan::{self, Ending, Situation, Start, Step};
use crate::snapshot::{LowConfidence, Snapshot};

/// How a journey ended, and when.
#[derive(Debug)]
struct End {
    ending: Ending,
    winner: Option<usize>,
    withheld: Option<usize>,
    combined: Option<Combined>,
    at_ns: u64,
}

/// One request under way.
#[derive(Debug)]
pub struct Journey {
    routed: Routed,
    live: Arc<Live>,
    path: AccountPath,
    legs: Vec<Leg>,
    /// `None` while it is under way.
    end: Option<End>,
    cancelled: bool,
}

impl Journey {
    /// Admits and routes a request. Nothing is reserved or started yet.
    pub fn begin(snapshot: Arc<Snapshot>, live: Arc<Live>, request: Request) -> Result<Self, Refusal> {
        let (routed, path) = Routed::route(snapshot, &live, request)?;
        Ok(Self { routed, live, path, legs: Vec::with_capacity(2), end: None, cancelled: false })
    }

    /// The legs so far.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The request and the decision.
    pub fn routed(&self) -> &Routed {
        &self.routed
    }

    /// Whether it is over.
    pub fn over(&self) -> bool {
        self.end.is_some()
    }

    /// This leg waits in line, and is begun by whoever takes this turn. If it is cut off before, it has used nothing.
    pub fn in_line(&mut self, leg: usize, turn: Turn) {
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.turn = Some(turn);
        }
    }

    /// Takes in what happened at `now_ns` and appends what is to be done to `effects`. What happened earlier may be told later, with
    /// its own time.
    ///
    /// Timeouts are strict: a leg that comes back after its time has timed out, whoever noticed first. After `Finish`
    /// nothing has any effect.
    pub fn advance(&mut self, now_ns: u64, input: Input, effects: &mut Vec<Effect>) {
        if self.over() {
            return;
        }
        match input {
            Input::Start | Input::Tick => {}
            Input::LegUsed { leg, usage } => {
                if let Some(leg) = self.legs.get_mut(leg).filter(|leg| leg.running()) {
                    leg.usage = usage;
                }
                return;
            }
            Input::LegDone { leg, result } => self.take_in(leg, result, now_ns),
            Input::Cancel => {
                self.cancelled = true;
                return self.finish(Ending::Failed, None, now_ns, effects);
            }
        }
        self.time_out(now_ns, effects);
        self.proceed(now_ns, effects);
    }

    /// Asks the plan what comes next until it waits or is done.
    fn proceed(&mut self, now_ns: u64, effects: &mut Vec<Effect>) {
        loop {
            let past_deadline = now_ns >= self.routed.request.deadline_ns;
            let Routed { snapshot, verdict, decision, .. } = &self.routed;
            let situation = Situation { snapshot, verdict, decision, legs: &self.legs };
            match plan::next(self.routed.plan(), &situation) {
                Step::Done { winner, ending } => return self.finish(ending, winner, now_ns, effects),
                Step::Start(_) if past_deadline => {
                    // No time is left for what the plan wants: the best reply so far, if there is one, is the answer.
                    let winner = self.legs.iter().rposition(Leg::ok);
                    let ending = if winner.is_some() { Ending::EscalationFailed } else { Ending::Failed };
                    return self.finish(ending, winner, now_ns, effects);
                }
                Step::Start(starts) => {
                    starts.into_iter().for_each(|start| self.start(start, now_ns, effects))
                }
                Step::Wait { legs } => {
                    let soonest =
                        self.legs.iter().filter(|leg| leg.running()).map(|leg| leg.ends_by_ns).min();
                    let at_ns = soonest.unwrap_or(self.routed.request.deadline_ns);
                    effects.push(Effect::WakeAt { at_ns, legs });
                    return;
                }
            }
        }
    }

    fn start(&mut self, start: Start, now_ns: u64, effects: &mut Vec<Effect>) {
        let model = self.routed.snapshot.model(start.model);
        let timeout_ns = u64::from(model.timeout_ms) * 1_000_000;
        let mut leg = Leg {
            model: start.model,
            role: LegRole::Generator,
            why: start.why,
            started_ns: now_ns,
            ends_by_ns: now_ns.saturating_add(timeout_ns).min(self.routed.request.deadline_ns),
            ended_ns: None,
            outcome: None,
            reply: None,
            fault: None,
            charged: Amounts::default(),
            usage: Usage::default(),
            reservation: None,
            turn: None,
        };
        // No permit, no call.
        match self.path.reserve(model.worst_case(self.routed.request.tokens_in)) {
            Ok(reservation) => {
                leg.reservation = Some(reservation);
                let (at, ends_by_ns) = (self.legs.len(), leg.ends_by_ns);
                effects.push(Effect::StartLeg { leg: at, model: start.model, ends_by_ns });
            }
            Err(refused) => {
                leg.outcome = Some(Outcome::NotAfforded);
                leg.ended_ns = Some(now_ns);
                leg.fault = Some(Fault::Failed(refused.to_string()));
            }
        }
        self.legs.push(leg);
    }

    fn take_in(&mut self, at: usize, result: Result<Reply, Fault>, now_ns: u64) {
        let Some(leg) = self.legs.get_mut(at).filter(|leg| leg.running()) else { return };
        let model = self.routed.snapshot.model(leg.model);
        if let Ok(reply) = &result {
            leg.usage = reply.usage;
        }
        // Who comes back, even late, and does not say what it wrote has written nothing that costs.
        if !matches!(result, Err(Fault::Lost(_) | Fault::TimedOut(_))) {
            leg.usage.tokens_out.get_or_insert(0);
        }
        let checked = result.and_then(|reply| check(&reply, model).map(|()| reply));
        let outcome = match &checked {
            _ if now_ns > leg.ends_by_ns => Outcome::TimedOut,
            Ok(_) => Outcome::Ok,
            Err(fault) => fault.outcome(),
        };
        match checked {
            Ok(reply) if outcome == Outcome::Ok => leg.reply = Some(reply),
            Ok(_) => {}
            Err(fault) => leg.fault = Some(fault),
        }
        self.end_leg(at, outcome, now_ns);
    }

    fn time_out(&mut self, now_ns: u64, effects: &mut Vec<Effect>) {
        for at in 0..self.legs.len() {
            if self.legs[at].running() && now_ns >= self.legs[at].ends_by_ns {
                self.end_leg(at, Outcome::TimedOut, now_ns);
                effects.push(Effect::CancelLeg { leg: at });
            }
        }
    }

    fn finish(&mut self, ending: Ending, winner: Option<usize>, now_ns: u64, effects: &mut Vec<Effect>) {
        for at in 0..self.legs.len() {
            if self.legs[at].running() {
                self.end_leg(at, Outcome::Cancelled, now_ns);
                effects.push(Effect::CancelLeg { leg: at });
            }
        }
        self.end = Some(self.judged(ending, winner, now_ns));
        effects.push(Effect::Finish);
    }

    /// What the plan came to, votes taken together, and withheld if it is not sure enough.
    fn judged(&self, ending: Ending, winner: Option<usize>, at_ns: u64) -> End {
        let routed = &self.routed;
        let combined = plan::combined(routed.plan(), &self.legs, ending).map(|average| {
            let says = |leg: &Leg| match leg.reply.as_ref().map(|reply| &reply.output) {
                Some(Value::Text(text)) => *text == average.label,
                _ => false,
            };
            let winner = self.legs.iter().rposition(says).or(winner);
            (winner, Combined { output: Value::Text(average.label), confidence: average.probability })
        });
        let (winner, combined) = match combined {
            Some((winner, combined)) => (winner, Some(combined)),
            None => (winner, None),
        };
        let end = End { ending, winner, withheld: None, combined, at_ns };
        let Some((doubt, at)) = routed.doubt().zip(winner) else { return end };
        let confidence = confidence_of(routed, &self.legs[at], end.combined.as_ref());
        // Who does not say how sure it is does not pass: silence is not confidence.
        if confidence.is_some_and(|confidence| confidence >= doubt.answer_confidence) {
            return end;
        }
        let ending = match doubt.fail {
            LowConfidence::Closed => Ending::FailedClosed,
            LowConfidence::Abstain => Ending::Abstained,
        };
        End { ending, winner: None, withheld: Some(at), ..end }
    }

    fn end_leg(&mut self, at: usize, outcome: Outcome, now_ns: u64) {
        let leg = &mut self.legs[at];
        leg.outcome = Some(outcome);
        leg.ended_ns = Some(now_ns);
        settle::leg(&self.routed.snapshot, &self.live, &self.routed.request, leg, now_ns);
    }

    /// What is left when it is over; `None` while it is under way. `overhead_ns` is the processor time that the orchestration
    /// itself took, as the carrier measured it.
    pub fn finished(self, overhead_ns: u64) -> Option<Arc<Finished>> {
        let End { ending, winner, withheld, combined, at_ns: ended_ns } = self.end?;
        let live = Arc::clone(&self.live);
        let Self { routed, legs, cancelled, .. } = self;
        let id = live.feedback.receive(&routed, &legs, winner, ending, ended_ns);
        let finished = Finished {
            id,
            routed,
            legs,
            ending,
            winner,
            withheld,
            combined,
            ended_ns,
            overhead_ns,
            cancelled,
        };
        let finished = Arc::new(finished);
        settle::request(&live, &finished);
        Some(finished)
    }
}
