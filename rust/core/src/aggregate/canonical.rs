//! One form for replies that say the same thing.

use std::io::Write;

use serde_json::{Map, Value as Json};

use super::canonical_json;
use crate::Value;

/// The canonical bytes of a reply: equal if and only if two replies are one vote.
///
/// Texts are compared after trimming white space. JSON is written without white space, keys sorted, and numbers by
/// value: `2`, `2.0` and `2e0` are the same, and so are `0` and `-0`. (After RFC 8785, JCS; unlike it, integers beyond
/// 2⁵³ keep all their digits.) A text that *is* a JSON object or array is compared as one.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    match value {
        Value::Text(text) => {
            let text = text.trim();
            match text.as_bytes().first() {
                Some(b'{' | b'[') => write_json_text(text, &mut out),
                _ => write_string(text, &mut out),
            }
        }
        Value::Json(json) => write_json(json, &mut out),
        Value::Vector(tensor) => {
            // A byte that no JSON begins with, and the number of axes: neither a text nor another shape has this form.
            out.push(0xFF);
            out.extend((tensor.shape.len() as u64).to_le_bytes());
            out.extend(tensor.shape.iter().flat_map(|n| (*n as u64).to_le_bytes()));
            // Adding 0.0 turns -0.0 into 0.0.
            out.extend(tensor.data.iter().flat_map(|x| (x + 0.0).to_le_bytes()));
        }
    }
    out
}

/// Straight from text to form if that can be; else by way of a tree.
fn write_json_text(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len());
    if canonical_json::write_text(text, out).is_none() {
        out.clear();
        match serde_json::from_str::<Json>(text) {
            Ok(json) => write_json(&json, out),
            Err(_) => write_string(text, out),
        }
    }
}

pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    // A string always serialises, and a Vec always takes the bytes.
    let _ = serde_json::to_writer(out, text);
}

pub(super) fn write_json(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write_number(number, out),
        Json::String(text) => write_string(text, out),
        Json::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json(item, out);
            }
            out.push(b']');
        }
        Json::Object(map) => write_object(map, out),
    }
}

fn write_object(map: &Map<String, Json>, out: &mut Vec<u8>) {
    let mut entries: Vec<_> = map.iter().collect();
    // Already sorted unless a dependency turns on `preserve_order`, which Cargo would then unify into this crate.
    entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
    out.push(b'{');
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_json(value, out);
    }
    out.push(b'}');
}

pub(super) fn write_number(number: &serde_json::Number, out: &mut Vec<u8>) {
    /// From −2⁶³ to below 2⁶⁴ a JSON integer keeps all its digits, so a float there is written as the integer that it is.
    const INTEGERS: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0;
    let _ = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(integer), _, _) => write!(out, "{integer}"),
        (_, Some(integer), _) => write!(out, "{integer}"),
        (_, _, Some(float)) if float.fract() == 0.0 && INTEGERS.contains(&float) => {
            write!(out, "{}", float as i128)
        }
        (_, _, Some(float)) => write!(out, "{float:e}"),
        (None, None, None) => write!(out, "{number}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::Json(serde_json::from_str::<Json>(text).unwrap().into())
    }

    #[test]
    fn replies_that_say_the_same_are_one_form() {
        for (a, b) in [
            (r#"{"a":1,"b":[2.0,"x"]}"#, r#"{ "b" : [2, "x"], "a" : 1e0 }"#),
            ("0", "-0.0"),
            ("9007199254740993", "9007199254740993"),
            ("1e300", "1.0e300"),
        ] {
            assert_eq!(canonical(&json(a)), canonical(&json(b)), "{a} and {b}");
        }
        assert_eq!(canonical(&" {\"a\": 1} ".into()), canonical(&json(r#"{"a":1.0}"#)));
        assert_eq!(canonical(&" refund\n".into()), canonical(&"refund".into()));
    }

    #[test]
    fn replies_that_differ_stay_apart() {
        for (a, b) in [
            ("1", "1.5"),
            ("1", r#""1""#),
            ("[1,2]", "[2,1]"),
            ("9007199254740993", "9007199254740992"),
            (r#"{"a":null}"#, "{}"),
        ] {
            assert_ne!(canonical(&json(a)), canonical(&json(b)), "{a} and {b}");
        }
        assert_ne!(canonical(&"{oops".into()), canonical(&"{oops}".into()));
    }
}
