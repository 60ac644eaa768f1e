//! A request that is over: its answer and the attribution of everything that took part.

use super::{AnswerId, Routed};
use crate::Value;
use crate::budget::Resource;
use crate::leg::{Leg, Outcome};
use crate::plan::Ending;

/// What the votes of the two legs of a cascade found together.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// The label.
    pub output: Value,
    /// Its weighted mean probability.
    pub confidence: f32,
}

/// How sure this answer is.
pub(super) fn confidence_of(routed: &Routed, leg: &Leg, combined: Option<&Combined>) -> Option<f32> {
    combined.map(|combined| combined.confidence).or_else(|| leg.confidence()).or_else(|| {
        let ranked = routed.decision.ranked.iter().find(|ranked| ranked.model == leg.model)?;
        routed.decision.basis.calibrated().then_some(ranked.confidence)
    })
}

/// Everything that is known about a request when it is over. Immutable.
#[derive(Debug)]
pub struct Finished {
    /// What feedback calls it.
    pub id: AnswerId,
    /// The request and the decision.
    pub routed: Routed,
    /// Every leg that was started or refused by the budget.
    pub legs: Vec<Leg>,
    /// How the plan ended.
    pub ending: Ending,
    /// The leg whose reply is the answer.
    pub winner: Option<usize>,
    /// The leg whose reply would have been the answer, but nobody was sure enough of it.
    pub withheld: Option<usize>,
    /// The answer, where two votes were taken together.
    pub combined: Option<Combined>,
    /// When.
    pub ended_ns: u64,
    /// Time of the orchestration on the carrying thread: the wall's, which there is the processor's, but for handing a leg to a
    /// pool, which may cost the thread its core and is measured by its processor clock.
    pub overhead_ns: u64,
    /// Whether the caller gave up.
    pub cancelled: bool,
}

impl Finished {
    /// The answer.
    pub fn output(&self) -> Option<&Value> {
        let leg = self.winning_leg()?;
        self.combined.as_ref().map(|combined| &combined.output).or_else(|| Self::said(leg))
    }

    fn said(leg: &Leg) -> Option<&Value> {
        leg.reply.as_ref().map(|reply| &reply.output)
    }

    /// The leg whose reply is the answer.
    pub fn winning_leg(&self) -> Option<&Leg> {
        self.winner.map(|at| &self.legs[at])
    }

    /// Answer confidence: that of the votes that were taken together, else the leg confidence of the winner (or of the reply that was
    /// withheld); without one the decision's, if that is calibrated and about the same model.
    pub fn confidence(&self) -> Option<f32> {
        let at = self.winner.or(self.withheld)?;
        confidence_of(&self.routed, &self.legs[at], self.combined.as_ref())
    }

    /// Whether a leg's reply is part of the answer.
    pub fn contributed(&self, at: usize) -> bool {
        let voted = self.combined.is_some() && self.winner.is_some() && at < 2;
        self.winner == Some(at) || voted
    }

    /// What all legs cost together.
    pub fn cost_nano_usd(&self) -> u64 {
        self.legs.iter().map(|leg| leg.charged.get(Resource::NanoUsd)).fold(0, u64::saturating_add)
    }

    /// Compute of all legs, without the orchestration.
    pub fn compute_ns(&self) -> u64 {
        self.legs.iter().map(|leg| leg.usage.compute_ns).fold(0, u64::saturating_add)
    }

    /// What the baseline would have cost: its price for the same tokens. Its compute is what its own leg used, if there was one.
    pub fn baseline_nano_usd(&self) -> u64 {
        let Some(baseline) = self.routed.snapshot.spec.baseline else { return self.cost_nano_usd() };
        let own = self.legs.iter().find(|leg| leg.model == baseline && leg.ok());
        if let Some(leg) = own {
            return leg.charged.get(Resource::NanoUsd);
        }
        let model = self.routed.snapshot.model(baseline);
        let tokens_out = self.winning_leg().map_or(0, |leg| leg.charged.get(Resource::TokensOut));
        model.price.of(self.routed.request.tokens_in, tokens_out, model.expected_compute_us())
    }

    /// From arrival to end.
    pub fn latency_ns(&self) -> u64 {
        self.ended_ns.saturating_sub(self.routed.request.started_ns)
    }

    /// Whether it has no answer because time ran out: during a leg, or before the first one.
    pub fn timed_out(&self) -> bool {
        let in_a_leg = self.legs.iter().any(|leg| leg.outcome == Some(Outcome::TimedOut));
        self.winner.is_none()
            && self.withheld.is_none()
            && !self.cancelled
            && (in_a_leg || self.legs.is_empty())
            && self.ended_ns >= self.routed.request.deadline_ns
    }
}
