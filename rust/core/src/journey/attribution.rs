//! The attribution of a request as JSON: what took part, why, and what it took. The one form for Python, logs and reports.

use serde_json::{Value as Json, json};

use super::{Combined, Finished, Routed};
use crate::Value;
use crate::budget::Resource;
use crate::leg::Leg;
use crate::router::Basis;
use crate::snapshot::PlanSpec;

const NS_PER_MS: f64 = 1e6;

impl Routed {
    /// The decision: the whole ranking, and why each other model was not chosen.
    pub fn to_json(&self) -> Json {
        let (snapshot, decision) = (&self.snapshot, &self.decision);
        let ranked = decision.ranked.iter().map(|ranked| {
            let model = snapshot.model(ranked.model);
            json!({
                "model": &*model.id,
                "confidence": ranked.confidence,
                "expected_cost_usd": ranked.expected_nano_usd as f64 / 1e9,
                "expected_latency_ms": ranked.expected_latency_ms(snapshot),
                "not_chosen": ranked.not_chosen.map(|why| why.name()),
            })
        });
        let reasons = self.verdict.reasons(snapshot, &self.request.ask);
        let excluded = reasons.into_iter().map(|(model, why)| (model.to_string(), Json::from(why)));
        let (rule, weights) = match &decision.basis {
            Basis::Rules(rule) => (rule.as_deref(), None),
            Basis::Learned(digest) => (None, Some(&**digest)),
        };
        let inferred = self.inferred.as_ref().map(|inferred| {
            json!({
                "model": snapshot.spec.intent.as_ref().map(|intent| &*intent.model),
                "task": inferred.task().map(|task| &**task),
                "likeliest": &*inferred.likeliest,
                "confidence": inferred.confidence,
                "abstained": inferred.abstained.map(|why| why.name()),
            })
        });
        json!({
            "model": &*snapshot.model(decision.chosen().model).id,
            "confidence": decision.chosen().confidence,
            "calibrated": decision.basis.calibrated(),
            "rule": rule,
            "router_digest": weights,
            "task_inferred": inferred,
            "propensity": decision.propensity,
            "explored": decision.explored,
            "ranked": ranked.collect::<Vec<_>>(),
            "excluded": excluded.collect::<serde_json::Map<_, _>>(),
        })
    }
}

impl Finished {
    /// Everything that took part in the answer.
    pub fn to_json(&self) -> Json {
        let routed = &self.routed;
        let legs = self.legs.iter().enumerate().map(|(at, leg)| self.leg_json(at, leg));
        json!({
            "answer_id": self.id.to_string(),
            "snapshot": {"name": &*routed.snapshot.spec.name, "generation": routed.snapshot.generation, "digest": &*routed.snapshot.digest},
            "task": routed.request.ask.task.as_deref(),
            "account": &*routed.request.account,
            "plan": routed.plan().name(),
            "ending": self.ending.name(),
            "model": self.winning_leg().map(|leg| &*routed.snapshot.model(leg.model).id),
            "confidence": self.confidence(),
            "combined": self.combined.as_ref().map(|combined| self.combined_json(combined)),
            "withheld": self.withheld.map(|at| &*routed.snapshot.model(self.legs[at].model).id),
            "cost_usd": self.cost_nano_usd() as f64 / 1e9,
            "compute_ms": self.compute_ns() as f64 / NS_PER_MS,
            "overhead_ms": self.overhead_ns as f64 / NS_PER_MS,
            "latency_ms": self.latency_ns() as f64 / NS_PER_MS,
            "seed": routed.request.seed,
            "decision": routed.to_json(),
            "legs": legs.collect::<Vec<_>>(),
        })
    }

    fn combined_json(&self, combined: &Combined) -> Json {
        let weights = match self.routed.plan() {
            PlanSpec::Cascade { average, .. } => *average,
            _ => None,
        };
        let label = match &combined.output {
            Value::Text(label) => Some(&**label),
            _ => None,
        };
        json!({"by": "average", "label": label, "confidence": combined.confidence, "weights": weights})
    }

    fn leg_json(&self, at: usize, leg: &Leg) -> Json {
        let model = self.routed.snapshot.model(leg.model);
        let output = leg.reply.as_ref().map(|reply| match &reply.output {
            Value::Text(text) => Json::from(&**text),
            Value::Json(json) => Json::clone(json),
            Value::Vector(tensor) => json!({"shape": tensor.shape}),
        });
        json!({
            "model": &*model.id,
            "digest": &*model.digest,
            "digest_kind": model.digest_kind.name(),
            "role": leg.role.name(),
            "tier": model.tier.name(),
            "why": leg.why.name(),
            "outcome": leg.outcome.map(|outcome| outcome.name()),
            "chosen": self.contributed(at),
            "confidence": leg.confidence(),
            "output": output,
            "fault": leg.fault.as_ref().map(|fault| fault.text()),
            "retry_after_ms": leg.fault.as_ref().and_then(|fault| fault.retry_after_ms()),
            "finish_reason": leg.reply.as_ref().and_then(|reply| reply.finish_reason.as_deref()),
            "started_ms": leg.started_ns.saturating_sub(self.routed.request.started_ns) as f64 / NS_PER_MS,
            "latency_ms": leg.ended_ns.map(|ended| ended.saturating_sub(leg.started_ns) as f64 / NS_PER_MS),
            "compute_ms": leg.usage.compute_ns as f64 / NS_PER_MS,
            "tokens_in": leg.charged.get(Resource::TokensIn),
            "tokens_out": leg.charged.get(Resource::TokensOut),
            "cost_usd": leg.charged.get(Resource::NanoUsd) as f64 / 1e9,
        })
    }
}
