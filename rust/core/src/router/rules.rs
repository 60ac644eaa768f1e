//! Cold start: what can be said before there are outcomes.
//!
//! An operator's rules come first. Without one that holds, a guess: the harder the prompt, the more a small model loses
//! against a large one. The constants below are opinions, chosen so that with the default target of 0.7 plain prompts go to
//! the small tier and hard ones to the large; nothing measured them, which is why a decision made from them says
//! that it is not calibrated.

use crate::snapshot::{Conditions, Mask, Model, ModelIndex, Role, Rule, Snapshot, Tier};
use crate::text::Signals;

/// The first rule whose conditions all hold.
pub(super) fn matching<'s>(snapshot: &'s Snapshot, signals: &Signals) -> Option<&'s Rule> {
    snapshot.spec.routing.rules.iter().find(|rule| holds(&rule.when, signals))
}

fn holds(when: &Conditions, signals: &Signals) -> bool {
    let signal = |name: &str| signals.get(name).unwrap_or(0.0);
    let at_least = |bound: Option<f32>, value: f32| bound.is_none_or(|bound| value >= bound);
    let present = |wanted: Option<bool>, value: f32| wanted.is_none_or(|wanted| wanted == (value > 0.0));
    at_least(when.min_complexity, signals.complexity())
        && when.max_complexity.is_none_or(|bound| signals.complexity() <= bound)
        && at_least(when.min_depth, signals.depth())
        && at_least(when.min_words.map(|n| n as f32), signal("words"))
        && at_least(when.min_steps.map(|n| n as f32), signal("steps"))
        && when.task_type.is_none_or(|kind| kind == signals.task_type())
        && present(when.code, signal("code"))
        && present(when.maths, signal("maths"))
        && present(when.tools, signal("tools"))
}

/// The eligible models that a rule prefers.
pub(super) fn preferred(snapshot: &Snapshot, rule: &Rule, eligible: &Mask) -> Mask {
    let wanted = |index: &usize| {
        rule.model == Some(*index as ModelIndex)
            || rule.tier.is_some_and(|tier| snapshot.ranking[*index].tier == tier)
    };
    eligible.iter().filter(wanted).collect()
}

/// A guess at P(good).
pub(super) fn confidence(model: &Model, signals: &Signals, task: Option<&str>) -> f32 {
    // (on the plainest prompt, lost on the hardest one)
    let (plain, lost) = match model.tier {
        Tier::Small => (0.90, 0.60),
        Tier::Medium => (0.92, 0.35),
        Tier::Large => (0.95, 0.15),
    };
    // A model that names the task was made for it. A specialist that does not is out of its niche: nobody said that it can
    // do this, so it falls below any sensible target, and the doubt goes to the fallback.
    let made_for_it = task.is_some_and(|task| model.tasks.iter().any(|known| known.as_ref() == task));
    let hardness = signals.complexity().max(signals.depth());
    let bonus = match (made_for_it, model.role) {
        (true, _) => 0.03,
        (false, Role::Specialist) => -0.35,
        (false, _) => 0.0,
    };
    (plain - lost * hardness + bonus).clamp(0.0, 1.0)
}
