//! The best model, or the one that the plan names; on failure the next, a bounded number of times.

use super::{Ending, Situation, Start, Step};
use crate::leg::Why;
use crate::snapshot::ModelIndex;

pub(super) fn next(max_fallbacks: u8, named: Option<ModelIndex>, situation: &Situation<'_>) -> Step {
    let Some(last) = situation.legs.last() else {
        let named = named.filter(|model| situation.open(*model));
        let model = named.unwrap_or_else(|| situation.decision.chosen().model);
        return Step::Start(vec![Start { model, why: Why::Best }]);
    };
    if last.running() {
        return Step::Wait { legs: 1 };
    }
    let at = situation.legs.len() - 1;
    if last.ok() {
        return Step::done(at, if at == 0 { Ending::Answered } else { Ending::FellBack });
    }
    if at >= usize::from(max_fallbacks) {
        return Step::failed();
    }
    situation.after(last.model).map_or_else(Step::failed, |start| Step::Start(vec![start]))
}
