//! A sentence encoder: text → tokens → the vector of a graph.
//!
//! The twin of `ecology/backends/encoder.py`, which embeds whole corpora for training: the same files, the same bounds. One
//! text at a time needs no padding, and dynamic quantisation is exact without neighbours.

use std::path::Path;

use ecology_core::leg::Fault;
use ort::value::{DynValueTypeMarker, TensorRef, ValueRef};
use tokenizers::{Tokenizer, TruncationParams};

use super::{Graph, OnnxError, graph};
use crate::members::Stop;

const INPUTS: [&str; 2] = ["input_ids", "attention_mask"];
const OUTPUT: &str = "embedding";
const PROPERTY: &str = "ecology.";
/// BERT's, for a graph that does not say.
const UNKNOWN_POSITIONS: usize = 512;
const REBUILD: &str = "write it again with `ecology embeddings build`";

#[derive(Debug)]
pub(super) struct Encoder {
    graph: Graph,
    tokenizer: Tokenizer,
}

impl Encoder {
    pub(super) fn open(path: &Path, tokenizer: &Path, threads: usize) -> Result<Self, OnnxError> {
        let wrong = |problem: String| OnnxError::new(path, problem, REBUILD);
        let graph = Graph::open(path, threads)?;
        let names = |wires: &[super::Wire]| wires.iter().map(|wire| wire.name.clone()).collect::<Vec<_>>();
        let (mut inputs, outputs) = (names(graph.inputs()), names(graph.outputs()));
        inputs.sort_unstable_by(|a, b| b.cmp(a));
        if inputs != INPUTS || outputs != [OUTPUT] {
            let (inputs, outputs) = (names(graph.inputs()).join(", "), outputs.join(", "));
            return Err(wrong(format!("it is no encoder: its inputs are {inputs}, its outputs {outputs}")));
        }
        let number =
            |key: &str| graph.property(&format!("{PROPERTY}{key}")).and_then(|said| said.parse().ok());
        let positions = number("positions").unwrap_or(UNKNOWN_POSITIONS);
        let max_tokens: usize = number("max_tokens").unwrap_or(positions);
        if !(3..=positions).contains(&max_tokens) {
            return Err(wrong(format!("it says max_tokens {max_tokens}; it takes 3 to {positions}")));
        }
        let tokenizer = open_tokenizer(tokenizer, max_tokens)?;
        Ok(Self { graph, tokenizer })
    }

    /// Makes a vector of `text`, float32 [1, dimension], and reads it.
    pub(super) fn embed<R>(
        &self,
        text: &str,
        stop: &Stop,
        read: impl FnOnce(ValueRef<'_, DynValueTypeMarker>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let tokens =
            self.tokenizer.encode_fast(text, true).map_err(|error| Fault::Failed(error.to_string()))?;
        let ids: Vec<i64> = tokens.get_ids().iter().map(|id| i64::from(*id)).collect();
        let mask = vec![1i64; ids.len()];
        let row =
            |numbers| TensorRef::from_array_view(([1, ids.len()], numbers)).map_err(|e| graph::failed(&e));
        let [ids_name, mask_name] = INPUTS;
        let feed = ort::inputs![ids_name => row(&ids[..])?, mask_name => row(&mask[..])?];
        self.graph.run(stop, feed, |outputs| read(outputs[0].view()))
    }
}

fn open_tokenizer(path: &Path, max_tokens: usize) -> Result<Tokenizer, OnnxError> {
    let wrong = |error: tokenizers::Error| {
        let problem =
            format!("it is not a tokenizer ({})", error.to_string().lines().next().unwrap_or_default());
        OnnxError::new(path, problem, "give the tokenizer.json that was written beside the encoder")
    };
    let mut tokenizer = Tokenizer::from_file(path).map_err(wrong)?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(wrong)?;
    Ok(tokenizer)
}
