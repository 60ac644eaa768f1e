//! One open graph: its wires, and a session for each thread that runs it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecology_core::Tensor;
use ecology_core::leg::Fault;
use ecology_core::sync::Mutex;
use ort::session::{NoSelectedOutputs, RunOptions, Session, SessionInputs, SessionOutputs};
use ort::value::{
    DynValueTypeMarker, Outlet, PrimitiveTensorElementType, TensorElementType, ValueRef, ValueType,
};

use super::OnnxError;
use super::chain::row_cost;
use crate::artifact::digest;
use crate::members::Stop;

const FIX: &str = "export the model again";

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Its name.
    pub name: String,
    /// Length of each axis; `None` where any will do. Empty for what is no tensor.
    pub shape: Vec<Option<i64>>,
}

impl From<&Outlet> for Wire {
    fn from(outlet: &Outlet) -> Self {
        let shape = match outlet.dtype() {
            ValueType::Tensor { shape, .. } => shape.iter().map(|n| (*n >= 0).then_some(*n)).collect(),
            _ => Vec::new(),
        };
        Self { name: outlet.name().to_owned(), shape }
    }
}

/// A session, and how to stop what it runs.
struct Slot {
    session: Session,
    options: Arc<RunOptions<NoSelectedOutputs>>,
}

/// A graph that any number of threads may run.
///
/// The crate gives a session to one thread at a time, since not every provider of onnxruntime bears two. So each thread that comes
/// while the others are at work opens one more from the bytes that were read once; at most as many as there were legs at
/// a time. Weights are in memory once for each of them, and the bytes once.
pub struct Graph {
    path: PathBuf,
    bytes: Vec<u8>,
    digest: String,
    threads: usize,
    inputs: Vec<Wire>,
    outputs: Vec<Wire>,
    row_cost: Option<u64>,
    idle: Mutex<Vec<Slot>>,
    process: u32,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("path", &self.path)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// A forked child has its parent's sessions but not their threads, for which closing one would wait for ever.
impl Drop for Graph {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            self.idle.get_mut().drain(..).for_each(std::mem::forget);
        }
    }
}

impl Graph {
    /// Opens the file at `path` on the processor, with `threads` threads a session that sleep when there is nothing to do.
    pub fn open(path: &Path, threads: usize) -> Result<Self, OnnxError> {
        let wrong =
            |problem: &str| OnnxError::new(path, format!("onnxruntime cannot open it: {problem}"), FIX);
        let bytes = std::fs::read(path).map_err(|error| wrong(&error.to_string()))?;
        let (digest, folder) = (digest(&bytes), path.parent().unwrap_or(Path::new("")));
        let slot = Slot::open(&bytes, folder, threads).map_err(|error| wrong(first_line(error.message())))?;
        let inputs = slot.session.inputs().iter().map(Wire::from).collect();
        let outputs = slot.session.outputs().iter().map(Wire::from).collect();
        // Threads of its own would have to be waited for.
        let row_cost = if threads == 1 { row_cost(&bytes) } else { None };
        let (idle, process) = (Mutex::new(vec![slot]), std::process::id());
        Ok(Self { path: path.to_owned(), bytes, digest, threads, inputs, outputs, row_cost, idle, process })
    }

    /// Its inputs.
    pub fn inputs(&self) -> &[Wire] {
        &self.inputs
    }

    /// Its outputs.
    pub fn outputs(&self) -> &[Wire] {
        &self.outputs
    }

    /// `sha256:…` of the file as it was opened.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The most multiplications that a row of input takes; `None` where nobody knows, or where a run may wait for a thread.
    pub(super) fn row_cost(&self) -> Option<u64> {
        self.row_cost
    }

    /// What the file says of itself under `key`.
    pub(super) fn property(&self, key: &str) -> Option<String> {
        let idle = self.idle.lock();
        idle.first()?.session.metadata().ok()?.custom(key)
    }

    /// Runs it on `inputs` and reads its outputs. Once `stop` is asked for, it ends after the node that it is at.
    pub(super) fn run<'i, 'v: 'i, R, const N: usize>(
        &self,
        stop: &Stop,
        inputs: impl Into<SessionInputs<'i, 'v, N>>,
        read: impl FnOnce(&SessionOutputs<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let mut slot = self.slot()?;
        let options = Arc::clone(&slot.options);
        let terminate = Arc::clone(&options);
        let result = {
            let run = || slot.session.run_with_options(inputs, &options).map_err(|error| failed(&error));
            let outputs = stop.during(move || drop(terminate.terminate()), run);
            outputs.and_then(|outputs| read(&outputs))
        };
        if stop.asked() {
            // They say «end» to whatever runs under them next.
            slot.options = Arc::new(RunOptions::new().map_err(|error| failed(&error))?);
        }
        self.idle.lock().push(slot);
        result
    }

    fn slot(&self) -> Result<Slot, Fault> {
        let idle = self.idle.lock().pop();
        let folder = self.path.parent().unwrap_or(Path::new(""));
        idle.map_or_else(|| Slot::open(&self.bytes, folder, self.threads).map_err(|error| failed(&error)), Ok)
    }
}

impl Slot {
    fn open(bytes: &[u8], folder: &Path, threads: usize) -> Result<Self, ort::Error> {
        // No provider is named: the processor is what remains. Weights in files beside it are found where it was read.
        let session = Session::builder()?
            .with_no_environment_execution_providers()?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_log_level(ort::logging::LogLevel::Error)?
            .with_config_entry(
                "session.model_external_initializers_file_folder_path",
                folder.to_string_lossy(),
            )?
            .commit_from_memory(bytes)?;
        Ok(Self { session, options: Arc::new(RunOptions::new()?) })
    }
}

/// An array of numbers, as 32-bit floats.
pub(super) fn floats(value: &ValueRef<'_, DynValueTypeMarker>) -> Result<Tensor, Fault> {
    fn read<T: PrimitiveTensorElementType + Copy>(
        value: &ValueRef<'_, DynValueTypeMarker>,
        float: impl Fn(T) -> f32,
    ) -> Result<Tensor, Fault> {
        let (shape, data) = value.try_extract_tensor::<T>().map_err(|error| failed(&error))?;
        let shape = shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
        Ok(Tensor { shape, data: data.iter().map(|number| float(*number)).collect() })
    }
    let kind = match value.dtype() {
        ValueType::Tensor { ty, .. } => *ty,
        other => return Err(Fault::BadOutput(format!("the output is no array: {other}"))),
    };
    match kind {
        TensorElementType::Float32 => read::<f32>(value, |x| x),
        TensorElementType::Float64 => read::<f64>(value, |x| x as f32),
        TensorElementType::Int64 => read::<i64>(value, |x| x as f32),
        TensorElementType::Int32 => read::<i32>(value, |x| x as f32),
        TensorElementType::Int16 => read::<i16>(value, f32::from),
        TensorElementType::Int8 => read::<i8>(value, f32::from),
        TensorElementType::Uint64 => read::<u64>(value, |x| x as f32),
        TensorElementType::Uint32 => read::<u32>(value, |x| x as f32),
        TensorElementType::Uint16 => read::<u16>(value, f32::from),
        TensorElementType::Uint8 => read::<u8>(value, f32::from),
        TensorElementType::Bool => read::<bool>(value, |x| f32::from(u8::from(x))),
        other => Err(Fault::BadOutput(format!("the output holds {other}; export it with 32-bit floats"))),
    }
}

/// What onnxruntime says went wrong in a call.
pub(super) fn failed<R>(error: &ort::Error<R>) -> Fault {
    Fault::Failed(first_line(error.message()).to_owned())
}

fn first_line(words: &str) -> &str {
    words.lines().next().unwrap_or("it does not say why")
}
