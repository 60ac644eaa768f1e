//! What a status that is no success means. Sorted by codes; what a server writes for people decides nothing.

use std::time::SystemTime;

use ecology_core::leg::Fault;
use hyper::StatusCode;
use hyper::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value as Json;

use crate::net::exchange::Head;

/// The most characters of a server's own words that are looked at; far fewer are shown, once a key is taken out.
const MOST_WORDS: usize = 4_000;

/// The fault of a reply with this head.
pub(super) fn fault(head: &Head, body: &[u8]) -> Fault {
    let error = serde_json::from_slice::<Json>(body).ok();
    let error = error.as_ref().map(|json| json.get("error").unwrap_or(json));
    let status = head.status;
    let code = error.and_then(|error| error.get("code")).and_then(Json::as_str).unwrap_or_default();
    let mut problem = format!("status {}", status.as_str());
    if !code.is_empty() {
        problem.push_str(&format!(" ({code})"));
    }
    let words = error.and_then(|error| error.get("message").unwrap_or(error).as_str());
    if let Some(words) = words {
        problem.push_str(": ");
        problem.extend(words.chars().take(MOST_WORDS));
    }
    if status.is_redirection() {
        let to = head.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
        problem.push_str(&format!("; it points to {to}, redirects are not followed: correct base_url"));
    }
    if is_not_yet(status, code) {
        Fault::Unavailable { problem, retry_after_ms: retry_after_ms(&head.headers, SystemTime::now()) }
    } else {
        Fault::Refused(problem)
    }
}

/// Whether the same call may succeed later.
fn is_not_yet(status: StatusCode, code: &str) -> bool {
    match status.as_u16() {
        // Waiting does not fill an empty account.
        429 => code != "insufficient_quota",
        408 | 409 | 425 | 500 | 502 | 503 | 504 | 520..=529 => true,
        _ => false,
    }
}

/// Whether a server that says this has not worked for the call, so that nobody pays for it. A gateway that gave up, or a server
/// that broke down, may have.
pub(super) fn is_declined(status: StatusCode) -> bool {
    !status.is_server_error() || matches!(status.as_u16(), 501 | 503 | 529)
}

/// When to come back: `retry-after-ms`, or `Retry-After` in seconds or as a date.
fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return in_ms(ms);
    }
    let after = text(RETRY_AFTER.as_str())?;
    match after.parse::<f64>() {
        Ok(seconds) => in_ms(seconds * 1e3),
        Err(_) => {
            let at = httpdate::parse_http_date(after).ok()?;
            in_ms(at.duration_since(now).unwrap_or_default().as_secs_f64() * 1e3)
        }
    }
}

fn in_ms(ms: f64) -> Option<u64> {
    // A day is as good as never; a server that says more is mistaken about its clock.
    (ms.is_finite() && ms >= 0.0).then(|| ms.min(86_400_000.0).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn head(status: u16, headers: &[(&'static str, &str)]) -> Head {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Head { status: StatusCode::from_u16(status).unwrap(), headers: headers.collect() }
    }

    #[test]
    fn codes_part_not_yet_from_never() {
        let quota = br#"{"error": {"code": "insufficient_quota", "message": "pay first"}}"#;
        let busy = br#"{"error": {"code": "rate_limit_exceeded", "message": "insufficient_quota"}}"#;
        let table: &[(u16, &[u8], bool)] = &[
            (429, b"", true),
            (429, busy, true),
            (429, quota, false),
            (500, b"<html>", true),
            (502, b"", true),
            (503, b"", true),
            (504, b"", true),
            (529, b"", true),
            (408, b"", true),
            (400, b"", false),
            (401, b"", false),
            (403, b"", false),
            (404, b"", false),
            (413, b"", false),
            (422, b"", false),
            (501, b"", false),
            (302, b"", false),
        ];
        for (status, body, not_yet) in table {
            let fault = fault(&head(*status, &[]), body);
            assert_eq!(matches!(fault, Fault::Unavailable { .. }), *not_yet, "{status}: {fault:?}");
            assert!(fault.text().contains(&status.to_string()));
        }
    }

    #[test]
    fn a_server_that_may_have_worked_is_paid() {
        for status in [301, 400, 401, 403, 404, 408, 409, 422, 429, 501, 503, 529] {
            assert!(is_declined(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [500, 502, 504, 507, 520, 524] {
            assert!(!is_declined(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }

    #[test]
    fn when_to_come_back_is_read_in_each_of_its_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let table: &[(&'static str, &str, Option<u64>)] = &[
            ("retry-after", "2", Some(2_000)),
            ("retry-after", "0.25", Some(250)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:39 GMT", Some(2_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("retry-after-ms", "150", Some(150)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after", "NaN", None),
            ("retry-after", "1e300", Some(86_400_000)),
            ("x-other", "2", None),
        ];
        for (name, value, expected) in table {
            assert_eq!(
                retry_after_ms(&head(429, &[(name, value)]).headers, now),
                *expected,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn a_redirect_says_where() {
        assert!(fault(&head(301, &[("location", "http://x/")]), b"").text().contains("http://x/"));
    }
}
