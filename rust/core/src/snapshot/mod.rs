//! The compiled population, immutable, and the live state beside it.
//!
//! **The problem.** Requests in flight must see one consistent population while it is being replaced, and what the
//! process has spent must survive the replacement. So everything that was *decided* about a population (models, contracts,
//! policy, plans, weights) is compiled into one [`Snapshot`] with a generation and a digest, and everything that *happens*
//! (budgets, counters, events) is [`Live`], keyed by stable ids.

mod events;
mod facts;
mod intent;
mod live;
mod mask;
mod model;
mod population;
mod router_weights;
mod spec;

pub use events::EventQueue;
pub use facts::{RankingFacts, WorstCase};
pub use intent::{Abstention, Inferred, Intent, IntentError, IntentWeights};
pub use live::{Live, Savings};
pub use mask::{MAX_MODELS, Mask};
pub use model::{DigestKind, Model, ModelIndex, Price, Role, Stage, Tier};
pub use population::{MOST_CONTEXT, Snapshot, SnapshotError, Weights};
pub use router_weights::{
    Block, Calibration, Contributions, Corrections, Expected, FactoredParts, Group, Heads, LogHeads,
    MAX_BASIS, MAX_PROJECTION, ModelHead, NamedBlock, Platt, RouterWeights, RouterWeightsError,
};
pub use spec::{
    AccountSpec, Conditions, Defaults, Doubt, IntentSpec, Learning, LogText, LowConfidence, Objective,
    PlanSpec, Risk, Routing, Rule, SnapshotSpec,
};
