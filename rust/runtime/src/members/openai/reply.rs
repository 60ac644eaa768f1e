//! A whole reply: its output, how sure it is, and what it used. Whatever has another shape is a bad output, and what it used is
//! charged all the same.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ecology_core::leg::{Fault, Reply, Usage};
use ecology_core::{Tensor, Value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::config::{Api, Confidence, OpenAiConfig, Output};
use crate::net::reactor::Served;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    data: Vec<Embedding>,
    usage: Option<Json>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
    logprobs: Option<Json>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
    tool_calls: Option<Vec<Json>>,
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Json,
}

/// What a reply said, however it came.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Vec<Json>,
    pub(super) finish_reason: Option<String>,
    pub(super) logprobs: Logprobs,
    pub(super) usage: Option<Json>,
}

/// Log-probabilities of the tokens that were written.
#[derive(Debug, Default)]
pub(super) struct Logprobs {
    sum: f64,
    tokens: u32,
    /// One of them was none.
    broken: bool,
}

impl Logprobs {
    /// Takes in the protocol's `logprobs`: of a chat (`content`), or of a completion (`token_logprobs`).
    pub(super) fn add(&mut self, logprobs: &Json) {
        let chat = logprobs.get("content").and_then(Json::as_array).map(|tokens| {
            tokens.iter().map(|token| token.get("logprob").and_then(Json::as_f64)).collect::<Vec<_>>()
        });
        let older = || {
            let tokens = logprobs.get("token_logprobs").and_then(Json::as_array)?;
            Some(tokens.iter().map(Json::as_f64).collect())
        };
        for logprob in chat.or_else(older).unwrap_or_default() {
            match logprob {
                // Servers round: a certain token may come out a little above 0.
                Some(p) if p.is_finite() && p <= 1e-3 => {
                    self.sum += p.min(0.0);
                    self.tokens += 1;
                }
                _ => self.broken = true,
            }
        }
    }

    fn confidence(&self, how: Confidence) -> Option<f32> {
        if self.broken || self.tokens == 0 {
            return None;
        }
        match how {
            Confidence::None => None,
            Confidence::Joint => Some(self.sum.exp() as f32),
            Confidence::Mean => Some((self.sum / f64::from(self.tokens)).exp() as f32),
        }
    }
}

/// Reads a reply that came whole.
pub(super) fn read(body: &[u8], config: &OpenAiConfig, sent_bytes: usize) -> Served {
    let envelope: Envelope<'_> = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            // Its usage may be readable where the rest is not.
            let usage = serde_json::from_slice::<Json>(body).ok().and_then(|json| json.get("usage").cloned());
            let problem = format!("the reply is not what the protocol says: {error}");
            return (
                Err(Fault::BadOutput(problem)),
                usage_of(usage.as_ref(), config, sent_bytes, body.len()),
            );
        }
    };
    if config.api == Api::Embeddings {
        let usage = usage_of(envelope.usage.as_ref(), config, sent_bytes, 0);
        return match envelope.data.first() {
            Some(first) => (vector(&first.embedding).map(|output| Reply { usage, ..output.into() }), usage),
            None => (Err(Fault::BadOutput("the reply holds no embedding".into())), usage),
        };
    }
    let Some(choice) = envelope.choices.into_iter().next() else {
        let usage = usage_of(envelope.usage.as_ref(), config, sent_bytes, 0);
        return (Err(Fault::BadOutput("the reply holds no choice".into())), usage);
    };
    let mut said = Said {
        finish_reason: choice.finish_reason.map(Cow::into_owned),
        usage: envelope.usage,
        content: choice.text.map(Cow::into_owned),
        ..Said::default()
    };
    if let Some(message) = choice.message {
        said.content = message.content.map(Cow::into_owned);
        said.refusal = message.refusal.map(Cow::into_owned);
        said.tool_calls = message.tool_calls.unwrap_or_default();
    }
    if let Some(logprobs) = choice.logprobs.filter(|_| config.confidence != Confidence::None) {
        said.logprobs.add(&logprobs);
    }
    finish(said, config, sent_bytes)
}

/// The reply that this makes.
pub(super) fn finish(said: Said, config: &OpenAiConfig, sent_bytes: usize) -> Served {
    let written = said.content.as_ref().map_or(0, String::len)
        + said.tool_calls.iter().map(|call| call.to_string().len()).sum::<usize>();
    let usage = usage_of(said.usage.as_ref(), config, sent_bytes, written);
    (replied(said, config).map(|reply| Reply { usage, ..reply }), usage)
}

fn replied(said: Said, config: &OpenAiConfig) -> Result<Reply, Fault> {
    if said.finish_reason.as_deref() == Some("content_filter") {
        return Err(Fault::Refused("the server's content filter held the reply back".into()));
    }
    if let Some(refusal) = said.refusal.filter(|words| !words.is_empty()) {
        return Err(Fault::Refused(format!("the model refused: {refusal}")));
    }
    let confidence = said.logprobs.confidence(config.confidence);
    let output = if said.tool_calls.is_empty() {
        let Some(content) = said.content else {
            return Err(Fault::BadOutput("the reply holds neither text nor a tool call".into()));
        };
        match config.output {
            Output::Text => Value::Text(content.into()),
            Output::Label => Value::Text(content.trim().into()),
            Output::Json => match serde_json::from_str(&content) {
                Ok(json) => Value::Json(Arc::new(json)),
                Err(error) => return Err(Fault::BadOutput(format!("the reply's text is no JSON: {error}"))),
            },
        }
    } else {
        let calls = said.tool_calls.iter().map(tool_call).collect::<Result<Vec<_>, Fault>>()?;
        Value::Json(Arc::new(json!({"content": said.content, "tool_calls": calls})))
    };
    Ok(Reply { confidence, finish_reason: said.finish_reason.map(Into::into), ..output.into() })
}

/// `{id, name, arguments}`, with the arguments parsed.
fn tool_call(call: &Json) -> Result<Json, Fault> {
    let function = &call["function"];
    let Some(name) = function["name"].as_str() else {
        return Err(Fault::BadOutput("a tool call names no function".into()));
    };
    let arguments = match &function["arguments"] {
        Json::String(text) if text.trim().is_empty() => json!({}),
        Json::String(text) => serde_json::from_str(text).map_err(|error| {
            Fault::BadOutput(format!("the arguments of the tool call {name:?} are no JSON: {error}"))
        })?,
        Json::Null => json!({}),
        parsed => parsed.clone(),
    };
    Ok(json!({"id": call["id"], "name": name, "arguments": arguments}))
}

fn vector(embedding: &Json) -> Result<Value, Fault> {
    let wrong = || Fault::BadOutput("an embedding is a list of numbers, or 32-bit floats in base64".into());
    let data: Vec<f32> = match embedding {
        Json::Array(numbers) => {
            numbers.iter().map(|n| n.as_f64().map(|n| n as f32)).collect::<Option<_>>().ok_or_else(wrong)?
        }
        Json::String(text) => {
            let bytes = BASE64_STANDARD.decode(text).map_err(|_| wrong())?;
            let (numbers, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(wrong());
            }
            numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        }
        _ => return Err(wrong()),
    };
    if data.is_empty() {
        return Err(wrong());
    }
    Ok(Value::Vector(Arc::new(Tensor { shape: vec![data.len()], data })))
}

/// A token is a byte at the least, and a server adds some of its own around what was sent.
const MOST_ADDED_TOKENS: u64 = 65_536;

/// What a server says that it used, where that can be so. A figure beyond what the request allowed is charged as what it
/// allowed; one that is none is estimated at four bytes a token.
fn usage_of(usage: Option<&Json>, config: &OpenAiConfig, sent_bytes: usize, written_bytes: usize) -> Usage {
    let told = |name: &str| usage.and_then(|usage| usage.get(name)).and_then(Json::as_u64);
    let most_in = sent_bytes as u64 + MOST_ADDED_TOKENS;
    let tokens_out = match config.api {
        Api::Embeddings => 0,
        _ => told("completion_tokens")
            .unwrap_or(written_bytes.div_ceil(4) as u64)
            .min(u64::from(config.max_tokens)),
    };
    Usage {
        tokens_in: told("prompt_tokens").filter(|tokens| *tokens <= most_in),
        tokens_out: Some(tokens_out),
        compute_ns: 0,
    }
}
