//! The tokenizer's slow, obvious twin, the table's laws, and the numbers that must never change.

use std::collections::HashMap;

use proptest::prelude::*;
use unicode_categories::UnicodeCategories;
use unicode_normalization::UnicodeNormalization;

use super::{EmbeddingError, StaticEmbedding};
use crate::text::{Extractor, ExtractorError, FeatureSpec, Features};

const PIECES: [&str; 40] = [
    "[UNK]",
    "a",
    "b",
    "c",
    "d",
    "e",
    "i",
    "n",
    "o",
    "s",
    "1",
    "2",
    "中",
    "文",
    "!",
    "?",
    "…",
    "##a",
    "##b",
    "##c",
    "##e",
    "##s",
    "##1",
    "##2",
    "##ed",
    "card",
    "cards",
    "ca",
    "car",
    "##ards",
    "my",
    "where",
    "is",
    "un",
    "##believ",
    "##able",
    "internationalization",
    "##internationalization",
    "naive",
    "я",
];

fn table() -> StaticEmbedding {
    let integer = |i: usize| (((i * 7919) % 255) as i32 - 127) as i8;
    let rows: Vec<i8> = (0..PIECES.len() * 19).map(integer).collect();
    let scales: Vec<f32> = (0..PIECES.len()).map(|i| 0.001 * (i + 1) as f32).collect();
    let weights: Vec<f32> = (0..PIECES.len()).map(|i| 1.0 / (i + 1) as f32).collect();
    StaticEmbedding::new(&PIECES, &rows, &scales, &weights).unwrap()
}

/// BERT's basic tokenizer by definition, one pass after the other, with strings.
fn words(text: &str) -> Vec<String> {
    let is_blank = |c: char| matches!(c, '\t' | '\n' | '\r') || c.is_whitespace();
    let removed =
        |c: char| !matches!(c, '\t' | '\n' | '\r') && (c == '\0' || c == '\u{FFFD}' || c.is_other());
    let clean: String =
        text.chars().filter(|c| !removed(*c)).map(|c| if is_blank(c) { ' ' } else { c }).collect();
    let chinese = |c: char| {
        matches!(c as u32, 0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
    };
    let spaced: String =
        clean.chars().flat_map(|c| if chinese(c) { vec![' ', c, ' '] } else { vec![c] }).collect();
    let bare: String = spaced.nfd().filter(|c| !c.is_mark_nonspacing()).collect();
    let lower: String = bare.chars().flat_map(char::to_lowercase).collect();
    let mut words = Vec::new();
    for word in lower.split(char::is_whitespace) {
        let mut current = String::new();
        for c in word.chars() {
            if c.is_ascii_punctuation() || c.is_punctuation() {
                words.extend([std::mem::take(&mut current), c.to_string()]);
            } else {
                current.push(c);
            }
        }
        words.push(current);
    }
    words.retain(|word| !word.is_empty());
    words
}

fn twin(text: &str) -> Vec<u32> {
    let known: HashMap<&str, u32> = PIECES.iter().copied().zip(0..).collect();
    let mut rows = Vec::new();
    'words: for word in words(text) {
        let characters: Vec<char> = word.chars().collect();
        if characters.len() > 100 {
            rows.push(0);
            continue;
        }
        let (mut start, mut found) = (0, Vec::new());
        while start < characters.len() {
            let piece = |end: &usize| {
                let prefix = if start > 0 { "##" } else { "" };
                let piece: String = prefix.chars().chain(characters[start..*end].iter().copied()).collect();
                known.get(piece.as_str()).copied()
            };
            let Some(end) = (start + 1..=characters.len()).rev().find(|end| piece(end).is_some()) else {
                rows.push(0);
                continue 'words;
            };
            found.extend(piece(&end));
            start = end;
        }
        rows.extend(found);
    }
    rows
}

fn rows(table: &StaticEmbedding, text: &str) -> Vec<u32> {
    let mut rows = Vec::new();
    table.pieces_into(text, &mut rows);
    rows
}

/// Words that the pieces make up, words that they do not, and everything else.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => "[abceis12]{1,6}",
        3 => "(CARD|card|Cards|cars|my|where|is|un)(believ|able|a|b|1|ed|ards)?",
        2 => "[ \n\t]{1,2}",
        2 => "[!-/:-@\\[-`{-~]{1,3}",
        1 => "internationalization{1,6}",
        1 => "(internationalization){1,8}",
        1 => "[éÀñİßЯяﬁ中文豈ひ가ऀ≠\u{300}\u{301}\u{1d165}]{1,4}",
        1 => "[\u{0}\u{1}\u{7f}\u{85}\u{a0}\u{ad}\u{200b}\u{200d}\u{fffd}\u{feff}\u{2028}\u{3000}🙂🥰\u{e000}]{1,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn pieces_equal_their_slow_twin(text in texts()) {
        prop_assert_eq!(rows(&table(), &text), twin(&text));
    }

    #[test]
    fn pieces_of_any_ascii_equal_their_slow_twin(bytes in prop::collection::vec(0_u8..128, 0..200)) {
        let text = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(rows(&table(), &text), twin(&text));
    }

    #[test]
    fn words_apart_give_the_pieces_of_each(first in texts(), second in texts()) {
        let table = table();
        let both = rows(&table, &format!("{first} {second}"));
        prop_assert_eq!(both, [rows(&table, &first), rows(&table, &second)].concat());
    }

    #[test]
    fn a_vector_has_norm_1_or_is_0_and_equals_its_slow_twin(text in texts()) {
        let (table, dimensions) = (table(), 19);
        let pieces = rows(&table, &text);
        let factor = |piece: u32| table.scales()[piece as usize] * table.weights()[piece as usize];
        let mut sums = vec![0.0_f32; dimensions];
        for (j, sum) in sums.iter_mut().enumerate() {
            let part = |piece: &u32| factor(*piece) * f32::from(table.integers()[*piece as usize * dimensions + j]);
            for sixteen in pieces.chunks(16) {
                for four in sixteen.chunks(4) {
                    match four {
                        [a, b, c, d] => *sum += (part(a) + part(b)) + (part(c) + part(d)),
                        few => few.iter().for_each(|piece| *sum += part(piece)),
                    }
                }
            }
        }
        let norm = sums.iter().map(|sum| f64::from(*sum).powi(2)).sum::<f64>().sqrt();
        let vector = table.vector(&text);
        for (found, sum) in vector.iter().zip(&sums) {
            let expected = if norm > 0.0 { (f64::from(*sum) / norm) as f32 } else { 0.0 };
            // The twin adds the squares in another order.
            prop_assert!((found - expected).abs() <= 1e-6 * expected.abs());
        }
        let length: f32 = vector.iter().map(|x| x * x).sum();
        prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-5);
    }

    #[test]
    fn memory_that_held_another_text_changes_nothing(first in texts(), second in texts()) {
        let extractor = extractor(64);
        let mut features = Features::default();
        extractor.extract_into(&first, &mut features);
        extractor.extract_into(&second, &mut features);
        prop_assert_eq!(features, extractor.extract(&second));
    }

    #[test]
    fn what_lies_outside_of_the_window_changes_no_vector(middle in "[a-z ]{0,50}", other in "[a-z ]{50}") {
        let extractor = extractor(64);
        let (head, tail) = ("my card is where my cards is 1 2", "un card? where is my naive card!");
        let dense = |middle: &str| extractor.extract(&format!("{head}{middle}{tail}")).dense;
        prop_assert_eq!(&dense(&format!("{middle}{other}"))[..19], &dense(&other)[..19]);
    }
}

fn extractor(max_bytes: u32) -> Extractor {
    let table = table();
    let spec = FeatureSpec {
        max_bytes,
        signals: true,
        buckets_log2: 8,
        embedding: Some(table.spec()),
        ..FeatureSpec::default()
    };
    Extractor::new(spec, Some(table.into())).unwrap()
}

#[test]
fn dense_features_are_the_vector_and_then_the_scaled_signals() {
    let extractor = extractor(1 << 14);
    let text = "Where is my card? 1 2";
    let features = extractor.extract(text);
    assert_eq!(features.dense[..19], table().vector(text));
    assert_eq!(features.dense[19..], features.signals.scaled());
    assert_eq!(features.dense.len(), extractor.spec().dense());
    let without = FeatureSpec { signals: false, embedding: None, ..extractor.spec().clone() };
    assert_eq!((without.extract(text).indices, without.extract(text).dense), (features.indices, vec![]));
    assert!(extractor.spec().extract(text).dense[..19].iter().all(|x| *x == 0.0), "a spec has no table");
}

#[test]
fn an_extractor_takes_the_table_that_its_spec_names_and_no_other() {
    let spec = extractor(64).spec().clone();
    let missing = Extractor::new(spec.clone(), None).unwrap_err();
    assert!(matches!(missing, ExtractorError::Missing { .. }), "{missing}");
    let other = StaticEmbedding::new(&["a"], &[1; 19], &[1.0], &[1.0]).unwrap();
    let wrong = Extractor::new(spec, Some(other.into())).unwrap_err();
    assert!(matches!(wrong, ExtractorError::Other { .. }), "{wrong}");
    let spare = Extractor::new(FeatureSpec::default(), Some(table().into())).unwrap();
    assert!(spare.embedding().is_none());
}

#[test]
fn words_become_the_pieces_that_one_would_write_down() {
    let table = table();
    let all: Vec<&str> = table.pieces().collect();
    for (text, expected) in [
        ("", ""),
        ("My CARD?", "my card ?"),
        ("cards card ca", "cards card ca"),
        ("carards", "car ##ards"),
        ("cardx", "[UNK]"),
        ("unbelievable", "un ##believ ##able"),
        ("NAÏVE naïve", "naive naive"),
        ("中文card", "中 文 card"),
        ("my\u{200b}card is\u{1}", "[UNK] is"),
        ("is…my", "is … my"),
        ("internationalizationinternationalizations", "internationalization ##internationalization ##s"),
        ("[UNK]", "[UNK] [UNK] [UNK]"),
        ("xyz", "[UNK]"),
    ] {
        let found: Vec<&str> = rows(&table, text).into_iter().map(|row| all[row as usize]).collect();
        assert_eq!(found.join(" "), expected, "{text:?}");
    }
    assert_eq!(rows(&table, &"a".repeat(100)).len(), 100);
    assert_eq!(rows(&table, &"a".repeat(101)), [0]);
    assert_eq!(rows(&table, &format!("{} a", "é".repeat(5_000))), [0, 1]);
}

#[test]
fn vectors_are_frozen() {
    // If this test fails, weights over saved embeddings have lost their meaning. Make a new format instead.
    let table = table();
    assert_eq!(&**table.digest(), "sha256:15ed40076d05b7694e2c06330f155d356afc653dada64095ea7a9d0ca72828cb");
    for (text, expected) in [
        ("Where is my card? I want 2 cards!", 235_702_328_011_836_620_u64),
        ("Unbelievable: 中文, naïve… internationalizations (1, 2)", 5_290_113_438_803_359_428),
    ] {
        let bytes: Vec<u8> = table.vector(text).iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(xxhash_rust::xxh3::xxh3_64(&bytes), expected, "{text}");
    }
}

#[test]
fn tables_that_mean_nothing_are_refused() {
    let new = |pieces: &[&str], rows: &[i8], scales: &[f32], weights: &[f32]| {
        StaticEmbedding::new(pieces, rows, scales, weights).unwrap_err()
    };
    let one: [f32; 1] = [1.0];
    assert_eq!(new(&[], &[], &[], &[]), EmbeddingError::Pieces(0));
    for (rows, scales, weights, what) in [
        (&[][..], &one[..], &one[..], "rows"),
        (&[1; 5000], &one, &one, "rows"),
        (&[1], &[], &one, "scales"),
        (&[1], &one, &[1.0, 1.0], "weights"),
    ] {
        assert!(
            matches!(new(&["a"], rows, scales, weights), EmbeddingError::Shape { what: w, .. } if w == what)
        );
    }
    for wrong in [f32::NAN, f32::INFINITY, 1e16] {
        assert_eq!(
            new(&["a", "b"], &[1, 1], &[1.0, wrong], &[1.0, 1.0]),
            EmbeddingError::NotFinite { what: "scales", position: 1 }
        );
    }
    for pieces in [["a", "a"], ["a", ""], ["a", "b\nc"], ["##", "##"]] {
        let refused = new(&pieces, &[1, 1], &[1.0, 1.0], &[1.0, 1.0]);
        assert!(matches!(refused, EmbeddingError::Piece { position: 1, .. }), "{refused}");
    }
}

/// As many pieces as the longest window holds, each as large as a table may have it.
#[test]
fn the_largest_table_on_the_longest_text_gives_a_unit_vector() {
    let largest = (0..40)
        .map(|at| 10_f32.powi(at))
        .filter(|scale| StaticEmbedding::new(&["!"], &[i8::MIN, 0], &[*scale], &[*scale]).is_ok());
    let largest = largest.fold(0.0, f32::max);
    let table = StaticEmbedding::new(&["!"], &[i8::MIN, 0], &[largest], &[largest]).unwrap();
    let mut vector = [0.0; 2];
    table.vector_into((&"!".repeat(16 << 20), ""), &mut Vec::new(), &mut vector);
    assert_eq!(vector, [-1.0, 0.0]);
}
