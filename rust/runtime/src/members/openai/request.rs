//! The body of a request. All but the input is written once, when the member is loaded.

use bytes::Bytes;
use ecology_core::Value;
use serde_json::{Map, Value as Json, json};

use super::config::{Api, Confidence, OpenAiConfig};

const PLACE: &str = "{input}";

/// A body with places for the input.
#[derive(Debug)]
pub(super) struct Template {
    api: Api,
    /// What stands before, between and after the places.
    pieces: Vec<Vec<u8>>,
    /// The same for a conversation: before its turns, and after.
    chat: (Vec<u8>, Vec<u8>),
    system: bool,
    template: String,
}

impl Template {
    pub(super) fn new(config: &OpenAiConfig) -> Self {
        let mut body = Map::new();
        body.insert("model".into(), config.model.as_str().into());
        if config.api != Api::Embeddings {
            body.insert(config.max_tokens_name.clone(), config.max_tokens.into());
            match (config.confidence, config.api) {
                (Confidence::None, _) => {}
                (_, Api::Chat) => drop(body.insert("logprobs".into(), true.into())),
                // The protocol's older call takes a number: how many alternatives beside the token itself.
                _ => drop(body.insert("logprobs".into(), 0.into())),
            }
            if config.stream {
                body.insert("stream".into(), true.into());
                body.insert("stream_options".into(), json!({"include_usage": true}));
            }
        }
        body.extend(config.parameters.clone());
        // The input's place is last, so that everything before it can be written now.
        let mut head = Json::Object(body).to_string().into_bytes();
        head.pop();
        let system =
            config.system.as_deref().map(|words| json!({"role": "system", "content": words}).to_string());
        let mut chat = head.clone();
        chat.extend_from_slice(b",\"messages\":[");
        if let Some(system) = &system {
            chat.extend_from_slice(system.as_bytes());
        }
        let (open, close): (Vec<u8>, &[u8]) = match config.api {
            Api::Chat => {
                let comma: &[u8] = if system.is_some() { b"," } else { b"" };
                ([&chat, comma, b"{\"role\":\"user\",\"content\":\""].concat(), b"\"}]}")
            }
            Api::Completions => {
                // There is no turn of its own for the system prompt; it comes first.
                let words = config.system.as_deref().map(|words| format!("{words}\n\n")).unwrap_or_default();
                ([&head, &b",\"prompt\":\""[..], escaped(&words).as_bytes()].concat(), b"\"}")
            }
            Api::Embeddings => ([&head, &b",\"input\":\""[..]].concat(), b"\"}"),
        };
        let mut pieces: Vec<Vec<u8>> =
            config.template.split(PLACE).map(|piece| escaped(piece).into_bytes()).collect();
        if let Some(first) = pieces.first_mut() {
            *first = [open.as_slice(), first.as_slice()].concat();
        }
        if let Some(last) = pieces.last_mut() {
            last.extend_from_slice(close);
        }
        Self {
            api: config.api,
            pieces,
            chat: (chat, b"]}".to_vec()),
            system: system.is_some(),
            template: config.template.clone(),
        }
    }

    /// The body for an input; the reason if the call cannot carry it. `text` is the input where `content` is not known.
    pub(super) fn render(&self, content: Option<&Value>, text: &str) -> Result<Bytes, String> {
        match content {
            None => Ok(self.with_text(text)),
            Some(Value::Text(text)) => Ok(self.with_text(text)),
            Some(Value::Json(json)) => match json.as_array().filter(|turns| is_conversation(turns)) {
                None => Ok(self.with_text(&json.to_string())),
                Some(turns) if self.api == Api::Chat => Ok(self.with_turns(turns)),
                Some(_) => {
                    Err("a conversation can only be sent to a chat; its model has another `api`".into())
                }
            },
            Some(Value::Vector(_)) => Err("an array of numbers cannot be sent to a served model".into()),
        }
    }

    fn with_text(&self, text: &str) -> Bytes {
        let text = escaped(text);
        let size = self.pieces.iter().map(Vec::len).sum::<usize>() + text.len() * (self.pieces.len() - 1);
        let mut body = Vec::with_capacity(size);
        for (at, piece) in self.pieces.iter().enumerate() {
            if at > 0 {
                body.extend_from_slice(text.as_bytes());
            }
            body.extend_from_slice(piece);
        }
        body.into()
    }

    /// The turns as they are, but for the last one of the user, which goes through the template.
    fn with_turns(&self, turns: &[Json]) -> Bytes {
        let asked = turns.iter().rposition(|turn| turn["role"] == "user" && turn["content"].is_string());
        let mut body = self.chat.0.clone();
        for (at, turn) in turns.iter().enumerate() {
            if at > 0 || self.system {
                body.push(b',');
            }
            let mut turn = turn.clone();
            if asked == Some(at) && self.template != PLACE {
                let words = self.template.replace(PLACE, turn["content"].as_str().unwrap_or_default());
                turn["content"] = words.into();
            }
            body.extend_from_slice(turn.to_string().as_bytes());
        }
        body.extend_from_slice(&self.chat.1);
        body.into()
    }
}

fn is_conversation(turns: &[Json]) -> bool {
    let is_turn =
        |turn: &Json| turn.get("role").is_some_and(Json::is_string) && turn.get("content").is_some();
    !turns.is_empty() && turns.iter().all(is_turn)
}

/// The inside of a JSON string.
fn escaped(text: &str) -> String {
    let mut quoted = Json::from(text).to_string();
    quoted.pop();
    quoted.remove(0);
    quoted
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn config(api: Api, system: Option<&str>, template: &str) -> OpenAiConfig {
        OpenAiConfig {
            model: "m\"1".into(),
            system: system.map(Into::into),
            template: template.into(),
            parameters: json!({"temperature": 0, "stop": ["\n"]}).as_object().unwrap().clone(),
            max_tokens: 9,
            max_tokens_name: "max_completion_tokens".into(),
            confidence: Confidence::Joint,
            ..OpenAiConfig::sample(api)
        }
    }

    fn rendered(config: &OpenAiConfig, input: Value) -> Json {
        serde_json::from_slice(&Template::new(config).render(Some(&input), "").unwrap()).unwrap()
    }

    proptest! {
        /// The slow, obvious twin: the whole body as one value.
        #[test]
        fn a_body_is_what_its_parts_say(
            input in ".{0,60}", system in proptest::option::of(".{0,20}"), before in "[^{}]{0,9}", after in "[^{}]{0,9}",
        ) {
            let template = format!("{before}{{input}}{after}{{input}}");
            let said = template.replace(PLACE, &input);
            let chat = config(Api::Chat, system.as_deref(), &template);
            let mut turns: Vec<Json> = Vec::new();
            turns.extend(system.as_ref().map(|words| json!({"role": "system", "content": words})));
            turns.push(json!({"role": "user", "content": said}));
            let expected = json!({
                "model": "m\"1", "max_completion_tokens": 9, "logprobs": true, "temperature": 0, "stop": ["\n"],
                "messages": turns,
            });
            prop_assert_eq!(rendered(&chat, Value::from(&*input)), expected.clone());
            // As a conversation of one turn it is the same.
            let turn = Value::Json(Arc::new(json!([{"role": "user", "content": input}])));
            prop_assert_eq!(rendered(&chat, turn), expected);
            let prompt = rendered(&config(Api::Completions, system.as_deref(), &template), Value::from(&*input));
            let first = system.map(|words| format!("{words}\n\n")).unwrap_or_default();
            prop_assert_eq!(&prompt["prompt"], &Json::from(format!("{first}{said}")));
            prop_assert_eq!(&prompt["logprobs"], &Json::from(0));
            let vector = rendered(&config(Api::Embeddings, None, PLACE), Value::from(&*input));
            prop_assert_eq!(vector, json!({"model": "m\"1", "temperature": 0, "stop": ["\n"], "input": input}));
        }
    }

    #[test]
    fn a_conversation_goes_to_a_chat_only_and_keeps_its_turns() {
        let turns = json!([
            {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"}, {"role": "tool", "content": "four", "tool_call_id": "x"},
        ]);
        let input = Value::Json(Arc::new(turns));
        let body = rendered(&config(Api::Chat, Some("Be brief."), "Say: {input}"), input.clone());
        let said: Vec<&str> =
            body["messages"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
        assert_eq!(said, ["Be brief.", "one", "two", "Say: three", "four"]);
        assert_eq!(body["messages"][4]["tool_call_id"], "x");
        for api in [Api::Completions, Api::Embeddings] {
            assert!(Template::new(&config(api, None, PLACE)).render(Some(&input), "").is_err());
        }
    }
}
