//! What a plan sees, and what it says.

use crate::admission::Verdict;
use crate::leg::{Leg, Why};
use crate::router::Decision;
use crate::snapshot::{ModelIndex, Snapshot};

/// Everything that a plan may look at.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The population.
    pub snapshot: &'a Snapshot,
    /// Who may serve. A plan that names a model does not make it eligible.
    pub verdict: &'a Verdict,
    /// The ranking.
    pub decision: &'a Decision,
    /// The legs so far, in the order in which they were started.
    pub legs: &'a [Leg],
}

impl Situation<'_> {
    /// Whether a model may be started: eligible, and not tried before.
    pub fn open(&self, model: ModelIndex) -> bool {
        self.verdict.eligible().contains(usize::from(model)) && self.legs.iter().all(|leg| leg.model != model)
    }

    /// Whom to ask after `failed` failed: the fallback that its manifest names, else the next in rank.
    pub fn after(&self, failed: ModelIndex) -> Option<Start> {
        let declared = self.snapshot.model(failed).fallback.filter(|model| self.open(*model));
        let declared = declared.map(|model| Start { model, why: Why::DeclaredFallback });
        declared.or_else(|| self.next_in_rank().map(|model| Start { model, why: Why::NextInRank }))
    }

    /// The best-ranked model that was not tried.
    pub fn next_in_rank(&self) -> Option<ModelIndex> {
        self.decision.ranked.iter().map(|ranked| ranked.model).find(|model| self.open(*model))
    }
}

/// A leg to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Which model.
    pub model: ModelIndex,
    /// Why.
    pub why: Why,
}

/// How a plan ended. Every ending is stated; none is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The first choice answered.
    Answered,
    /// The first choice failed and another one answered.
    FellBack,
    /// The first stage was sure enough.
    Accepted,
    /// The second stage answered.
    Escalated,
    /// The first stage was not sure enough, but the second failed: the first reply stands.
    EscalationFailed,
    /// The first stage was not sure enough, but nobody is left to ask: the first reply stands.
    NobodyToEscalateTo,
    /// The first stage was not sure enough, but the second cannot be paid: the first reply stands.
    NotAfforded,
    /// Nobody was sure enough, and the policy wants an error then.
    FailedClosed,
    /// Nobody was sure enough, and the policy wants no answer then.
    Abstained,
    /// Two models answered and the surer reply was taken.
    Selected,
    /// Nobody gave a usable reply.
    Failed,
}

impl Ending {
    /// The name of the ending.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Answered => "answered",
            Ending::FellBack => "fell_back",
            Ending::Accepted => "accepted",
            Ending::Escalated => "escalated",
            Ending::EscalationFailed => "escalation_failed",
            Ending::NobodyToEscalateTo => "nobody_to_escalate_to",
            Ending::NotAfforded => "not_afforded",
            Ending::FailedClosed => "failed_closed",
            Ending::Abstained => "abstained",
            Ending::Selected => "selected",
            Ending::Failed => "failed",
        }
    }
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start these legs.
    Start(Vec<Start>),
    /// Something is running; wait for it.
    Wait {
        /// How many legs have to come back before there is anything to decide.
        legs: usize,
    },
    /// Done: the winning leg (none if all failed), and how.
    Done {
        /// Position of the winner among the legs.
        winner: Option<usize>,
        /// The ending.
        ending: Ending,
    },
}

impl Step {
    /// Nobody answered.
    pub(super) fn failed() -> Self {
        Step::Done { winner: None, ending: Ending::Failed }
    }

    /// This leg's reply is the answer.
    pub(super) fn done(winner: usize, ending: Ending) -> Self {
        Step::Done { winner: Some(winner), ending }
    }
}
