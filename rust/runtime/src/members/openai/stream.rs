//! A reply that comes in events (server-sent events, as the protocol uses them), put together.

use ecology_core::leg::{Fault, Usage};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value as Json, json};

use super::config::OpenAiConfig;
use super::reply::{self, Said};
use crate::net::exchange::Failure;
use crate::net::reactor::Served;

/// Whether a reply comes in events.
pub(super) fn is_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

/// The events so far.
pub(super) struct Parts {
    /// Bytes of a line that has not ended.
    line: Vec<u8>,
    said: Said,
    /// A part of the reply that was not what the protocol says.
    problem: Option<String>,
    /// The server's own word that it failed.
    failed: Option<String>,
    done: bool,
    left_bytes: usize,
}

impl Parts {
    pub(super) fn new(most_bytes: usize) -> Self {
        let said = Said::default();
        Self { line: Vec::new(), said, problem: None, failed: None, done: false, left_bytes: most_bytes }
    }

    /// Whether `[DONE]` has come.
    pub(super) fn done(&self) -> bool {
        self.done
    }

    /// Takes in bytes, wherever they are cut.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.left_bytes = self.left_bytes.checked_sub(bytes.len()).ok_or(Failure::TooLarge)?;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take_line(line.trim_ascii());
            }
        }
        Ok(())
    }

    /// Comments, names and ids of events say nothing that is needed.
    fn take_line(&mut self, line: &[u8]) {
        let Some(data) = line.strip_prefix(b"data:") else { return };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return;
        }
        match serde_json::from_slice::<Json>(data) {
            Ok(event) => self.take_event(&event),
            Err(error) => drop(self.problem.get_or_insert(format!("an event is no JSON: {error}"))),
        }
    }

    fn take_event(&mut self, event: &Json) {
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            let words = error.get("message").unwrap_or(error).as_str().unwrap_or("without words");
            self.failed = Some(format!("the server failed while it wrote: {words}"));
            return;
        }
        if let Some(usage) = event.get("usage").filter(|usage| !usage.is_null()) {
            self.said.usage = Some(usage.clone());
        }
        let Some(choice) = event.get("choices").and_then(|choices| choices.get(0)) else { return };
        if let Some(reason) = choice.get("finish_reason").and_then(Json::as_str) {
            self.said.finish_reason = Some(reason.into());
        }
        if let Some(logprobs) = choice.get("logprobs") {
            self.said.logprobs.add(logprobs);
        }
        let delta = choice.get("delta").unwrap_or(choice);
        for name in ["content", "text", "refusal"] {
            let into = if name == "refusal" { &mut self.said.refusal } else { &mut self.said.content };
            match delta.get(name) {
                Some(Json::String(words)) => into.get_or_insert_default().push_str(words),
                None | Some(Json::Null) => {}
                Some(_) => drop(self.problem.get_or_insert(format!("`{name}` of an event is no text"))),
            }
        }
        for call in delta.get("tool_calls").and_then(Json::as_array).into_iter().flatten() {
            self.take_call(call);
        }
    }

    /// The first part of a tool call names it; the others bring more of its arguments.
    fn take_call(&mut self, part: &Json) {
        let mut at = part.get("index").and_then(Json::as_u64).unwrap_or(0) as usize;
        let calls = &mut self.said.tool_calls;
        // Some servers number none of their calls: another id is another call.
        let id = part.get("id").filter(|id| id.as_str().is_some_and(|id| !id.is_empty()));
        if id.is_some_and(|id| calls.get(at).is_some_and(|call| !call["id"].is_null() && call["id"] != *id)) {
            at = calls.len();
        }
        if at > calls.len() {
            self.problem.get_or_insert("a tool call comes before its turn".into());
            return;
        }
        if at == calls.len() {
            calls.push(json!({"id": null, "function": {"name": null, "arguments": ""}}));
        }
        let call = &mut calls[at];
        if let Some(id) = part.get("id").filter(|id| !id.is_null()) {
            call["id"] = id.clone();
        }
        let function = &part["function"];
        if let Some(name) = function.get("name").filter(|name| !name.is_null()) {
            call["function"]["name"] = name.clone();
        }
        if let (Some(more), Json::String(arguments)) =
            (function["arguments"].as_str(), &mut call["function"]["arguments"])
        {
            arguments.push_str(more);
        }
    }

    /// The reply that the events make.
    pub(super) fn finish(mut self, config: &OpenAiConfig, sent_bytes: usize) -> Served {
        // Some servers leave out the end of the last line.
        let line = std::mem::take(&mut self.line);
        self.take_line(line.trim_ascii());
        if let Some(problem) = self.failed {
            return (Err(Fault::Lost(problem)), Usage::default());
        }
        // Without `[DONE]`, a stated end is one.
        if !self.done && self.said.finish_reason.is_none() {
            let problem = "the stream ended before the reply was whole".to_owned();
            return (Err(Fault::Lost(problem)), Usage::default());
        }
        let problem = self.problem.take();
        let (result, usage) = reply::finish(self.said, config, sent_bytes);
        match problem {
            Some(problem) => (Err(Fault::BadOutput(problem)), usage),
            None => (result, usage),
        }
    }
}

#[cfg(test)]
mod tests {
    use ecology_core::Value;
    use proptest::prelude::*;

    use super::super::config::Api;
    use super::*;

    fn event(event: &Json) -> String {
        format!("data: {event}\n\n")
    }

    fn delta(delta: Json) -> String {
        event(&json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
    }

    fn read(bytes: &[u8], cuts: &[usize]) -> Served {
        let mut parts = Parts::new(1_000_000);
        let mut from = 0;
        for cut in cuts.iter().map(|cut| cut % (bytes.len() + 1)).filter(|cut| *cut > 0) {
            if cut > from {
                parts.push(&bytes[from..cut]).unwrap();
                from = cut;
            }
        }
        parts.push(&bytes[from..]).unwrap();
        parts.finish(&OpenAiConfig::sample(Api::Chat), 100)
    }

    proptest! {
        /// Wherever a stream is cut, it says what its parts say.
        #[test]
        fn a_stream_is_the_sum_of_its_parts(words in prop::collection::vec(".{0,9}", 1..6), mut cuts in prop::collection::vec(0_usize..5_000, 0..9)) {
            cuts.sort_unstable();
            let mut stream = String::from(": hello\r\n");
            stream += &delta(json!({"role": "assistant", "content": ""}));
            words.iter().for_each(|word| stream += &delta(json!({"content": word})));
            stream += &event(&json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}));
            stream += &event(&json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 4}}));
            stream += "data: [DONE]\n\n";
            let (result, usage) = read(stream.as_bytes(), &cuts);
            prop_assert_eq!(result.unwrap().output, Value::from(words.concat().as_str()));
            prop_assert_eq!((usage.tokens_in, usage.tokens_out), (Some(5), Some(4)));
        }

        /// Bytes that are no stream never panic, and are never taken for a reply.
        #[test]
        fn garbage_is_lost(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (result, _) = read(&bytes, &[]);
            prop_assert!(result.is_err());
        }
    }

    #[test]
    fn a_stream_that_ends_early_is_lost_and_one_that_fails_says_why() {
        let cut = delta(json!({"content": "ref"}));
        assert!(matches!(read(cut.as_bytes(), &[]).0, Err(Fault::Lost(_))));
        let failed = cut.clone() + &event(&json!({"error": {"message": "out of memory"}}));
        let (result, _) = read(failed.as_bytes(), &[]);
        assert!(
            matches!(result, Err(Fault::Lost(ref words)) if words.contains("out of memory")),
            "{result:?}"
        );
        let garbled = cut + "data: {nonsense\n\ndata: [DONE]\n\n";
        assert!(matches!(read(garbled.as_bytes(), &[]).0, Err(Fault::BadOutput(_))));
    }

    #[test]
    fn tool_calls_are_put_together_from_their_parts() {
        let part = |part: Json| delta(json!({"tool_calls": [part]}));
        let stream = part(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}))
            + &part(json!({"index": 0, "function": {"arguments": "{\"x\":"}}))
            + &part(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}))
            + &part(json!({"index": 0, "function": {"arguments": " 1}"}}))
            + "data: [DONE]\n";
        let Value::Json(output) = read(stream.as_bytes(), &[]).0.unwrap().output else { panic!("no JSON") };
        assert_eq!(output["tool_calls"][0], json!({"id": "a", "name": "f", "arguments": {"x": 1}}));
        assert_eq!(output["tool_calls"][1], json!({"id": "b", "name": "g", "arguments": {}}));
        let unordered = part(json!({"index": 3, "id": "a", "function": {"name": "f"}})) + "data: [DONE]\n";
        assert!(matches!(read(unordered.as_bytes(), &[]).0, Err(Fault::BadOutput(_))));
    }

    #[test]
    fn a_stream_past_its_bound_is_cut_off() {
        let mut parts = Parts::new(10);
        assert!(parts.push(b"0123456789").is_ok());
        assert!(matches!(parts.push(b"0"), Err(Failure::TooLarge)));
    }
}
