//! What admission needs to know of a request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::snapshot::Risk;

/// The constraints of one request, after the policy's defaults. `None` is unstated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Task.
    pub task: Option<Arc<str>>,
    /// Language.
    pub language: Option<Arc<str>>,
    /// Kind of input.
    pub modality: Option<Arc<str>>,
    /// Data class.
    pub data_class: Option<Arc<str>>,
    /// Jurisdiction.
    pub jurisdiction: Option<Arc<str>>,
    /// Risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Only this model may serve, if one is named.
    pub model: Option<Arc<str>>,
    /// Length of the input.
    pub input_bytes: u64,
    /// Whether money is limited, so that an unknown price is too dear.
    pub money_is_limited: bool,
}
