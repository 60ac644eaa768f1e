//! What the control plane compiles: one value that says everything but the weights.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Model, ModelIndex, Tier};
use crate::text::{FeatureSpec, TaskType};

/// What it would cost if the answer were wrong. Ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Little.
    #[default]
    Low,
    /// Something.
    Medium,
    /// Much: nothing is tried out on such a request, unless the policy says so.
    High,
}

impl Risk {
    /// Every level, from the lowest.
    pub const ALL: [Risk; 3] = [Risk::Low, Risk::Medium, Risk::High];

    /// The name of the level.
    pub fn name(self) -> &'static str {
        match self {
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
        }
    }

    /// The level of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.name() == name)
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a request that leaves something unstated is taken to mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Task.
    pub task: Option<Arc<str>>,
    /// Language.
    pub language: Option<Arc<str>>,
    /// Data class.
    pub data_class: Option<Arc<str>>,
    /// Jurisdiction.
    pub jurisdiction: Option<Arc<str>>,
    /// Risk. Left out where it is low, so that descriptions from before there were risks keep their digests.
    #[serde(default, skip_serializing_if = "Risk::is_default")]
    pub risk: Risk,
    /// Deadline.
    pub deadline_ms: f64,
}

/// What ranking aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The cheapest model whose decision confidence reaches the target.
    Cheapest,
    /// The highest confidence − weight · cost − weight · latency.
    Utility,
}

/// When a rule holds: every stated condition does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Complexity in [0, 1], at least.
    pub min_complexity: Option<f32>,
    /// Complexity in [0, 1], at most.
    pub max_complexity: Option<f32>,
    /// Required reasoning depth in [0, 1], at least.
    pub min_depth: Option<f32>,
    /// Words, at least.
    pub min_words: Option<u32>,
    /// Steps that the prompt asks for, at least.
    pub min_steps: Option<u32>,
    /// Kind of work.
    pub task_type: Option<TaskType>,
    /// Whether there is code.
    pub code: Option<bool>,
    /// Whether there are maths.
    pub maths: Option<bool>,
    /// Whether it asks for tools.
    pub tools: Option<bool>,
}

/// A cold-start rule: prefer these models when the conditions hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, for reasons.
    pub name: Arc<str>,
    /// The conditions.
    pub when: Conditions,
    /// Prefer models of this tier …
    pub tier: Option<Tier>,
    /// … or this one model.
    pub model: Option<ModelIndex>,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// How a router learns from feedback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learning {
    /// Whether it does, and answers are kept for feedback at all.
    pub enabled: bool,
    /// So many lessons make a new generation.
    pub publish_every: u64,
    /// So many answers wait for feedback; the oldest are forgotten.
    pub pending: usize,
    /// λ: so many observations that say "as fitted" stand against what is learned.
    pub prior: f64,
}

impl Default for Learning {
    fn default() -> Self {
        Self { enabled: false, publish_every: 100, pending: 10_000, prior: 20.0 }
    }
}

impl Learning {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How models are ranked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The aim.
    pub objective: Objective,
    /// The decision confidence that `Cheapest` asks for.
    pub min_decision_confidence: f32,
    /// What a dollar weighs against confidence under `Utility`.
    pub cost_weight_per_usd: f64,
    /// What a millisecond of expected latency weighs against confidence under `Utility`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub latency_weight_per_ms: f64,
    /// The least chance of every eligible model.
    pub exploration_floor: f64,
    /// The highest risk at which anything is explored; `None`: at none.
    #[serde(default = "lowest", skip_serializing_if = "is_lowest")]
    pub explore_up_to_risk: Option<Risk>,
    /// Learning on line.
    #[serde(default, skip_serializing_if = "Learning::is_default")]
    pub learning: Learning,
    /// Cold-start rules; the first that holds applies.
    pub rules: Vec<Rule>,
}

/// The model that infers the task of a request that states none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntentSpec {
    /// `name@version`.
    pub model: Arc<str>,
    /// SHA-256 of its file: so it is a part of the snapshot's digest.
    pub digest: Arc<str>,
    /// The least probability of a task that is believed.
    pub min_confidence: f32,
}

impl Routing {
    /// Whether a request of this risk may be given to a model that does not rank first.
    pub fn explores(&self, risk: Risk) -> bool {
        self.explore_up_to_risk.is_some_and(|most| risk <= most)
    }
}

#[allow(clippy::unnecessary_wraps, reason = "serde asks for the type of the field")]
fn lowest() -> Option<Risk> {
    Some(Risk::Low)
}

fn is_lowest(risk: &Option<Risk>) -> bool {
    *risk == lowest()
}

/// How a request is carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PlanSpec {
    /// The best model; on failure the next in rank.
    Direct {
        /// How often.
        max_fallbacks: u8,
        /// Who is asked first; by default the best in rank.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelIndex>,
    },
    /// One model, and a dearer one if its leg confidence is too low.
    Cascade {
        /// Who answers first; by default the cheapest eligible model.
        first: Option<ModelIndex>,
        /// Who is asked next; by default the best-ranked dearer one.
        then: Option<ModelIndex>,
        /// The leg confidence that is accepted.
        leg_confidence: f32,
        /// The weights of the first and the second vote, when the answer after an escalation is what they find together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        average: Option<[f64; 2]>,
    },
    /// One model when the decision is confident, else a few in parallel.
    Adaptive {
        /// The decision confidence that one model is enough for.
        decision_confidence: f32,
        /// How many are asked otherwise: at least two.
        coalition: u8,
        /// Fallbacks of the one model.
        max_fallbacks: u8,
    },
}

impl PlanSpec {
    /// Whether it takes votes together, so that members have to say what they think of every label.
    pub fn averages(&self) -> bool {
        matches!(self, PlanSpec::Cascade { average: Some(_), .. })
    }

    /// The name of the plan's kind.
    pub fn name(&self) -> &'static str {
        match self {
            PlanSpec::Direct { .. } => "direct",
            PlanSpec::Cascade { .. } => "cascade",
            PlanSpec::Adaptive { .. } => "adaptive",
        }
    }
}

/// What becomes of a request of whose answer nobody is sure enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowConfidence {
    /// An error.
    Closed,
    /// An answer that says that there is none.
    Abstain,
}

/// The answer confidence that a task asks for. Without one the surest reply stands: doubt was paid for by asking the dearer model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    /// An answer below it, or one that does not say how sure it is, is withheld.
    pub answer_confidence: f32,
    /// And this happens instead.
    pub fail: LowConfidence,
}

/// Limits of one account, by the name of the resource.
pub type AccountSpec = BTreeMap<String, u64>;

/// How much of a prompt a decision record keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogText {
    /// Nothing.
    None,
    /// The features: enough to replay, too little to read.
    Features,
    /// The text and the features.
    Full,
}

/// A population, policy and all, without weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSpec {
    /// Name of the population.
    pub name: Arc<str>,
    /// How text becomes features.
    pub features: FeatureSpec,
    /// The models; a [`ModelIndex`] is a position in here.
    pub models: Vec<Model>,
    /// What is assumed of a request.
    pub defaults: Defaults,
    /// Longest input that is read at all.
    pub max_input_bytes: u64,
    /// Events that are kept until somebody takes them.
    pub max_events: usize,
    /// How models are ranked.
    pub routing: Routing,
    /// What infers a task that is not stated; without it, nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentSpec>,
    /// Plans by task.
    pub plans: BTreeMap<Arc<str>, PlanSpec>,
    /// The plan of every other task.
    pub default_plan: PlanSpec,
    /// How sure an answer has to be, by task, for tasks that have a plan of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub doubts: BTreeMap<Arc<str>, Doubt>,
    /// The same for every other task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_doubt: Option<Doubt>,
    /// Limits of accounts, by path.
    pub accounts: BTreeMap<String, AccountSpec>,
    /// The model that savings are measured against.
    pub baseline: Option<ModelIndex>,
    /// What decision records keep of the prompt.
    pub log_text: LogText,
}
