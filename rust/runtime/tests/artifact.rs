//! Laws of a weights file: it comes back byte for byte, and whatever is wrong with it is an error, never a panic.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

use ecology_core::text::{FeatureSpec, WeightTable};
use ecology_runtime::artifact::{Artifact, ArtifactError, Meaning};
use proptest::prelude::*;

fn spec() -> FeatureSpec {
    FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() }
}

fn classifier(names: &[String]) -> Meaning {
    Meaning::Classifier { labels: names.to_vec(), temperature: 0.7, card: String::new() }
}

fn router(names: &[String]) -> Meaning {
    let calibration = names.iter().map(|name| (name.len() as f32, -0.1)).collect();
    Meaning::Router { models: names.to_vec(), calibration, card: r#"{"n": 3}"#.into() }
}

/// A file of such names, with weights from a seed.
fn file(names: &[String], seed: u32, meaning: &Meaning) -> Vec<u8> {
    Artifact::to_bytes(&table(names, seed), meaning).unwrap()
}

/// The same of integers.
fn integer_file(names: &[String], seed: u32, meaning: &Meaning) -> Vec<u8> {
    Artifact::to_bytes(&table(names, seed).quantized(), meaning).unwrap()
}

fn table(names: &[String], seed: u32) -> WeightTable {
    let number =
        |n: usize| ((n as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 1e6 - 8.0;
    let weights: Vec<f32> = (0..256 * names.len()).map(number).collect();
    let bias: Vec<f32> = (0..names.len()).map(|n| number(n + 9_999)).collect();
    WeightTable::new(spec(), names.len(), &weights, &bias).unwrap()
}

fn small_file() -> Vec<u8> {
    let names = ["yes".to_owned(), "no".to_owned()];
    file(&names, 1, &classifier(&names))
}

/// Where the header ends: 8 bytes of length, then JSON.
fn header_end(bytes: &[u8]) -> usize {
    8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_file_comes_back_byte_for_byte(names in prop::collection::vec("\\PC{0,8}", 1..5), seed: u32, routes: bool) {
        let meaning = if routes { router(&names) } else { classifier(&names) };
        let integers = integer_file(&names, seed, &meaning);
        let read = Artifact::from_bytes(&integers).unwrap();
        prop_assert_eq!(&read.table, &table(&names, seed).quantized());
        prop_assert_eq!(Artifact::to_bytes(&read.table, &read.meaning).unwrap(), integers);
        let bytes = file(&names, seed, &meaning);
        let read = Artifact::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&read.meaning, &meaning);
        prop_assert_eq!(read.table.spec(), &spec());
        prop_assert_eq!(Artifact::to_bytes(&read.table, &read.meaning).unwrap(), bytes);
        let other = file(&names, seed.wrapping_add(1 << 9), &meaning);
        prop_assert_ne!(Artifact::from_bytes(&other).unwrap().digest, read.digest);
    }

    /// A flipped bit may spell another label; then it is another file, with another digest. It is never the same file.
    #[test]
    fn a_flipped_bit_is_an_error_or_another_digest_and_never_a_panic(at: prop::sample::Index, bit in 0..8u32) {
        let original = small_file();
        let digest = Artifact::from_bytes(&original).unwrap().digest;
        let mut bytes = original.clone();
        let at = at.index(header_end(&original));
        bytes[at] ^= 1 << bit;
        match Artifact::from_bytes(&bytes) {
            Ok(artifact) => {
                prop_assert!(at >= 8, "the length of the header was changed and nobody noticed");
                prop_assert_ne!(artifact.digest, digest);
            }
            Err(error) => prop_assert!(!matches!(error, ArtifactError::Io(_))),
        }
    }

    #[test]
    fn any_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0..300u64) {
        prop_assert!(Artifact::from_bytes(&bytes).is_err());
        let framed = [&length.to_le_bytes()[..], b"{\"__metadata__\":", &bytes].concat();
        prop_assert!(Artifact::from_bytes(&framed).is_err());
    }
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = small_file();
    assert!(Artifact::from_bytes(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(Artifact::from_bytes(&bytes[..length]).is_err(), "the first {length} bytes");
    }
    assert!(Artifact::from_bytes(&[&bytes[..], &[0]].concat()).is_err(), "one byte too many");
}

/// The same file with other words in its header, so long that nothing moves.
fn edited(from: &str, to: &str) -> Result<Artifact, ArtifactError> {
    let bytes = small_file();
    let end = header_end(&bytes);
    let header = std::str::from_utf8(&bytes[8..end]).unwrap();
    assert_eq!((header.matches(from).count(), from.len()), (1, to.len()), "{from} in {header}");
    let header = header.replace(from, to);
    Artifact::from_bytes(&[&bytes[..8], header.as_bytes(), &bytes[end..]].concat())
}

#[test]
fn a_file_of_another_kind_format_or_shape_is_refused() {
    assert!(edited("yes", "yep").is_ok(), "the editing itself is sound");
    for (from, to) in [
        // A classifier that says it routes has no models, no calibration.
        (r#"\"kind\":\"classifier\""#, r#"\"kind\":\"router\"    "#),
        (r#"\"kind\":\"classifier\""#, r#"\"kind\":\"classified\""#),
        ("ecology.linear.v1", "ecology.linear.v2"),
        (r#""ecology":"#, r#""ecolog_":"#),
        (r#"\"buckets_log2\":8"#, r#"\"buckets_log2\":9"#),
        (r#"\"version\":1"#, r#"\"version\":2"#),
        (r#"[\"yes\",\"no\"]"#, r#"[\"yes, no\"   ]"#),
        (r#"\"temperature\":0.7"#, r#"\"temperature\":nan"#),
        (r#""bias":{"dtype":"F32""#, r#""bias":{"dtype":"I32""#),
        (r#""bias""#, r#""bia_""#),
    ] {
        assert!(edited(from, to).is_err(), "{to} was accepted");
    }
}

/// Frozen: what a file of either format scores a text as. A change here is a new format, never an edit.
#[test]
fn a_file_of_either_format_gives_the_scores_that_it_always_gave() {
    let names = ["a@1", "b@1", "c@1"].map(str::to_owned);
    let features = spec().extract("Where is my card? I want 2 refunds; it's the THIRD time…");
    for (bytes, digest, expected) in [
        (
            file(&names, 7, &router(&names)),
            "sha256:51cb58d9a4d4c682fd9b121368e7a784218c619f26ddb2a5b4698188a1282e11",
            [1_088_186_949_u32, 1_092_677_941, 1_089_992_079],
        ),
        (
            integer_file(&names, 7, &router(&names)),
            "sha256:1e629b15455612da697870a0951d1b1370728c9d80242fcb72fb8ba7da5f55a9",
            [1_088_216_208, 1_092_662_135, 1_090_016_231],
        ),
    ] {
        let artifact = Artifact::from_bytes(&bytes).unwrap();
        let mut scores = [0.0; 3];
        artifact.table.score_into(&features, &mut scores);
        assert_eq!((artifact.digest.as_str(), scores.map(f32::to_bits)), (digest, expected), "{scores:?}");
    }
}

#[test]
fn a_file_says_which_kind_it_is_and_both_kinds_stay_apart() {
    let names = ["a@1".to_owned(), "b@1".to_owned()];
    let read = |meaning: &Meaning| Artifact::from_bytes(&file(&names, 1, meaning)).unwrap().meaning;
    assert!(matches!(read(&classifier(&names)), Meaning::Classifier { labels, .. } if labels == names));
    assert!(matches!(read(&router(&names)), Meaning::Router { models, .. } if models == names));
}

#[test]
fn weights_that_are_no_numbers_are_refused_wherever_they_stand() {
    let bytes = small_file();
    let data = header_end(&bytes);
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in (data..bytes.len()).step_by(4) {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&wrong.to_le_bytes());
            assert!(
                matches!(Artifact::from_bytes(&bytes), Err(ArtifactError::Weights(_))),
                "{wrong} at {at}"
            );
        }
    }
    assert!(WeightTable::new(spec(), 1, &[f32::NAN; 256], &[0.0]).is_err());
}

#[test]
fn a_missing_file_is_an_error_and_a_written_one_is_whole() {
    let path = std::env::temp_dir().join(format!("ecology-artifact-{}.safetensors", std::process::id()));
    assert!(matches!(Artifact::read(&path), Err(ArtifactError::Io(_))));
    let written = Artifact::from_bytes(&small_file()).unwrap();
    let digest = Artifact::write(&path, &written.table, &written.meaning).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((bytes, digest), (small_file(), written.digest));
}
