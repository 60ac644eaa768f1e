//! What the description says of a served model, as the control plane passes it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::net::address::Network;
use crate::net::endpoint::{Bounds, Endpoint, EndpointError};

/// Which of the protocol's calls is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/chat/completions`.
    Chat,
    /// `/completions`.
    Completions,
    /// `/embeddings`.
    Embeddings,
}

impl Api {
    /// Below the base URL.
    fn path(self) -> &'static str {
        match self {
            Api::Chat => "chat/completions",
            Api::Completions => "completions",
            Api::Embeddings => "embeddings",
        }
    }
}

/// What the text of a reply is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// As it came.
    Text,
    /// Without the space around it.
    Label,
    /// Parsed; text that is no JSON is a bad output.
    Json,
}

/// What a leg confidence is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// There is none.
    None,
    /// The probability of the whole output: exp(Σ log p).
    Joint,
    /// The geometric mean over tokens: exp(mean log p).
    Mean,
}

/// A served model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAiConfig {
    /// Up to and including the version: `http://127.0.0.1:8000/v1`.
    pub base_url: String,
    /// The call that is made.
    pub api: Api,
    /// The model's name on the server.
    pub model: String,
    /// The system prompt.
    pub system: Option<String>,
    /// What the user's turn (or the prompt) says; `{input}` stands for the input.
    pub template: String,
    /// Sampling and other parameters, as the protocol names them.
    pub parameters: Map<String, Json>,
    /// The most tokens that it may write.
    pub max_tokens: u32,
    /// The name of that bound in the request.
    pub max_tokens_name: String,
    /// How the text is read.
    pub output: Output,
    /// How sure it is.
    pub confidence: Confidence,
    /// Whether the reply is asked for in events.
    pub stream: bool,
    /// HTTP/2 without negotiating.
    pub http2: bool,
    /// Bound on connecting.
    pub connect_timeout_ms: u64,
    /// Bound on the reply's first byte.
    pub first_byte_timeout_ms: Option<u64>,
    /// Bound on the silence between two pieces of the reply.
    pub idle_timeout_ms: Option<u64>,
    /// Bound on the reply's size.
    pub max_response_bytes: usize,
    /// Certificates that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether private networks may be reached.
    pub private_networks: bool,
}

impl OpenAiConfig {
    pub(super) fn endpoint(&self, key: Option<&str>) -> Result<Endpoint, EndpointError> {
        let bounds = Bounds {
            connect: Duration::from_millis(self.connect_timeout_ms),
            first_byte: self.first_byte_timeout_ms.map(Duration::from_millis),
            idle: self.idle_timeout_ms.map(Duration::from_millis),
            body_bytes: self.max_response_bytes,
        };
        let url = format!("{}/{}", self.base_url.trim_end_matches('/'), self.api.path());
        let network = Network { private: self.private_networks };
        Endpoint::new(&url, key, self.http2, bounds, network, self.ca_file.as_deref())
    }
}

#[cfg(test)]
impl OpenAiConfig {
    /// A member for tests.
    pub(super) fn sample(api: Api) -> Self {
        Self {
            base_url: "http://127.0.0.1:1/v1".into(),
            api,
            model: "m".into(),
            system: None,
            template: "{input}".into(),
            parameters: Map::new(),
            max_tokens: 64,
            max_tokens_name: "max_tokens".into(),
            output: Output::Text,
            confidence: Confidence::None,
            stream: false,
            http2: false,
            connect_timeout_ms: 1_000,
            first_byte_timeout_ms: None,
            idle_timeout_ms: None,
            max_response_bytes: 1_000_000,
            ca_file: None,
            private_networks: false,
        }
    }
}
