//! From confidences to an order, under the policy's objective.

use std::cmp::Ordering;

use super::decision::{Basis, Decision, NotChosen, Ranked};
use super::score::Scored;
use crate::snapshot::{Objective, Role, Snapshot};

pub(super) fn rank(snapshot: &Snapshot, scored: Scored) -> Decision {
    let Scored { mut models, basis, preferred } = scored;
    let routing = &snapshot.spec.routing;
    let order = Order {
        snapshot,
        target: routing.min_decision_confidence,
        weight: routing.cost_weight_per_usd,
        objective: routing.objective,
        doubtful: !basis.calibrated(),
    };
    models.sort_by(|a, b| {
        let by_rule = preferred.contains(&b.model).cmp(&preferred.contains(&a.model));
        by_rule.then_with(|| order.compare(a, b)).then_with(|| a.model.cmp(&b.model))
    });
    if let Some((first, others)) = models.split_first_mut() {
        for other in others {
            let by_rule = preferred.contains(&first.model) && !preferred.contains(&other.model);
            let reason = if by_rule { NotChosen::RulePrefersOther } else { order.reason(first, other) };
            other.not_chosen = Some(reason);
        }
    }
    Decision { ranked: models, basis: Basis::clone(&basis), propensity: 1.0, explored: false }
}

struct Order<'s> {
    snapshot: &'s Snapshot,
    target: f32,
    weight: f64,
    objective: Objective,
    doubtful: bool,
}

impl Order<'_> {
    fn compare(&self, a: &Ranked, b: &Ranked) -> Ordering {
        match self.objective {
            Objective::Utility => {
                self.utility(b).total_cmp(&self.utility(a)).then_with(|| self.cheaper(a, b))
            }
            Objective::Cheapest => {
                let (reaches_a, reaches_b) = (a.confidence >= self.target, b.confidence >= self.target);
                reaches_b.cmp(&reaches_a).then_with(|| {
                    if reaches_a {
                        self.cheaper(a, b).then_with(|| b.confidence.total_cmp(&a.confidence))
                    } else {
                        let doubt = if self.doubtful {
                            self.is_fallback(b).cmp(&self.is_fallback(a))
                        } else {
                            Ordering::Equal
                        };
                        doubt
                            .then_with(|| b.confidence.total_cmp(&a.confidence))
                            .then_with(|| self.cheaper(a, b))
                    }
                })
            }
        }
    }

    /// By money; models of one price (local ones, often 0) by compute; then by the label.
    fn cheaper(&self, a: &Ranked, b: &Ranked) -> Ordering {
        let key = |r: &Ranked| {
            let model = self.snapshot.model(r.model);
            // Unknown is not free: what nobody priced comes after everything that somebody did.
            (!model.price.known, r.expected_nano_usd, r.expected_compute_us, model.tier)
        };
        key(a).cmp(&key(b))
    }

    fn utility(&self, ranked: &Ranked) -> f64 {
        f64::from(ranked.confidence) - self.weight * ranked.expected_nano_usd as f64 / 1e9
    }

    fn is_fallback(&self, ranked: &Ranked) -> bool {
        self.snapshot.model(ranked.model).role == Role::Fallback
    }

    fn reason(&self, first: &Ranked, other: &Ranked) -> NotChosen {
        if self.objective == Objective::Utility {
            return NotChosen::LessUtility;
        }
        match (first.confidence >= self.target, other.confidence >= self.target) {
            (true, true) => match self.cheaper(first, other) {
                Ordering::Less => NotChosen::Dearer,
                _ => NotChosen::LessConfident,
            },
            (true, false) => NotChosen::BelowTarget,
            (false, _) if self.doubtful && self.is_fallback(first) && !self.is_fallback(other) => {
                NotChosen::DoubtGoesToFallback
            }
            (false, _) => NotChosen::LessConfident,
        }
    }
}
