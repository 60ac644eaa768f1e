//! Laws of the canonical form: equal if and only if two replies are one vote.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a law that cannot be checked fails")]

mod common;

use std::sync::Arc;

use common::chance::Chance;
use ecology_core::aggregate::canonical;
use ecology_core::{Tensor, Value};
use proptest::prelude::*;
use serde_json::{Number, Value as Json, json};

fn number() -> impl Strategy<Value = Json> {
    prop_oneof![
        (-20i64..20).prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        prop::num::f64::NORMAL.prop_map(Json::from),
        (-2000i32..2000).prop_map(|n| Json::from(f64::from(n) / 8.0)),
        (0u32..70, -2i64..3).prop_map(|(power, more)| Json::from(2f64.powi(power as i32) + more as f64)),
    ]
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        number(),
        "\\PC{0,6}".prop_map(Json::from),
        ".{0,4}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map("[a-c\"é]{0,3}", inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Values that are easily taken for each other.
fn twins() -> Vec<Json> {
    let numbers = r#"0 -0.0 1 1.0 1.5 9007199254740992 9007199254740992.0 9007199254740993 1e17 100000000000000000
        18446744073709551615 18446744073709551616 -9223372036854775808 -9223372036854775808.0 1e300 1e-7"#;
    let numbers = numbers.split_whitespace().map(|number| serde_json::from_str(number).unwrap());
    [json!(null), json!(true), json!("1"), json!(""), json!("null")].into_iter().chain(numbers).collect()
}

/// JSON of so few values that two draws are often the same.
fn tiny_json() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![json!(1), json!(1.0), json!("1"), json!(null)]).prop_recursive(
        2,
        4,
        2,
        |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        },
    )
}

/// Whether two numbers are the same number, exactly.
fn same_number(a: &Number, b: &Number) -> bool {
    let integer = |n: &Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    let float = |n: &Number| n.as_f64().unwrap();
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => float(a) == float(b),
        // A float that is an integer of this size converts without loss.
        (Some(i), None) => float(b).fract() == 0.0 && float(b).abs() < 1e30 && float(b) as i128 == i,
        (None, Some(_)) => same_number(b, a),
    }
}

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => same_number(a, b),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The same JSON in other words: key order, white space, escapes, and the form of numbers.
fn rewrite(json: &Json, chance: &mut Chance, out: &mut String) {
    let space = |chance: &mut Chance, out: &mut String| {
        out.push_str([" ", "\n", "\t \r\n", "", ""][chance.below(5) as usize])
    };
    let text = |text: &str, chance: &mut Chance, out: &mut String| {
        out.push('"');
        for c in text.chars() {
            if chance.percent(30) || c < ' ' || c == '"' || c == '\\' {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            } else {
                out.push(c);
            }
        }
        out.push('"');
    };
    space(chance, out);
    match json {
        Json::Number(number) => out.push_str(&rewrite_number(number, chance)),
        Json::String(string) => text(string, chance, out),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                rewrite(item, chance, out);
            }
            space(chance, out);
            out.push(']');
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            chance.shuffle(&mut entries);
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                space(chance, out);
                text(key, chance, out);
                space(chance, out);
                out.push(':');
                rewrite(value, chance, out);
            }
            space(chance, out);
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
    space(chance, out);
}

fn rewrite_number(number: &Number, chance: &mut Chance) -> String {
    let float = number.as_f64().unwrap();
    // Only where the float is the very number: an integer past 2⁵³ may have no float form.
    if !same_number(number, &Number::from_f64(float).unwrap()) {
        return number.to_string();
    }
    match chance.below(5) {
        0 => format!("{float:e}"),
        1 => format!("{float:E}"),
        2 => format!("{float:?}"),
        3 => format!("{float:e}").replace('e', "e+").replace("e+-", "e-"),
        _ => number.to_string(),
    }
}

fn value(json: &Json) -> Value {
    Value::Json(Arc::new(json.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn json_in_other_words_is_the_same_vote(json in any_json(), seed: u64) {
        let mut text = String::new();
        rewrite(&json, &mut Chance(seed), &mut text);
        let parsed: Json = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(canonical(&value(&parsed)), canonical(&value(&json)), "{}", text);
        if json.is_object() || json.is_array() {
            prop_assert_eq!(canonical(&Value::from(text.as_str())), canonical(&value(&json)), "{}", text);
        }
    }

    /// The canonical form of the canonical form is itself, and it says the same.
    #[test]
    fn a_canonical_form_is_json_that_says_the_same(json in any_json()) {
        let form = canonical(&value(&json));
        let parsed: Json = serde_json::from_slice(&form).unwrap();
        prop_assert!(same(&parsed, &json), "{} became {}", json, parsed);
        prop_assert_eq!(canonical(&value(&parsed)), form);
    }

    #[test]
    fn json_is_one_vote_if_and_only_if_it_is_the_same(a in tiny_json(), b in tiny_json()) {
        prop_assert_eq!(canonical(&value(&a)) == canonical(&value(&b)), same(&a, &b), "{} and {}", a, b);
    }

    #[test]
    fn texts_are_one_vote_if_and_only_if_they_are_equal_but_for_outer_space(a in "[ab{\"\\\\ \n]{0,4}", b in "[ab{\"\\\\ \n]{0,4}") {
        prop_assert_eq!(canonical(&Value::from(a.as_str())) == canonical(&Value::from(b.as_str())), a.trim() == b.trim());
    }
}

#[test]
fn values_that_look_alike_are_one_vote_if_and_only_if_they_are_equal() {
    for (a, b) in twins().iter().flat_map(|a| twins().into_iter().map(move |b| (a.clone(), b))) {
        assert_eq!(canonical(&value(&a)) == canonical(&value(&b)), same(&a, &b), "{a} and {b}");
    }
}

#[test]
fn vectors_are_one_vote_if_and_only_if_shape_and_numbers_are_equal() {
    let shapes: [&[usize]; 8] = [&[], &[0], &[1], &[2], &[1, 1], &[2, 0], &[0, 2], &[2, 1]];
    let numbers = [0.0f32, -0.0, 1.0, f32::from_le_bytes(*b"\"ab\""), f32::from_le_bytes(*b"null")];
    let mut all = Vec::new();
    for shape in shapes {
        let length = shape.iter().product::<usize>();
        let firsts = if length == 0 { 1 } else { numbers.len() };
        for first in &numbers[..firsts] {
            let mut data = vec![0.0; length];
            data.iter_mut().take(1).for_each(|x| *x = *first);
            all.push(Tensor { shape: shape.to_vec(), data });
        }
    }
    let form = |tensor: &Tensor| canonical(&Value::Vector(Arc::new(tensor.clone())));
    for a in &all {
        for b in &all {
            assert_eq!(form(a) == form(b), a == b, "{a:?} and {b:?}");
        }
        for other in ["ab", "null", ""] {
            assert_ne!(form(a), canonical(&other.into()), "{a:?} and {other:?}");
            assert_ne!(form(a), canonical(&value(&json!(null))), "{a:?} and null");
        }
    }
}
