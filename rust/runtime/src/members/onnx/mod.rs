//! A graph of onnxruntime as a member: no interpreter is asked for a leg.
//!
//! **The problem.** A session of onnxruntime's Python API gives the interpreter up only while the graph runs: everything around it
//! waits for a lock that other threads of the host hold for milliseconds. Here the same library, out of the same wheel, is
//! called from the thread that carries the leg.
//!
//! | file | owns |
//! |---|---|
//! | `library` | onnxruntime itself, loaded once a process |
//! | `graph` | one open graph: its wires, and a session for each thread that runs it |
//! | `chain` | how much a graph has to do, where its file says so |
//! | `encoder` | text → tokens → vector |
//! | `labels` | scores → label and confidence |

mod chain;
mod encoder;
mod graph;
mod labels;
mod library;

use std::any::Any;
use std::path::{Path, PathBuf};

use ecology_core::Value;
use ecology_core::leg::{Fault, Reply};
use ecology_core::text::{FeatureSpec, Features};
use ort::value::{DynValueTypeMarker, Shape, TensorRef, ValueRef};

use self::encoder::Encoder;
pub use self::graph::{Graph, Wire};
pub use self::labels::Labels;
pub use self::library::load;
use super::{LegInput, Member, Place, Reads, Stop};

/// Why a file cannot serve: which, what is wrong with it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}; {fix}", path.display())]
pub struct OnnxError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub fix: &'static str,
}

impl OnnxError {
    fn new(path: &Path, problem: impl Into<String>, fix: &'static str) -> Self {
        Self { path: path.to_owned(), problem: problem.into(), fix }
    }
}

/// What the graph is fed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The request's array.
    Tensor,
    /// Its hashed features as one dense row, as wide as the graph's input.
    Features,
    /// The vector that this encoder makes of its text.
    Text {
        /// A graph from tokens to `embedding`.
        encoder: PathBuf,
        /// The `tokenizer.json` that belongs to it.
        tokenizer: PathBuf,
    },
}

#[derive(Debug)]
enum Reader {
    Tensor,
    Features(FeatureSpec),
    Text(Box<Encoder>),
}

/// The most multiplications of a call that the calling thread makes itself: about 15 µs, which is less than handing them to
/// another thread and back takes (measured in docs/decisions, “onnx from Rust”).
const MOST_INLINE: u64 = 1 << 18;

/// A graph with one input, and what is fed to it.
#[derive(Debug)]
pub struct OnnxMember {
    graph: Graph,
    reader: Reader,
    labels: Option<Labels>,
}

impl OnnxMember {
    /// Opens the graph at `path` with `threads` threads a session. Without `labels` the output is the graph's first array. The
    /// [library](load) has to be there.
    pub fn open(path: &Path, feed: &Feed, labels: Option<Labels>, threads: usize) -> Result<Self, OnnxError> {
        let graph = Graph::open(path, threads)?;
        let [wire] = graph.inputs() else {
            let names = graph.inputs().iter().map(|wire| wire.name.as_str()).collect::<Vec<_>>().join(", ");
            let problem = format!("it has {} inputs ({names})", graph.inputs().len());
            return Err(OnnxError::new(path, problem, "export it with one"));
        };
        let reader = match feed {
            Feed::Tensor => Reader::Tensor,
            Feed::Features => Reader::Features(spec_of(path, wire)?),
            Feed::Text { encoder, tokenizer } => {
                Reader::Text(Box::new(Encoder::open(encoder, tokenizer, threads)?))
            }
        };
        Ok(Self { graph, reader, labels })
    }

    /// `sha256:…` of the graph's file as it was opened.
    pub fn digest(&self) -> &str {
        self.graph.digest()
    }

    fn answer(&self, scores: &ValueRef<'_, DynValueTypeMarker>, vote: bool) -> Result<Reply, Fault> {
        let tensor = graph::floats(scores)?;
        let (output, confidence, votes) = match &self.labels {
            None => (Value::Vector(tensor.into()), None, None),
            Some(labels) => {
                let (label, confidence) = labels.read(&tensor.data)?;
                let votes = vote.then(|| Box::new(labels.votes(&tensor.data)));
                (Value::Text(label), Some(confidence), votes)
            }
        };
        Ok(Reply { confidence, votes, ..output.into() })
    }

    fn on_tensor(&self, input: &LegInput, stop: &Stop) -> Result<Reply, Fault> {
        let tensor = match &input.tensor {
            Some(Ok(tensor)) => tensor,
            Some(Err(problem)) => return Err(Fault::Failed(problem.to_string())),
            None => return Err(Fault::Failed("the request holds no array of numbers".into())),
        };
        let shape: Shape = tensor.shape.iter().map(|n| *n as i64).collect();
        let view = TensorRef::from_array_view((shape, &tensor.data[..])).map_err(|e| graph::failed(&e))?;
        self.graph.run(stop, ort::inputs![view], |scores| self.answer(&scores[0].view(), input.votes))
    }

    fn on_features(&self, spec: &FeatureSpec, input: &LegInput, stop: &Stop) -> Result<Reply, Fault> {
        let own;
        let features: &Features = if input.spec.as_deref().is_some_and(|known| known.same_ngrams(spec)) {
            &input.features
        } else {
            // The dense row is a function of the width that the graph was trained with.
            own = spec.extract(&input.text);
            &own
        };
        let mut row = vec![0.0f32; spec.buckets()];
        for (index, value) in features.indices.iter().zip(&features.values) {
            row[*index as usize] += value;
        }
        let view = TensorRef::from_array_view(([1, row.len()], &row[..])).map_err(|e| graph::failed(&e))?;
        self.graph.run(stop, ort::inputs![view], |scores| self.answer(&scores[0].view(), input.votes))
    }

    fn on_text(&self, encoder: &Encoder, input: &LegInput, stop: &Stop) -> Result<Reply, Fault> {
        encoder.embed(&input.text, stop, |embedding| {
            self.graph
                .run(stop, ort::inputs![embedding], |scores| self.answer(&scores[0].view(), input.votes))
        })
    }
}

impl Member for OnnxMember {
    fn place(&self) -> Place {
        Place::Compute
    }

    fn reads(&self) -> Reads {
        let tensor = matches!(self.reader, Reader::Tensor);
        Reads { text: !tensor, tensor, ..Reads::default() }
    }

    fn brief(&self, input: &LegInput) -> bool {
        let rows = match (&self.reader, &input.tensor) {
            (Reader::Tensor, Some(Ok(tensor))) => {
                tensor.data.len() / tensor.shape.last().copied().unwrap_or(1).max(1)
            }
            // It fails at once.
            (Reader::Tensor, _) => 0,
            (Reader::Features(_), _) => 1,
            (Reader::Text(_), _) => return false,
        };
        let cost = self.graph.row_cost().and_then(|cost| cost.checked_mul(rows as u64));
        cost.is_some_and(|cost| cost <= MOST_INLINE)
    }

    fn call(&self, input: &LegInput) -> Result<Reply, Fault> {
        self.call_until(input, &Stop::default())
    }

    fn call_until(&self, input: &LegInput, stop: &Stop) -> Result<Reply, Fault> {
        match &self.reader {
            Reader::Tensor => self.on_tensor(input, stop),
            Reader::Features(spec) => self.on_features(spec, input, stop),
            Reader::Text(encoder) => self.on_text(encoder, input, stop),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The default features, hashed into as many buckets as the graph reads.
fn spec_of(path: &Path, wire: &Wire) -> Result<FeatureSpec, OnnxError> {
    let width = wire.shape.last().copied().flatten();
    let buckets = width.and_then(|width| u64::try_from(width).ok()).filter(|width| width.is_power_of_two());
    let spec =
        buckets.map(|width| FeatureSpec { buckets_log2: width.ilog2() as u8, ..FeatureSpec::default() });
    spec.filter(|spec| spec.validate().is_ok()).ok_or_else(|| {
        let shown = width.map_or_else(|| "an unknown number of".to_owned(), |width| width.to_string());
        let problem = format!("it reads {shown} features; a power of two from 2**8 to 2**24 is needed");
        OnnxError::new(path, problem, "train it on rows of such a width")
    })
}
