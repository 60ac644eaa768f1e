//! What the control plane compiles: one value that says everything but the weights.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Model, ModelIndex, Tier};
use crate::text::{FeatureSpec, TaskType};

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
    /// Deadline.
    pub deadline_ms: f64,
}

/// What ranking aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The cheapest model whose decision confidence reaches the target.
    Cheapest,
    /// The highest confidence − weight · cost.
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
    /// The least chance of every eligible model.
    pub exploration_floor: f64,
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

/// How a request is carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PlanSpec {
    /// The best model; on failure the next in rank.
    Direct {
        /// How often.
        max_fallbacks: u8,
    },
    /// One model, and a dearer one if its leg confidence is too low.
    Cascade {
        /// Who answers first; by default the cheapest eligible model.
        first: Option<ModelIndex>,
        /// Who is asked next; by default the best-ranked dearer one.
        then: Option<ModelIndex>,
        /// The leg confidence that is accepted.
        leg_confidence: f32,
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
    /// The name of the plan's kind.
    pub fn name(&self) -> &'static str {
        match self {
            PlanSpec::Direct { .. } => "direct",
            PlanSpec::Cascade { .. } => "cascade",
            PlanSpec::Adaptive { .. } => "adaptive",
        }
    }
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
    /// Limits of accounts, by path.
    pub accounts: BTreeMap<String, AccountSpec>,
    /// The model that savings are measured against.
    pub baseline: Option<ModelIndex>,
    /// What decision records keep of the prompt.
    pub log_text: LogText,
}
