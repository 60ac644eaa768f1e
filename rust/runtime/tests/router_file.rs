//! Laws of a router's file: it comes back byte for byte, and whatever is wrong with it is an error of its own, never a panic.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

use std::sync::Arc;

use ecology_core::snapshot::{Calibration, FactoredParts, Group, Heads, LogHeads, Platt, RouterWeights};
use ecology_core::text::{FeatureSpec, WeightTable};
use ecology_runtime::artifact::{Artifact, Meaning};
use ecology_runtime::router_file::{RouterFile, RouterFileError, Tensor, Tensors};
use proptest::prelude::*;
use serde_json::json;

fn spec() -> FeatureSpec {
    FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() }
}

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let number =
        |n: usize| ((n as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 1e7 - 0.8;
    (0..count).map(number).collect()
}

fn heads(count: usize, inputs: usize, seed: u32) -> Heads {
    Heads { weights: numbers(count * inputs, seed), bias: numbers(count, seed ^ 99) }
}

fn parts(models: usize, seed: u32) -> FactoredParts {
    let table = WeightTable::new(spec(), 4, &numbers(1_024, seed), &numbers(4, seed)).unwrap().quantized();
    let kinds = [
        Calibration::Platt(Platt { slope: 1.1, offset: -0.2 }),
        Calibration::Beta { a: 0.3, b: 1.7, c: 0.1 },
        Calibration::Isotonic { raw: vec![-2.0, 2.0], probability: vec![0.0, 0.7] },
    ];
    let logs = LogHeads { heads: heads(models, 7, seed ^ 3), known: vec![seed.is_multiple_of(2); models] };
    FactoredParts {
        projection: Arc::new(table),
        groups: vec![Group { name: "niche".into(), members: Vec::new(), heads: heads(3, 4, seed) }],
        heads: heads(models, 7, seed ^ 1),
        calibration: kinds.into_iter().cycle().take(models).collect(),
        gain: seed.is_multiple_of(3).then(|| heads(models, 7, seed ^ 2)),
        cost: Some(logs.clone()),
        latency: seed.is_multiple_of(5).then_some(logs),
    }
}

fn file(models: usize, seed: u32) -> RouterFile {
    let names = (0..models).map(|n| format!("m{n}@1").into()).collect();
    let weights = RouterWeights::factored(&parts(models, seed), names, "".into()).unwrap();
    RouterFile::new(weights, "sha256:data".into(), r#"{"n": 3}"#.into()).unwrap()
}

/// Where the header ends: 8 bytes of length, then JSON.
fn header_end(bytes: &[u8]) -> usize {
    8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_file_comes_back_byte_for_byte(models in 1..5usize, seed: u32) {
        let written = file(models, seed);
        let bytes = written.to_bytes().unwrap();
        let read = RouterFile::from_bytes(&bytes).unwrap();
        prop_assert_eq!(read.weights.parts(), written.weights.parts());
        prop_assert_eq!(read.weights.digest(), written.weights.digest());
        prop_assert_eq!((&read.data, &read.card), (&written.data, &written.card));
        prop_assert_eq!(read.to_bytes().unwrap(), bytes);
        let other = file(models, seed.wrapping_add(1 << 12));
        prop_assert_ne!(other.weights.digest(), written.weights.digest());
    }

    /// Unlike one of linear weights, this file tells a flipped bit from a weight.
    #[test]
    fn a_flipped_bit_is_an_error_wherever_it_is(at: prop::sample::Index, bit in 0..8u32) {
        let mut bytes = file(2, 7).to_bytes().unwrap();
        let (at, data) = (at.index(bytes.len()), header_end(&bytes));
        bytes[at] ^= 1 << bit;
        match RouterFile::from_bytes(&bytes) {
            Err(RouterFileError::Edited { expected, actual }) => prop_assert_ne!(expected, actual),
            Err(error) => prop_assert!(at < data, "{error}"),
            // Blanks that pad the header mean nothing.
            Ok(_) => prop_assert!(at < data && (bytes[at] ^ 1 << bit) == b' ', "bit {bit} of byte {at}"),
        }
    }

    #[test]
    fn any_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0..300u64) {
        prop_assert!(RouterFile::from_bytes(&bytes).is_err());
        let framed = [&length.to_le_bytes()[..], b"{\"__metadata__\":", &bytes].concat();
        prop_assert!(RouterFile::from_bytes(&framed).is_err());
    }
}

#[test]
fn every_truncation_is_told_as_one() {
    let bytes = file(2, 1).to_bytes().unwrap();
    for length in 0..bytes.len() {
        match RouterFile::from_bytes(&bytes[..length]) {
            Err(RouterFileError::Truncated { found_bytes, expected_bytes }) => {
                assert_eq!(found_bytes, length as u64);
                assert!(expected_bytes > found_bytes && expected_bytes <= bytes.len() as u64);
            }
            other => unreachable!("{length} bytes: {other:?}"),
        }
    }
    assert!(RouterFile::from_bytes(&[&bytes[..], &[0]].concat()).is_err(), "one byte too many");
}

/// The same file with other words in its header, of the same length; its content is not signed again.
fn edited(from: &str, to: &str) -> RouterFileError {
    let bytes = file(2, 1).to_bytes().unwrap();
    let end = header_end(&bytes);
    let header = std::str::from_utf8(&bytes[8..end]).unwrap();
    assert!(header.contains(from) && from.len() == to.len(), "{from} in {header}");
    let header = header.replace(from, to);
    RouterFile::from_bytes(&[&bytes[..8], header.as_bytes(), &bytes[end..]].concat()).unwrap_err()
}

#[test]
fn each_kind_of_wrong_file_has_an_error_of_its_own() {
    use RouterFileError as E;
    assert!(matches!(
        edited(r#"\"version\":1"#, r#"\"version\":2"#),
        E::OtherFeatures { found: 2, known: 1 }
    ));
    assert!(matches!(edited("m1@1", "m2@1"), E::Edited { .. }));
    assert!(matches!(edited(r#"\"slope\":1.1"#, r#"\"slope\":1.2"#), E::Edited { .. }));
    assert!(matches!(edited("ecology.router.v1", "ecology.router.v9"), E::Format(_)));
    assert!(matches!(edited(r#""ecology":"#, r#""ecolog_":"#), E::Format(_)));
    assert!(matches!(edited("heads.bias", "heads.bais"), E::Edited { .. }));
    assert!(matches!(RouterFile::read("/nowhere/at/all".as_ref()), Err(E::Io(_))));
}

#[test]
fn a_file_of_a_direct_router_is_read_and_written_as_ever_and_a_classifier_is_none() {
    let names = vec!["a@1".to_owned(), "b@1".to_owned()];
    let table = WeightTable::new(spec(), 2, &numbers(512, 4), &[0.1, 0.2]).unwrap().quantized();
    let calibration = vec![(1.0, 0.5), (2.0, -0.5)];
    let router = Meaning::Router { models: names.clone(), calibration, card: "{}".into() };
    let bytes = Artifact::to_bytes(&table, &router).unwrap();
    let read = RouterFile::from_bytes(&bytes).unwrap();
    assert!(!read.weights.is_factored());
    assert_eq!(read.to_bytes().unwrap(), bytes);
    let classifier = Artifact::to_bytes(
        &table,
        &Meaning::Classifier { labels: names, temperature: 1.0, card: String::new() },
    )
    .unwrap();
    assert!(matches!(RouterFile::from_bytes(&classifier), Err(RouterFileError::Format(_))));
}

#[test]
fn a_written_file_is_whole_and_has_the_digest_of_its_weights() {
    let path = std::env::temp_dir().join(format!("ecology-router-{}.safetensors", std::process::id()));
    let file = file(3, 15);
    let digest = file.write(&path).unwrap();
    let read = RouterFile::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((&*digest, read.weights.digest()), (&**file.weights.digest(), file.weights.digest()));
}

/// Frozen: what a file gives. A change here is a new format, never an edit.
#[test]
fn a_file_gives_the_scores_that_it_always_gave() {
    let file = file(3, 15);
    let features = spec().extract("Where is my card? I want 2 refunds; it's the THIRD time…");
    let (mut basis, mut scores) = (Vec::new(), [0.0; 3]);
    file.weights.basis_into(&features, &mut basis);
    file.weights.scores_into(&basis, &mut scores);
    let gain = file.weights.gain(&basis, 0, 2);
    let bits = (&**file.weights.digest(), scores.map(f32::to_bits), gain.to_bits());
    let digest = "sha256:93a10bddb4fd58226f926d0fe37532eee5c317c062f71fe878518669728e0943";
    let frozen = [1_053_348_942, 1_039_827_915, 1_046_593_446];
    assert_eq!(bits, (digest, frozen, 1_057_366_956), "{scores:?} {gain}");
}

// --- tensors and JSON from elsewhere ------------------------------------------------------------------------

fn about() -> serde_json::Value {
    json!({
        "features": spec(),
        "models": ["a@1", "b@1"],
        "groups": [{"name": "niche", "members": ["x", "y", "z"]}],
        "calibration": [{"kind": "platt", "slope": 1.0, "offset": 0.0}, {"kind": "beta", "a": 1.0, "b": 1.0, "c": 0.0}],
        "cost": [true, false],
        "card": "{}",
    })
}

fn tensors() -> Tensors<'static> {
    [
        ("projection.weights", vec![256, 4]),
        ("projection.bias", vec![4]),
        ("group.0.weights", vec![3, 4]),
        ("group.0.bias", vec![3]),
        ("heads.weights", vec![2, 7]),
        ("heads.bias", vec![2]),
        ("cost.weights", vec![2, 7]),
        ("cost.bias", vec![2]),
    ]
    .into_iter()
    .map(|(name, shape)| {
        (name.to_owned(), Tensor::floats(&shape, &numbers(shape.iter().product(), name.len() as u32)))
    })
    .collect()
}

#[test]
fn tensors_and_json_make_the_router_that_its_file_makes() {
    let made = RouterFile::from_tensors(&about().to_string(), &tensors()).unwrap();
    assert!(made.weights.table().integers().is_some(), "the projection is rounded to bytes");
    let read = RouterFile::from_bytes(&made.to_bytes().unwrap()).unwrap();
    assert_eq!(read.weights.parts(), made.weights.parts());
    assert_eq!(read.weights.digest(), made.weights.digest());
}

/// A name, what breaks it, and what the error says.
type Flaw = (fn(&mut serde_json::Value, &mut Tensors<'static>), &'static str);

#[test]
fn tensors_that_do_not_fit_are_refused_by_name() {
    let flaws: [Flaw; 7] = [
        (|_, tensors| drop(tensors.remove("heads.bias")), "no tensor heads.bias"),
        (
            |_, tensors| tensors.get_mut("heads.weights").unwrap().shape = vec![7, 2],
            "heads.weights is [7, 2], expected [2, 7]",
        ),
        (
            |_, tensors| tensors.get_mut("projection.bias").unwrap().shape = vec![3],
            "projection.bias is [3], expected [4]",
        ),
        (|about, _| about["models"] = json!(["a@1"]), "expected 1; heads.weights has"),
        (|about, _| about["cost"] = json!([true]), "cost.known has 1 entries, expected 2"),
        (|about, _| about["modles"] = json!(3), "modles"),
        (|about, _| about["features"]["word_ngrams"] = json!(9), "word_ngrams is 9"),
    ];
    for (break_it, says) in flaws {
        let (mut about, mut tensors) = (about(), tensors());
        break_it(&mut about, &mut tensors);
        let error = RouterFile::from_tensors(&about.to_string(), &tensors).unwrap_err().to_string();
        let all = says.split("; ").all(|part| error.contains(part));
        assert!(all, "{says}: {error}");
    }
}
