//! Laws of files that hold a static embedding, alone or inside weights: they come back byte for byte, share one table, and what was
//! edited is refused.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

use std::sync::Arc;

use ecology_core::text::{Extractor, FeatureSpec, StaticEmbedding, WeightTable};
use ecology_runtime::artifact::embedding::{EmbeddingFile, share};
use ecology_runtime::artifact::{Artifact, ArtifactError, Meaning};
use proptest::prelude::*;

const PROVENANCE: &str = r#"{"steps":3}"#;

fn embedding() -> Arc<StaticEmbedding> {
    let pieces = ["[UNK]", "my", "card", "##s", "where", "is", "?"];
    let rows: Vec<i8> = (0..pieces.len() * 5).map(|i| ((i * 37) % 255) as u8 as i8).collect();
    let scales: Vec<f32> = (1..=pieces.len()).map(|i| i as f32 / 100.0).collect();
    let weights = vec![0.5; pieces.len()];
    share(StaticEmbedding::new(&pieces, &rows, &scales, &weights).unwrap())
}

fn extractor(signals: bool, embedded: bool) -> Extractor {
    let table = embedded.then(embedding);
    let embedding = table.as_ref().map(|table| table.spec());
    let spec = FeatureSpec { buckets_log2: 8, signals, embedding, ..FeatureSpec::default() };
    Extractor::new(spec, table).unwrap()
}

fn meaning() -> Meaning {
    Meaning::Classifier {
        labels: vec!["yes".to_owned(), "no".to_owned()],
        temperature: 0.7,
        card: String::new(),
    }
}

fn weights(extractor: Extractor) -> WeightTable {
    let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 1e6 - 8.0;
    let all: Vec<f32> = (0..extractor.spec().dimension() * 2).map(number).collect();
    WeightTable::over(extractor, 2, &all, &[0.5, -0.5]).unwrap()
}

fn header_end(bytes: &[u8]) -> usize {
    8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

/// The same file with other words in its header, so long that nothing moves.
fn edited(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let end = header_end(bytes);
    let header = std::str::from_utf8(&bytes[8..end]).unwrap();
    assert_eq!((header.matches(from).count(), from.len()), (1, to.len()), "{from} in {header}");
    [&bytes[..8], header.replace(from, to).as_bytes(), &bytes[end..]].concat()
}

fn embedding_file() -> Vec<u8> {
    EmbeddingFile::to_bytes(&embedding(), PROVENANCE).unwrap()
}

fn weights_file() -> Vec<u8> {
    Artifact::to_bytes(&weights(extractor(true, true)).quantized(), &meaning()).unwrap()
}

#[test]
fn weights_over_any_dense_features_come_back_byte_for_byte() {
    let text = "Where is my card? Cards!";
    for (signals, embedded) in [(true, false), (false, true), (true, true)] {
        let extractor = extractor(signals, embedded);
        for table in [weights(extractor.clone()), weights(extractor.clone()).quantized()] {
            let bytes = Artifact::to_bytes(&table, &meaning()).unwrap();
            let read = Artifact::from_bytes(&bytes).unwrap();
            assert_eq!(read.table, table);
            assert_eq!(Artifact::to_bytes(&read.table, &read.meaning).unwrap(), bytes);
            let score = |table: &WeightTable| {
                let mut scores = [0.0; 2];
                table.score_into(&table.extractor().extract(text), &mut scores);
                scores.map(f32::to_bits)
            };
            assert_eq!(score(&read.table), score(&table));
        }
    }
}

/// Frozen: what a file scores a text as. A change here is a new format, never an edit.
#[test]
fn a_file_with_dense_features_gives_the_scores_that_it_always_gave() {
    let artifact = Artifact::from_bytes(&weights_file()).unwrap();
    let mut scores = [0.0; 2];
    artifact.table.score_into(&artifact.table.extractor().extract("Where is my card? Cards!"), &mut scores);
    let expected = (
        "sha256:4162ced6b1769dd02df5db4d3f8d586b17c7b111c8c220051e03b1ae87dbfd43",
        [3_239_333_865, 1_089_781_882],
    );
    assert_eq!((artifact.digest.as_str(), scores.map(f32::to_bits)), expected, "{scores:?}");
}

#[test]
fn files_of_one_embedding_share_its_table() {
    let (first, second) = (embedding_file(), weights_file());
    let alone = EmbeddingFile::from_bytes(&first).unwrap();
    let inside = Artifact::from_bytes(&second).unwrap();
    assert!(Arc::ptr_eq(&alone.table, inside.table.embedding().unwrap()));
    assert_eq!(alone.provenance, PROVENANCE);
}

#[test]
fn an_embedding_file_comes_back_byte_for_byte() {
    let bytes = embedding_file();
    let read = EmbeddingFile::from_bytes(&bytes).unwrap();
    assert_eq!(EmbeddingFile::to_bytes(&read.table, &read.provenance).unwrap(), bytes);
    let path = std::env::temp_dir().join(format!("ecology-embedding-{}.safetensors", std::process::id()));
    let digest = EmbeddingFile::write(&path, &read.table, &read.provenance).unwrap();
    let again = EmbeddingFile::read(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(again.unwrap().digest, digest);
    assert!(matches!(EmbeddingFile::read(&path), Err(ArtifactError::Io(_))));
}

#[test]
fn every_truncation_is_an_error() {
    for (bytes, read) in [
        (
            embedding_file(),
            (|bytes| EmbeddingFile::from_bytes(bytes).err()) as fn(&[u8]) -> Option<ArtifactError>,
        ),
        (weights_file(), |bytes| Artifact::from_bytes(bytes).err()),
    ] {
        assert!(read(&bytes).is_none());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_some(), "the first {length} bytes");
        }
    }
}

#[test]
fn an_edited_table_is_refused_by_the_name_of_both() {
    let original = weights_file();
    let own = embedding().digest().to_string();
    let mut seen = 0;
    for at in header_end(&original)..original.len() {
        let mut bytes = original.clone();
        bytes[at] ^= 1;
        if let Err(ArtifactError::Embedding { named, found }) = Artifact::from_bytes(&bytes) {
            assert_eq!((*named.digest == *own, *found.digest == *own), (true, false));
            seen += 1;
        }
    }
    // Seven rows of five, two numbers of four bytes for each piece; a piece may become none and be refused as that.
    assert!(seen >= 7 * 5 + 7 * 8, "{seen}");
}

#[test]
fn a_file_that_says_something_else_than_it_holds_is_refused() {
    let (alone, inside) = (embedding_file(), weights_file());
    assert!(
        EmbeddingFile::from_bytes(&edited(&alone, r#"\"steps"#, r#"\"staps"#)).is_ok(),
        "the editing is sound"
    );
    let own = embedding().digest()[7..20].to_owned();
    for (from, to) in [
        (own.as_str(), "0123456789abc"),
        (r#"\"dimensions\":5"#, r#"\"dimensions\":6"#),
        ("embedding.rows", "embedding.raws"),
        ("ecology.embedding.v1", "ecology.embedding.v2"),
    ] {
        let error = EmbeddingFile::from_bytes(&edited(&alone, from, to)).unwrap_err();
        let own_error = matches!(error, ArtifactError::Embedding { .. });
        assert_eq!(own_error, !from.contains("ecology") && !from.contains("rows"), "{to}: {error}");
    }
    for (from, to) in [
        (own.as_str(), "0123456789abc"),
        (r#"\"dimensions\":5"#, r#"\"dimensions\":6"#),
        ("ecology.linear.v3", "ecology.linear.v2"),
        (r#"\"signals\":true,"#, r#"                 "#),
        (r#""dense""#, r#""dance""#),
    ] {
        let bytes = edited(&inside, from, to);
        assert!(Artifact::from_bytes(&bytes).is_err(), "{to} was accepted");
    }
    assert!(Artifact::from_bytes(&alone).is_err() && EmbeddingFile::from_bytes(&inside).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_flipped_bit_is_an_error_or_another_digest_and_never_a_panic(at: prop::sample::Index, bit in 0..8u32) {
        let original = embedding_file();
        let digest = EmbeddingFile::from_bytes(&original).unwrap().digest;
        let mut bytes = original.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(file) = EmbeddingFile::from_bytes(&bytes) {
            prop_assert!(at < header_end(&original), "the content was edited and nobody noticed");
            prop_assert_ne!(file.digest, digest);
        }
    }
}
