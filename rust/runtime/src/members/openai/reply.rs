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
            // How much of it was written, nobody can tell: as much as was allowed, at the most.
            let written = body.len().min(config.max_tokens as usize * 4);
            let mut usage = usage_of(usage.as_ref(), config, sent_bytes, written);
            usage.tokens_out = usage.tokens_out.map(|tokens| tokens.min(u64::from(config.max_tokens)));
            return (Err(Fault::BadOutput(problem)), usage);
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

/// What a server says that it used, where that can be so. More tokens than were allowed are charged as far as so many were written
/// (a server need not keep to the bound; the account counts it as overrun); a figure that is none is estimated at four bytes a
/// token.
fn usage_of(usage: Option<&Json>, config: &OpenAiConfig, sent_bytes: usize, written_bytes: usize) -> Usage {
    let told = |name: &str| usage.and_then(|usage| usage.get(name)).and_then(Json::as_u64);
    let most_in = sent_bytes as u64 + MOST_ADDED_TOKENS;
    let tokens_out = match config.api {
        Api::Embeddings => 0,
        _ => told("completion_tokens")
            .unwrap_or(written_bytes.div_ceil(4) as u64)
            .min(u64::from(config.max_tokens).max(written_bytes as u64)),
    };
    Usage {
        tokens_in: told("prompt_tokens").filter(|tokens| *tokens <= most_in),
        tokens_out: Some(tokens_out),
        compute_ns: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(output: Output, confidence: Confidence) -> OpenAiConfig {
        OpenAiConfig { output, confidence, ..OpenAiConfig::sample(Api::Chat) }
    }

    fn served(body: &Json, config: &OpenAiConfig) -> Served {
        read(body.to_string().as_bytes(), config, 400)
    }

    fn choice(message: Json) -> Json {
        json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
    }

    #[test]
    fn text_is_read_as_the_description_says() {
        let said = |text: &str| choice(json!({"role": "assistant", "content": text}));
        let table: &[(&str, Output, Option<Value>)] = &[
            (" refund\n", Output::Text, Some(" refund\n".into())),
            (" refund\n", Output::Label, Some("refund".into())),
            ("{\"a\": 1}", Output::Json, Some(Value::Json(Arc::new(json!({"a": 1}))))),
            ("{\"a\": ", Output::Json, None),
            ("\u{1F600} \\ \"", Output::Text, Some("\u{1F600} \\ \"".into())),
        ];
        for (text, output, expected) in table {
            let (result, usage) = served(&said(text), &chat(*output, Confidence::None));
            assert_eq!(
                result.as_ref().ok().map(|reply| reply.output.clone()),
                *expected,
                "{text:?}: {result:?}"
            );
            assert_eq!((usage.tokens_in, usage.tokens_out), (Some(7), Some(3)), "charged, readable or not");
            if let Ok(reply) = result {
                assert_eq!(reply.finish_reason.as_deref(), Some("stop"));
            }
        }
    }

    #[test]
    fn a_reply_of_another_shape_is_a_bad_output_and_a_refusal_is_never() {
        let bodies = [
            json!({}),
            json!([]),
            json!("text"),
            json!({"choices": []}),
            json!({"choices": {}}),
            json!({"choices": [{}]}),
            json!({"choices": [{"message": {"content": 7}}]}),
            json!({"choices": [{"message": {"content": null}}]}),
            json!({"choices": [{"message": "refund"}]}),
            choice(json!({"tool_calls": [{"function": {"arguments": "{}"}}]})),
            choice(json!({"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]})),
        ];
        for body in bodies {
            let (result, _) = served(&body, &chat(Output::Text, Confidence::None));
            assert!(matches!(result, Err(Fault::BadOutput(_))), "{body}: {result:?}");
        }
        let (garbage, _) = read(b"<html>busy</html>", &chat(Output::Text, Confidence::None), 9);
        assert!(matches!(garbage, Err(Fault::BadOutput(_))));
        let mut filtered = choice(json!({"content": ""}));
        filtered["choices"][0]["finish_reason"] = "content_filter".into();
        for body in [filtered, choice(json!({"content": null, "refusal": "No."}))] {
            let (result, usage) = served(&body, &chat(Output::Text, Confidence::None));
            assert!(matches!(result, Err(Fault::Refused(_))), "{body}: {result:?}");
            assert_eq!(usage.tokens_in, Some(7));
        }
    }

    #[test]
    fn what_a_server_cannot_have_used_is_not_charged_as_it_says() {
        let table: &[(Json, Option<u64>, Option<u64>)] = &[
            (json!({"prompt_tokens": 7, "completion_tokens": 3}), Some(7), Some(3)),
            (json!({"prompt_tokens": -7, "completion_tokens": -3}), None, Some(2)),
            (json!({"prompt_tokens": 1.5, "completion_tokens": "3"}), None, Some(2)),
            (json!({"prompt_tokens": 1e15, "completion_tokens": 4_000_000_000_000_u64}), None, Some(64)),
            (json!({}), None, Some(2)),
            (Json::Null, None, Some(2)),
            (json!("none"), None, Some(2)),
            (json!([1, 2]), None, Some(2)),
        ];
        for (usage, tokens_in, tokens_out) in table {
            let body = json!({"choices": [{"message": {"content": "refunds"}}], "usage": usage});
            let (result, used) = served(&body, &chat(Output::Text, Confidence::None));
            assert!(result.is_ok(), "{usage}: {result:?}");
            assert_eq!((used.tokens_in, used.tokens_out), (*tokens_in, *tokens_out), "{usage}");
        }
    }

    #[test]
    fn log_probabilities_become_a_leg_confidence_or_none() {
        let tokens = |logprobs: &[Json]| {
            let content: Vec<Json> = logprobs.iter().map(|p| json!({"token": "x", "logprob": p})).collect();
            json!({"choices": [{"message": {"content": "x"}, "logprobs": {"content": content}}]})
        };
        let half = json!(0.5_f64.ln());
        let table: &[(Json, Confidence, Option<f32>)] = &[
            (tokens(&[half.clone(), half.clone()]), Confidence::Joint, Some(0.25)),
            (tokens(&[half.clone(), half.clone()]), Confidence::Mean, Some(0.5)),
            (tokens(&[half.clone(), half.clone()]), Confidence::None, None),
            (tokens(&[json!(1e-6)]), Confidence::Joint, Some(1.0)),
            (tokens(&[json!(0.7)]), Confidence::Joint, None),
            (tokens(&[half.clone(), Json::Null]), Confidence::Joint, None),
            (tokens(&[json!("NaN")]), Confidence::Joint, None),
            (tokens(&[]), Confidence::Joint, None),
        ];
        for (body, how, expected) in table {
            let reply = served(body, &chat(Output::Text, *how)).0.unwrap();
            match (reply.confidence, expected) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-6, "{body}: {found}"),
                (found, expected) => assert_eq!(found, *expected, "{body}"),
            }
        }
        let older = json!({"choices": [{"text": "x", "logprobs": {"token_logprobs": [half.clone(), half]}}]});
        let config = OpenAiConfig { confidence: Confidence::Joint, ..OpenAiConfig::sample(Api::Completions) };
        assert!((served(&older, &config).0.unwrap().confidence.unwrap() - 0.25).abs() < 1e-6);
    }

    #[test]
    fn an_embedding_comes_as_numbers_or_in_base64() {
        let config = OpenAiConfig::sample(Api::Embeddings);
        let expected = Value::Vector(Arc::new(Tensor { shape: vec![2], data: vec![0.5, -2.0] }));
        let encoded = BASE64_STANDARD.encode([0.5_f32, -2.0].map(f32::to_le_bytes).concat());
        for embedding in [json!([0.5, -2]), json!(encoded)] {
            let body = json!({"data": [{"embedding": embedding}], "usage": {"prompt_tokens": 2}});
            assert_eq!(served(&body, &config).0.unwrap().output, expected);
        }
        for embedding in
            [json!([]), json!(["a"]), json!([null]), json!("AAA"), json!("!"), json!(7), Json::Null]
        {
            let body = json!({"data": [{"embedding": embedding}]});
            assert!(matches!(served(&body, &config).0, Err(Fault::BadOutput(_))), "{body}");
        }
        assert!(matches!(
            read(br#"{"data": [{"embedding": [NaN]}]}"#, &config, 9).0,
            Err(Fault::BadOutput(_))
        ));
    }

    #[test]
    fn tool_calls_come_back_parsed() {
        let call = json!({"id": "c1", "type": "function", "function": {"name": "refund", "arguments": "{\"order\": 4471}"}});
        let reply = served(
            &choice(json!({"content": null, "tool_calls": [call]})),
            &chat(Output::Text, Confidence::None),
        );
        let expected = json!({"content": null, "tool_calls": [{"id": "c1", "name": "refund", "arguments": {"order": 4471}}]});
        assert_eq!(reply.0.unwrap().output, Value::Json(Arc::new(expected)));
    }
}
