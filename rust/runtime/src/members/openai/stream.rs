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
        if let Some(error) = event.get("error") {
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
        let at = part.get("index").and_then(Json::as_u64).unwrap_or(0) as usize;
        let calls = &mut self.said.tool_calls;
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
