//! One request and its reply, inside their bounds.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode, Uri};

use super::connect::ConnectError;
use super::endpoint::Endpoint;
use super::reactor::HttpClient;

/// The head of a reply.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
}

/// Why there is no whole reply, and so whether the server may have worked for it.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was asked.
    NotConnected(ConnectError),
    /// The server closed a kept connection before it read the request, and again when it was asked on another one.
    NotRead,
    /// A bound passed after it was asked.
    Quiet {
        /// Which: `first byte` or `idle`.
        phase: &'static str,
        /// How long.
        bound: Duration,
    },
    /// The reply is no HTTP.
    NotHttp(String),
    /// The connection broke before the reply was whole.
    Broken(String),
    /// The reply's body passes its bound. (A head that does is no HTTP.)
    TooLarge,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotConnected(error) => error.fmt(f),
            Failure::NotRead => f.write_str("the server closed the connection before it read the request"),
            Failure::Quiet { phase, bound } => {
                write!(f, "nothing came for {} ms (the bound `{phase}`)", bound.as_millis())
            }
            Failure::NotHttp(problem) => write!(f, "the reply is not HTTP: {problem}"),
            Failure::Broken(problem) => {
                write!(f, "the connection broke before the reply was whole: {problem}")
            }
            Failure::TooLarge => f.write_str("the reply passes its bound `max_response_bytes`"),
        }
    }
}

/// Posts `body`. Redirects are not followed: the operator named the address.
pub async fn post(
    client: &HttpClient,
    endpoint: &Endpoint,
    body: Bytes,
) -> Result<(Head, Incoming), Failure> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::clone(&endpoint.uri);
    *request.headers_mut() = endpoint.headers.clone();
    let asking = client.request(request);
    let response = match endpoint.bounds.first_byte {
        None => asking.await,
        Some(bound) => match tokio::time::timeout(bound, asking).await {
            Ok(response) => response,
            Err(_) => return Err(Failure::Quiet { phase: "first byte", bound }),
        },
    };
    let (parts, body) = response.map_err(failure_of)?.into_parts();
    Ok((Head { status: parts.status, headers: parts.headers }, body))
}

/// The next piece of a reply; `None` at its end.
pub async fn next(body: &mut Incoming, idle: Option<Duration>) -> Result<Option<Bytes>, Failure> {
    loop {
        let frame = match idle {
            None => body.frame().await,
            Some(bound) => match tokio::time::timeout(bound, body.frame()).await {
                Ok(frame) => frame,
                Err(_) => return Err(Failure::Quiet { phase: "idle", bound }),
            },
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(Failure::Broken(told(&error))),
            // Trailers are no data.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The whole body, if it is within its bound.
pub async fn whole(mut body: Incoming, endpoint: &Endpoint) -> Result<Bytes, Failure> {
    let most = endpoint.bounds.body_bytes;
    if body.size_hint().lower() > most as u64 {
        return Err(Failure::TooLarge);
    }
    let idle = endpoint.bounds.idle;
    let Some(first) = next(&mut body, idle).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body, idle).await? else { return bounded(first, most) };
    let mut all = Vec::with_capacity(first.len() + second.len());
    all.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(data) = piece {
        if all.len() + data.len() > most {
            return Err(Failure::TooLarge);
        }
        all.extend_from_slice(&data);
        piece = next(&mut body, idle).await?;
    }
    Ok(all.into())
}

fn bounded(data: Bytes, most: usize) -> Result<Bytes, Failure> {
    if data.len() > most { Err(Failure::TooLarge) } else { Ok(data) }
}

fn failure_of(error: hyper_util::client::legacy::Error) -> Failure {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(connect) = cause.downcast_ref::<ConnectError>() {
            return Failure::NotConnected(copy(connect));
        }
        if let Some(http) = cause.downcast_ref::<hyper::Error>() {
            return of_http(http, error.is_connect());
        }
        source = cause.source();
    }
    Failure::Broken(told(&error))
}

fn of_http(error: &hyper::Error, connecting: bool) -> Failure {
    if error.is_parse() {
        Failure::NotHttp(told(error))
    } else if error.is_canceled() {
        Failure::NotRead
    } else if connecting {
        Failure::NotConnected(ConnectError::Handshake(told(error)))
    } else {
        Failure::Broken(told(error))
    }
}

/// Errors of the client come by reference; only their facts can be kept.
fn copy(error: &ConnectError) -> ConnectError {
    match error {
        ConnectError::Forbidden { address, why } => ConnectError::Forbidden { address: *address, why: *why },
        ConnectError::TimedOut { bound } => ConnectError::TimedOut { bound: *bound },
        ConnectError::Io(error) => ConnectError::Io(std::io::Error::new(error.kind(), error.to_string())),
        ConnectError::Handshake(problem) => ConnectError::Handshake(problem.clone()),
        ConnectError::Certificate(problem) => ConnectError::Certificate(problem.clone()),
    }
}

/// An error with its causes, as one line.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}
