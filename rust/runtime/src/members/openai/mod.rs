//! A model behind any server that speaks the OpenAI protocol: chat completions, completions, embeddings.
//!
//! | file | owns |
//! |---|---|
//! | `config` | what the description says of it |
//! | `request` | the body of a request, most of it written once |
//! | `reply` | a whole reply: output, confidence, usage |
//! | `status` | what a status that is no success means: not yet, or never |
//! | `stream` | a reply that comes in events, put together |

mod config;
mod reply;
mod request;
mod status;
mod stream;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ecology_core::leg::{Fault, Reply, Usage};

use super::{LegInput, Member, Place, Reads};
use crate::net::endpoint::{Endpoint, EndpointError};
use crate::net::exchange::{self, Failure};
use crate::net::reactor::{Call, HttpClient, Reactor, Served};

pub use config::{Api, Confidence, OpenAiConfig, Output};
use request::Template;

/// A served model.
#[derive(Debug)]
pub struct OpenAiMember {
    endpoint: Arc<Endpoint>,
    config: Arc<OpenAiConfig>,
    template: Template,
}

impl OpenAiMember {
    /// `key` is sent as a bearer token. Opens nothing.
    pub fn new(config: OpenAiConfig, key: Option<&str>) -> Result<Self, EndpointError> {
        let endpoint = Arc::new(config.endpoint(key)?);
        let template = Template::new(&config);
        Ok(Self { endpoint, config: Arc::new(config), template })
    }
}

impl Member for OpenAiMember {
    fn place(&self) -> Place {
        Place::Io
    }

    fn call(&self, _: &LegInput) -> Result<Reply, Fault> {
        Err(Fault::Failed("a served model is asked on a reactor".into()))
    }

    fn reads(&self) -> Reads {
        Reads { content: true, ..Reads::default() }
    }

    fn ask(&self, input: &LegInput, reactor: &Reactor) -> Option<Call> {
        let body = self.template.render(input.content.as_ref(), &input.text);
        let (endpoint, config) = (Arc::clone(&self.endpoint), Arc::clone(&self.config));
        let (client, ends_by) = (reactor.client(&endpoint), input.ends_by);
        Some(Box::pin(async move {
            match body {
                Ok(body) => {
                    let (result, usage) = served(&client, &endpoint, &config, body, ends_by).await;
                    (
                        result.map_err(|fault| fault.in_words(|words| shown(&endpoint.without_key(words)))),
                        usage,
                    )
                }
                Err(problem) => (Err(Fault::Refused(problem)), NOTHING),
            }
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The most characters of a fault that are kept: much of it may be a server's own words.
const MOST_WORDS: usize = 400;

/// What a fault says, as it may stand in logs and on terminals.
fn shown(words: &str) -> String {
    words.chars().take(MOST_WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

async fn served(
    client: &HttpClient,
    endpoint: &Endpoint,
    config: &OpenAiConfig,
    body: Bytes,
    ends_by: Option<Instant>,
) -> Served {
    match answered(client, endpoint, config, body, ends_by).await {
        Ok(served) => served,
        Err(failure) => {
            let asked = !matches!(failure, Failure::NotConnected(_) | Failure::NotRead);
            (Err(fault(&failure)), if asked { Usage::default() } else { NOTHING })
        }
    }
}

/// What a call used that was turned away before anything was read or written.
const NOTHING: Usage = Usage { tokens_in: Some(0), tokens_out: Some(0), compute_ns: 0 };

/// How long the words of an error are waited for, which decide nothing; at most a quarter of what is left of the leg's time.
const ERROR_WORDS: Duration = Duration::from_millis(250);

/// How long a stream may take to end after it has said that it is done. The answer is there; only the connection's is at stake.
const STREAM_END: Duration = Duration::from_millis(5);

fn within(most: Duration, ends_by: Option<Instant>) -> Duration {
    ends_by.map_or(most, |at| most.min(at.saturating_duration_since(Instant::now()) / 4))
}

async fn answered(
    client: &HttpClient,
    endpoint: &Endpoint,
    config: &OpenAiConfig,
    body: Bytes,
    ends_by: Option<Instant>,
) -> Result<Served, Failure> {
    let sent_bytes = body.len();
    let (head, mut body) = exchange::post(client, endpoint, body).await?;
    if !head.status.is_success() {
        // The status says it all; what cannot be read of the words is left out.
        let words = tokio::time::timeout(within(ERROR_WORDS, ends_by), exchange::whole(body, endpoint)).await;
        let words = words.ok().and_then(Result::ok).unwrap_or_default();
        let usage = if status::is_declined(head.status) { NOTHING } else { Usage::default() };
        return Ok((Err(status::fault(&head, &words)), usage));
    }
    if stream::is_events(&head.headers) {
        let mut parts = stream::Parts::new(endpoint.bounds.body_bytes);
        while let Some(piece) = exchange::next(&mut body, endpoint.bounds.idle).await? {
            parts.push(&piece)?;
            if parts.done() {
                break;
            }
        }
        // What follows `[DONE]` is nothing; reading it gives the connection back.
        if parts.done() {
            let _ = tokio::time::timeout(within(STREAM_END, ends_by), exchange::next(&mut body, None)).await;
        }
        return Ok(parts.finish(config, sent_bytes));
    }
    let body = exchange::whole(body, endpoint).await?;
    Ok(reply::read(&body, config, sent_bytes))
}

/// What a failed exchange means for the leg.
fn fault(failure: &Failure) -> Fault {
    use crate::net::connect::ConnectError;
    let problem = failure.to_string();
    match failure {
        Failure::NotConnected(ConnectError::Forbidden { .. } | ConnectError::Certificate(_)) => {
            Fault::Refused(problem)
        }
        Failure::NotConnected(_) | Failure::NotRead => Fault::Unavailable { problem, retry_after_ms: None },
        Failure::Quiet { .. } => Fault::TimedOut(problem),
        Failure::Broken(_) | Failure::TooLarge | Failure::NotHttp(_) => Fault::Lost(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_server_are_cut_and_do_not_steer_a_terminal() {
        let words = shown(&format!("a\u{1b}[31m\nb{}", "é".repeat(5_000)));
        assert_eq!(words.chars().count(), MOST_WORDS);
        assert!(words.starts_with("a [31m bé") && !words.contains(char::is_control));
    }

    #[test]
    fn what_decides_nothing_is_waited_for_a_quarter_of_what_is_left() {
        let most = Duration::from_millis(250);
        assert_eq!(within(most, None), most);
        assert_eq!(within(most, Some(Instant::now())), Duration::ZERO);
        assert!(within(most, Some(Instant::now() + Duration::from_millis(100))) <= Duration::from_millis(25));
        assert_eq!(within(most, Some(Instant::now() + Duration::from_secs(60))), most);
    }
}
