//! Every input of a decision, so that it can be made again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::routed::{infer, with_defaults};
use super::{Request, Routed};
use crate::admission::Ask;
use crate::snapshot::{LogText, Mask, Snapshot};
use crate::text::Features;

/// What a decision was made from. The same record and the same snapshot give the same decision, bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRecord {
    /// Digest of the snapshot, router weights included.
    pub snapshot: Arc<str>,
    /// The constraints, after the policy's defaults.
    pub ask: Ask,
    /// Whether an intent model was asked for the task, which is then read from the prompt again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub task_inferred: bool,
    /// Models that the budget could pay for, by id.
    pub affordable: Vec<Arc<str>>,
    /// Tokens of the prompt.
    pub tokens_in: u64,
    /// When, on the process's clock.
    pub now_ns: u64,
    /// Source of chance.
    pub seed: u64,
    /// What the prompt looked like, unless the policy keeps nothing.
    pub features: Option<Features>,
    /// The prompt, if the policy keeps it.
    pub text: Option<Arc<str>>,
    /// The choice that was made.
    pub chosen: Arc<str>,
    /// Its decision confidence.
    pub confidence: f32,
    /// Its propensity.
    pub propensity: f64,
}

/// Why a record cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It was made under another snapshot.
    #[error(
        "the record was made under snapshot {record}, this is {current}; compile the description of that day"
    )]
    OtherSnapshot {
        /// The record's.
        record: Arc<str>,
        /// This one.
        current: Arc<str>,
    },
    /// It holds neither features nor text.
    #[error("the record keeps neither features nor text; set log_text to \"features\" or \"full\"")]
    NoFeatures,
    /// Its features are not of the snapshot's feature spec.
    #[error("the features of the record do not fit the feature spec of its snapshot")]
    Features,
    /// Nobody is eligible, so it was never made.
    #[error("no model is eligible under this record")]
    NoEligibleModel,
}

impl DecisionRecord {
    /// The record of a decision, holding as much of the prompt as its policy says.
    pub fn of(routed: &Routed) -> Self {
        let (snapshot, request) = (&routed.snapshot, &routed.request);
        let chosen = routed.decision.chosen();
        let log_text = snapshot.spec.log_text;
        Self {
            snapshot: Arc::clone(&snapshot.digest),
            ask: request.ask.clone(),
            task_inferred: routed.inferred.is_some(),
            affordable: routed
                .affordable
                .iter()
                .map(|index| Arc::clone(&snapshot.spec.models[index].id))
                .collect(),
            tokens_in: request.tokens_in,
            now_ns: request.started_ns,
            seed: request.seed,
            features: (log_text != LogText::None).then(|| Features::clone(&request.features)),
            text: request.text.clone().filter(|_| log_text == LogText::Full),
            chosen: Arc::clone(&snapshot.model(chosen.model).id),
            confidence: chosen.confidence,
            propensity: routed.decision.propensity,
        }
    }
}

/// Makes the decision again. The payer's account is not part of a decision: what its budget could pay for is.
pub fn replay(snapshot: Arc<Snapshot>, record: &DecisionRecord) -> Result<Routed, ReplayError> {
    if snapshot.digest != record.snapshot {
        let (record, current) = (Arc::clone(&record.snapshot), Arc::clone(&snapshot.digest));
        return Err(ReplayError::OtherSnapshot { record, current });
    }
    let from_text = record.text.as_ref().map(|text| snapshot.extractor.extract(text));
    let features = record.features.clone().or(from_text).ok_or(ReplayError::NoFeatures)?;
    // A record comes from a log, so it may hold anything; scoring takes its indices on trust.
    let (buckets, dense) = (snapshot.spec.features.buckets(), snapshot.spec.features.dense());
    if features.indices.len() != features.values.len()
        || features.dense.len() != dense
        || features.indices.iter().any(|index| *index as usize >= buckets)
    {
        return Err(ReplayError::Features);
    }
    let known = |id: &Arc<str>| snapshot.spec.models.iter().position(|model| model.id == *id);
    let affordable: Mask = record.affordable.iter().filter_map(known).collect();
    let (mut ask, mut inferred) = (record.ask.clone(), None);
    if record.task_inferred {
        ask.task = None;
        inferred = infer(&snapshot, &mut ask, &features);
        ask = with_defaults(&snapshot, ask);
    }
    let request = Request {
        ask,
        features: Arc::new(features),
        text: record.text.clone(),
        account: "".into(),
        limits: None,
        tokens_in: record.tokens_in,
        started_ns: record.now_ns,
        deadline_ns: u64::MAX,
        seed: record.seed,
    };
    Routed::decided(snapshot, request, inferred, affordable).map_err(|_| ReplayError::NoEligibleModel)
}
