//! The extraction as a whole: its slow, obvious twin, its laws, and the numbers that must never change.

use proptest::prelude::*;

use super::chars::{Kind, kind};
use super::ngrams::LONGEST_WORD;
use super::{FeatureSpec, Features, hash, window};

/// Tokens by definition, with strings; a word has its lower-cased text, marks have none.
fn tokens(text: &str) -> Vec<(u64, Option<Vec<char>>)> {
    let of = |c: char| match c {
        _ if !c.is_ascii() => kind(c),
        _ if c.is_ascii_alphanumeric() => Kind::Letter,
        '\0'..=' ' | '\x7F' => Kind::Space,
        _ => Kind::Mark,
    };
    let word = |folded: Vec<char>| (hash::word(folded.iter().collect::<String>().as_bytes()), Some(folded));
    let mut rest: &str = text;
    let mut found = Vec::new();
    while let Some(c) = rest.chars().next() {
        match of(c) {
            Kind::Space | Kind::Ignored => rest = &rest[c.len_utf8()..],
            Kind::Ideograph => {
                found.push(word(vec![c]));
                rest = &rest[c.len_utf8()..];
            }
            Kind::Letter => {
                let mut folded = Vec::new();
                while let Some(c) = rest.chars().next() {
                    match of(c) {
                        _ if folded.len() >= LONGEST_WORD => break,
                        Kind::Letter => folded.extend(c.to_lowercase()),
                        Kind::Ignored => {}
                        _ => break,
                    }
                    rest = &rest[c.len_utf8()..];
                }
                found.push(word(folded));
            }
            Kind::Mark => {
                let mut run = String::new();
                while let Some(c) =
                    rest.chars().next().filter(|c| matches!(of(*c), Kind::Mark | Kind::Ignored))
                {
                    run.push(c);
                    rest = &rest[c.len_utf8()..];
                    if run.len() >= LONGEST_WORD {
                        break;
                    }
                }
                let run = match run.as_str() {
                    "‘" | "’" => "'",
                    "“" | "”" => "\"",
                    other => other,
                };
                found.push((hash::word(run.as_bytes()), None));
            }
        }
    }
    found
}

/// Buckets of a text by definition: word n-grams, then character n-grams.
fn twin(spec: &FeatureSpec, text: &str) -> (Vec<u32>, Vec<u32>) {
    let (head, tail) = window::window(text, spec.max_bytes as usize);
    let bucket = |hash| hash::bucket(hash, u32::from(spec.buckets_log2));
    let (mut words, mut characters, mut symbols) = (Vec::new(), Vec::new(), vec![b' ']);
    let parts: &[(u64, &str)] =
        if tail.is_empty() { &[(hash::START, head)] } else { &[(hash::START, head), (hash::GAP, tail)] };
    for (position, (boundary, part)) in parts.iter().enumerate() {
        let mut before = vec![*boundary];
        let found = tokens(part);
        let end = (position + 1 == parts.len() && !found.is_empty()).then_some((hash::END, None));
        for (token, word) in found.into_iter().chain(end) {
            before.push(token);
            if spec.word_ngrams > 0 && token != hash::END {
                words.push(bucket(token));
            }
            for n in 2..=usize::from(spec.word_ngrams).min(before.len()) {
                words.push(bucket(before[before.len() - n..].iter().copied().reduce(hash::extend).unwrap()));
            }
            if let Some(word) = word {
                symbols.extend(word.into_iter().map(hash::symbol));
                symbols.push(b' ');
            }
        }
    }
    for at in 0..symbols.len() - 1 {
        for n in usize::from(spec.char_ngram_min)..=usize::from(spec.char_ngram_max) {
            let Some(gram) = symbols.get(at..at + n) else { continue };
            let inside = if n == 1 { gram } else { &gram[1..n - 1] };
            if !inside.contains(&b' ') {
                let number = gram.iter().rev().fold(0, |number, symbol| number << 8 | u64::from(*symbol));
                characters.push(bucket(hash::characters(number)));
            }
        }
    }
    (words, characters)
}

fn specs() -> impl Strategy<Value = FeatureSpec> {
    let sizes = (0_u8..=4, 1_u8..=8, 0_u8..=8, 8_u8..=20, 64_u32..300);
    sizes.prop_map(|(word_ngrams, char_ngram_min, more, buckets_log2, max_bytes)| FeatureSpec {
        word_ngrams,
        char_ngram_min,
        char_ngram_max: if word_ngrams > 0 && more == 0 { 0 } else { (char_ngram_min + more).min(8) },
        buckets_log2,
        max_bytes,
        ..FeatureSpec::default()
    })
}

/// Text that looks like prompts, with enough of everything else.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9]{1,12}",
        1 => "[a-z]{10,90}",
        3 => "[ \n\t]{1,2}",
        2 => "[!-/:-@\\[-`{-~]{1,4}",
        1 => "[а-яА-ЯéÉßİ中文字ひก٣ª²]{1,6}",
        1 => "[‘’“”…—？！🙂\u{200d}\u{fe0f}\u{ad}\u{3000}×÷≤]{1,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn features_equal_their_slow_twin(spec in specs(), text in texts()) {
        prop_assert!(spec.validate().is_ok());
        let features = spec.extract(&text);
        let (words, characters) = twin(&spec, &text);
        let scale = |count: usize| 1.0 / (count.max(1) as f32).sqrt();
        let mut values = vec![scale(words.len()); words.len()];
        values.resize(words.len() + characters.len(), scale(characters.len()));
        prop_assert_eq!(features.indices, [words, characters].concat());
        prop_assert_eq!(features.values, values);
    }

    #[test]
    fn every_number_is_finite_and_every_score_in_its_range(spec in specs(), text in texts()) {
        let features = spec.extract(&text);
        prop_assert!(features.indices.iter().all(|index| (*index as usize) < spec.buckets()));
        prop_assert!(features.signals.as_slice().iter().chain(&features.signals.scaled()).all(|x| x.is_finite() && *x >= 0.0));
        for name in ["complexity", "depth", "code", "maths", "shouting", "capital_share", "non_ascii_share", "east_asian_share"] {
            prop_assert!(features.signals.get(name) <= Some(1.0), "{}", name);
        }
    }

    #[test]
    fn memory_that_held_another_text_changes_nothing(spec in specs(), first in texts(), second in texts()) {
        let mut features = Features::default();
        spec.extract_into(&first, &mut features);
        spec.extract_into(&second, &mut features);
        prop_assert_eq!(features, spec.extract(&second));
    }

    #[test]
    fn n_grams_do_not_depend_on_case_or_on_how_much_space_stands_between(text in "[a-z .,?]{0,60}") {
        let spec = FeatureSpec::default();
        let spread = text.replace(' ', " \n ").to_uppercase();
        prop_assert_eq!(spec.extract(&text).indices, spec.extract(&spread).indices);
    }

    #[test]
    fn work_is_bounded_whatever_the_length(spec in specs(), text in "[a-z ]{300,600}") {
        let count = spec.extract(&text.repeat(20)).indices.len();
        let per_byte = usize::from(spec.word_ngrams) + usize::from(spec.char_ngram_max.saturating_sub(spec.char_ngram_min)) + 2;
        prop_assert!(count <= per_byte * (spec.max_bytes as usize + 2));
    }

    #[test]
    fn json_comes_back_bit_for_bit(text in texts()) {
        let features = FeatureSpec::default().extract(&text);
        let json = serde_json::to_string(&features).unwrap();
        prop_assert_eq!(serde_json::from_str::<Features>(&json).unwrap(), features);
    }
}

#[test]
fn an_empty_text_has_no_features() {
    for text in ["", " ", "\n\t\u{200d}"] {
        let features = FeatureSpec::default().extract(text);
        assert!(features.indices.is_empty() && features.values.is_empty(), "{text:?}");
    }
}

#[test]
fn buckets_are_frozen() {
    // If this test fails, saved models have lost their meaning. Make a new feature version instead.
    let all = |spec: &FeatureSpec, text: &str| {
        let bytes: Vec<u8> =
            spec.extract(text).indices.iter().flat_map(|index| index.to_le_bytes()).collect();
        (bytes.len() / 4, hash::word(&bytes))
    };
    let spec = FeatureSpec::default();
    assert_eq!(
        spec.extract("my card").indices,
        [12201, 1542, 14841, 24642, 717, 4460, 17056, 885, 2871, 12925, 9957, 12453, 30826, 10653, 27768]
    );
    let wide = FeatureSpec {
        word_ngrams: 4,
        char_ngram_min: 1,
        char_ngram_max: 8,
        buckets_log2: 24,
        max_bytes: 64,
        ..FeatureSpec::default()
    };
    for (text, default, other) in [
        ("Where's my card? It hasn't arrived yet!", (76, 0x526EB8954BD1AF9E), (195, 0x5D48804C5191E310)),
        (
            "fn main() { println!(\"{}\", 1 << 8); } // ÀÉÎ ß",
            (60, 0x4EAF242FFA0C4E72),
            (150, 0xC3BF79532BCB39DF),
        ),
        (
            "Почему небо голубое? 为什么天空是蓝色的？ なぜ空は青いのか । ",
            (92, 0x1A2CCACF133735D6),
            (145, 0xEA7C210CE66696BB),
        ),
        (
            "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft 🙂🙂 ‘x’",
            (172, 0x45A80D54E1AA51C5),
            (374, 0x074BC69446DBC6BD),
        ),
    ] {
        assert_eq!((all(&spec, text), all(&wide, text)), (default, other), "{text}");
    }
}

#[test]
fn signals_count_what_they_say() {
    let signal = |text: &str, name: &str| FeatureSpec::default().extract(text).signals.get(name).unwrap();
    for (name, expected, text) in [
        ("words", 5.0, "one two, three-four 5"),
        ("words", 4.0, "天空 is blue"),
        ("sentences", 3.0, "One. Two? And three"),
        // Abbreviations end a sentence: a list of them is not worth its cost.
        ("sentences", 2.0, "e.g. nothing"),
        ("sentences", 2.0, "天空。蓝色。"),
        ("lines", 3.0, "a\nb\nc"),
        ("question_marks", 2.0, "really? 吗？"),
        ("code_fences", 2.0, "```\nx\n```"),
        ("numbers", 2.0, "7 of 12 b12"),
        ("list_items", 3.0, "1. wash\n2. rinse\n3. repeat"),
        ("list_items", 2.0, "- wash\n- rinse\nleft-right"),
        ("options", 3.0, "Which?\nA. x\nB. y\nC. z"),
        ("options", 0.0, "Vitamin A. Then I."),
        ("negations", 2.0, "I don't and I will not"),
        ("negations", 1.0, "I don’t"),
        ("constraints", 3.0, "exactly one, at most two, must"),
        ("steps", 3.0, "First wash, then rinse, finally dry"),
        ("tools", 2.0, "weather in Rome today"),
        ("shouting", 0.5, "HELP ME please now"),
        ("scripts", 3.0, "abc где 天"),
        ("truncated", 0.0, "short"),
    ] {
        assert_eq!(signal(text, name), expected, "{name} of {text:?}");
    }
}
