//! The engine, and the carrier on the calling thread.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ecology_core::journey::{Chooser, DecisionRecord, Refusal, Routed};
use ecology_core::router::Decision as RoutedDecision;
use ecology_core::snapshot::{ModelIndex, Snapshot, Weights};
use ecology_core::text::{Extractor, Features};
use ecology_core::{Tensor, Value};
use ecology_runtime::Mailbox;
use ecology_runtime::carriers::{Interrupted, carry};
use ecology_runtime::engine::{Engine as RuntimeEngine, Population};
use ecology_runtime::flight::{Flight as RuntimeFlight, HostLeg};
use ecology_runtime::members::LegInput;
use ecology_runtime::process::Homebound;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyList, PyString};

use crate::answer::Answer;
use crate::bridge::Bridge;
use crate::call::call;
use crate::convert::{RequestArgs, Word, json_to_py, py_to_value, request, tokens};
use crate::decision::Decision;
use crate::errors;
use crate::flight::{Flight, launched};
use crate::intent::IntentWeights;
use crate::learned::Learned;
use crate::member::Member;
use crate::onnx;
use crate::router::RouterWeights;
use crate::section::{Section, attached, detached, outside};

/// Serves requests from one population at a time.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct Engine {
    engine: Homebound<RuntimeEngine>,
    /// Held while a population is compiled and swapped in, so that generations count up one by one.
    generation: Mutex<u64>,
    seed: AtomicU64,
}

fn population(
    spec: &str,
    members: &[Option<Py<Member>>],
    router: Option<&RouterWeights>,
    intent: Option<&IntentWeights>,
    generation: u64,
) -> PyResult<Population> {
    let members: Vec<_> =
        members.iter().map(|member| member.as_ref().map(|member| member.get().share())).collect();
    let embedding = members.iter().flatten().find_map(|member| member.embedding()).cloned();
    let router = router.map(|router| router.weights().clone());
    let intent = intent.map(|intent| intent.weights().clone());
    let snapshot = Snapshot::from_json_over(spec, Weights { router, intent, embedding }, generation);
    let snapshot = snapshot.map_err(|e| PyValueError::new_err(e.to_string()))?;
    Ok(Population::new(Arc::new(snapshot), members))
}

/// What `begin` gives.
struct Begun {
    began_ns: u64,
    population: Arc<Population>,
    content: Option<Value>,
    tensor: Option<Result<Arc<Tensor>, Arc<str>>>,
}

/// What `read` gives: the population it was read under, the request, and what legs are given.
struct Read {
    population: Arc<Population>,
    request: ecology_core::journey::Request,
    input: LegInput,
    began_ns: u64,
}

impl Engine {
    /// The population to read a request under, and what only the host can say of its input, while it can.
    fn begin(&self, py: Python<'_>, text: &str, host: Option<&Py<PyAny>>) -> PyResult<Begun> {
        let began_ns = self.engine.clock().now_ns();
        let population = self.engine.current();
        let tensor = host.filter(|_| population.reads.tensor).map(|host| onnx::tensor(py, host));
        let content = match host.map(|host| host.bind(py)) {
            _ if !population.reads.content => None,
            Some(host) if !host.is_instance_of::<PyString>() => Some(py_to_value(host)?),
            _ => Some(Value::from(text)),
        };
        Ok(Begun { began_ns, population, content, tensor })
    }

    fn read(&self, begun: Begun, text: &str, host: Option<Py<PyAny>>, args: Option<&RequestArgs>) -> Read {
        let Begun { began_ns, population, content, tensor } = begun;
        let features = Arc::new(population.snapshot.extractor.extract(text));
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let request = request(args, &population.snapshot, text, Arc::clone(&features), began_ns, seed);
        // A text of which nobody but inline members will see more than the features is not copied for them.
        let text: Arc<str> = if host.is_some() && !population.reads.text { "".into() } else { text.into() };
        let spec = Some(Arc::clone(&population.spec));
        let host = host.map(|object| Arc::new(object) as _);
        let input = LegInput { text, features, spec, content, tensor, host, ..LegInput::default() };
        Read { population, request, input, began_ns }
    }

    /// Routing starts no leg, so nobody needs the text once its features are taken.
    fn routed(&self, text: &str, args: Option<&RequestArgs>) -> Result<Routed, Refusal> {
        self.routed_under(&self.engine.current().snapshot, text, args)
    }

    fn routed_under(
        &self,
        snapshot: &Arc<Snapshot>,
        text: &str,
        args: Option<&RequestArgs>,
    ) -> Result<Routed, Refusal> {
        let began_ns = self.engine.clock().now_ns();
        let features = Arc::new(extracted(&snapshot.extractor, text));
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let request = request(args, snapshot, text, features, began_ns, seed);
        Routed::route(Arc::clone(snapshot), self.engine.live(), request).map(|(routed, _)| routed)
    }
}

thread_local! {
    static FEATURES: RefCell<Features> = RefCell::default();
}

/// The features of a text, in as much memory as they need: they grow in memory that a thread keeps.
fn extracted(extractor: &Extractor, text: &str) -> Features {
    FEATURES.with_borrow_mut(|features| {
        extractor.extract_into(text, features);
        features.clone()
    })
}

fn unwritable(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Whether a text is plainly no blank, without a look at all of it.
fn is_plain(text: &str) -> bool {
    text.bytes().take(64).any(|byte| byte.is_ascii_graphic())
}

/// Whether the account is one that somebody declared, or below one, where accounts are declared at all.
fn is_declared(snapshot: &Snapshot, account: &str) -> bool {
    let declared = &snapshot.spec.accounts;
    let root = account.split('/').next();
    declared.is_empty() || declared.keys().any(|name| name.split('/').next() == root)
}

#[pymethods]
impl Engine {
    /// Serves the compiled description `spec` (JSON) with one member (or None) for each of its models; swaps are counted from
    /// `generation`, and learning goes on from `learned`.
    #[new]
    #[pyo3(signature = (spec, members, router=None, generation=1, learned=None, intent=None))]
    fn new(
        spec: &str,
        members: Vec<Option<Py<Member>>>,
        router: Option<&RouterWeights>,
        generation: u64,
        learned: Option<&Learned>,
        intent: Option<&IntentWeights>,
    ) -> PyResult<Self> {
        let learned = learned.map(|learned| learned.knowledge().clone());
        let population = population(spec, &members, router, intent, generation)?;
        let engine = Arc::new(RuntimeEngine::resumed(population, learned));
        let engine = Homebound::new(engine);
        Ok(Self { engine, generation: Mutex::new(generation), seed: AtomicU64::new(0) })
    }

    /// Serves another description from now on; requests in flight end under theirs. On an error nothing changes.
    #[pyo3(signature = (spec, members, router=None, intent=None))]
    fn swap(
        &self,
        py: Python<'_>,
        spec: &str,
        members: Vec<Option<Py<Member>>>,
        router: Option<&RouterWeights>,
        intent: Option<&IntentWeights>,
    ) -> PyResult<u64> {
        let mut generation = self.generation.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.engine.swap(population(spec, &members, router, intent, *generation + 1)?);
        *generation += 1;
        Ok(*generation)
    }

    /// Counts the swaps; the first population is 1.
    #[getter]
    fn generation(&self) -> u64 {
        self.engine.current().snapshot.generation
    }

    /// SHA-256 of the current snapshot, router weights included.
    #[getter]
    fn digest(&self) -> String {
        self.engine.current().snapshot.digest.to_string()
    }

    /// Carries a request out on this thread, without the GIL. `submit(legs)` starts legs that need an event loop,
    /// `cancel(leg numbers)` stops them.
    #[pyo3(signature = (text, host=None, args=None, submit=None, cancel=None))]
    fn answer(
        &self,
        py: Python<'_>,
        text: &str,
        host: Option<Py<PyAny>>,
        args: Option<RequestArgs>,
        submit: Option<Py<PyAny>>,
        cancel: Option<Py<PyAny>>,
    ) -> PyResult<Answer> {
        let _section = Section::enter(py);
        // Freed inside the section.
        let (submit, cancel) = (submit, cancel);
        let begun = self.begin(py, text, host.as_ref())?;
        let result = detached(py, || {
            let Read { population, request, input, began_ns } = self.read(begun, text, host, args.as_ref());
            let flight =
                RuntimeFlight::begin(&self.engine, population, request, input.clone(), None, began_ns)?;
            // What interrupted the wait: the exception that is raised in place of an answer.
            let raised = RefCell::new(None);
            let launch = |legs: Vec<HostLeg>, mailbox: &Arc<Mailbox>| {
                let launched =
                    attached(|py| launched(py, submit.as_ref(), legs, mailbox, &input)).unwrap_or(Ok(()));
                launched.map_err(|error| {
                    raised.replace(Some(error));
                    Interrupted
                })
            };
            let stop = |legs: Vec<usize>| {
                let Some(cancel) = &cancel else { return };
                attached(|py| {
                    if let Err(error) = call(cancel.bind(py), (legs,), None) {
                        // Cancelling is a courtesy: the answer leaves either way. An interruption is noticed at the next look.
                        error.write_unraisable(py, None);
                    }
                });
            };
            let check = || match attached(|py| outside(py, || py.check_signals())) {
                None | Some(Ok(())) => false,
                Some(Err(error)) => {
                    raised.replace(Some(error));
                    true
                }
            };
            let finished = carry(flight, self.engine.clock(), &launch, &stop, &check).ok();
            Ok::<_, Refusal>(finished.ok_or_else(|| raised.into_inner()))
        });
        match result {
            Ok(Ok(finished)) => Answer::wrap(py, finished),
            Ok(Err(raised)) => {
                Err(raised.unwrap_or_else(|| pyo3::exceptions::PyKeyboardInterrupt::new_err(())))
            }
            Err(refused) => Err(errors::refusal(py, &refused)),
        }
    }

    /// Begins a request for the event loop of a bridge.
    #[pyo3(signature = (text, host, args, bridge))]
    fn flight(
        &self,
        py: Python<'_>,
        text: &str,
        host: Option<Py<PyAny>>,
        args: Option<RequestArgs>,
        bridge: Py<Bridge>,
    ) -> PyResult<Flight> {
        let _section = Section::enter(py);
        let (key, notify) = bridge.get().address();
        let begun = self.begin(py, text, host.as_ref())?;
        let flight = detached(py, || {
            let Read { population, request, input, began_ns } = self.read(begun, text, host, args.as_ref());
            RuntimeFlight::begin(&self.engine, population, request, input, Some(notify), began_ns)
        });
        let flight = flight.map_err(|refused| errors::refusal(py, &refused))?;
        Ok(Flight::wrap(flight, self.engine.clock(), bridge, key))
    }

    /// Admits and routes, and starts nothing.
    #[pyo3(signature = (text, args=None))]
    fn route(&self, py: Python<'_>, text: &str, args: Option<RequestArgs>) -> PyResult<Decision> {
        let _section = Section::enter(py);
        let routed = detached(py, || self.routed(text, args.as_ref()));
        let routed = routed.map_err(|refused| errors::refusal(py, &refused))?;
        Ok(Decision::wrap(Arc::new(routed)))
    }

    /// `route` of a text under plain constraints. None when something about them wants a closer look, which the facade takes:
    /// whatever is wrong is told in its words.
    #[pyo3(signature = (text, task, language, data_class, jurisdiction, risk, model, account, seed))]
    #[allow(clippy::too_many_arguments, reason = "keywords of one Python call")]
    fn route_plain(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        task: &Bound<'_, PyAny>,
        language: &Bound<'_, PyAny>,
        data_class: &Bound<'_, PyAny>,
        jurisdiction: &Bound<'_, PyAny>,
        risk: &Bound<'_, PyAny>,
        model: &Bound<'_, PyAny>,
        account: &Bound<'_, PyAny>,
        seed: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Decision>> {
        let plain = || {
            let word = |word: &Bound<'_, PyAny>| word.extract::<Option<Word>>().ok();
            let args = RequestArgs {
                task: word(task)?,
                language: word(language)?,
                data_class: word(data_class)?,
                jurisdiction: word(jurisdiction)?,
                risk: risk.extract().ok()?,
                model: word(model)?,
                account: word(account)?,
                seed: seed.extract().ok()?,
                ..RequestArgs::default()
            };
            Some((text.cast::<PyString>().ok()?.to_str().ok()?, args))
        };
        let Some((text, args)) = plain() else { return Ok(None) };
        let current = self.engine.current();
        let snapshot = &current.snapshot;
        let declared = args.account.as_ref().is_none_or(|account| is_declared(snapshot, account.as_str()));
        if !declared || !is_plain(text) || text.len() as u64 > snapshot.spec.max_input_bytes {
            return Ok(None);
        }
        let routed = py.detach(|| self.routed_under(snapshot, text, Some(&args)));
        let routed = routed.map_err(|refused| errors::refusal(py, &refused))?;
        Ok(Some(Decision::wrap(Arc::new(routed))))
    }

    /// Routes many texts on all cores: a dictionary of columns `model` (list of ids) and `confidence` (float32 [n]); with
    /// `scores` also the confidence of every model of the population, float32 [n, models], NaN where it was not admitted.
    #[pyo3(signature = (texts, args=None, scores=false))]
    fn route_batch<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
        args: Option<RequestArgs>,
        scores: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
        let args = args.unwrap_or_default();
        let population = self.engine.current();
        let snapshot = &population.snapshot;
        let seeds = self.seed.fetch_add(texts.len() as u64, Ordering::Relaxed);
        let seeded: Vec<(&str, u64)> = texts.iter().copied().zip(seeds..).collect();
        let models = snapshot.spec.models.len();
        // The choice, its confidence, and that of all models if asked for.
        let read = |decision: &RoutedDecision| {
            let mut row = vec![f32::NAN; if scores { models } else { 0 }];
            for ranked in &decision.ranked {
                if let Some(score) = row.get_mut(usize::from(ranked.model)) {
                    *score = ranked.confidence;
                }
            }
            let chosen = decision.chosen();
            (chosen.model, chosen.confidence, row)
        };
        let choices: Result<Vec<(ModelIndex, f32, Vec<f32>)>, Refusal> = py.detach(|| {
            let (shared, live) = (Arc::clone(snapshot), self.engine.live());
            let chooser = Chooser::new(shared, live, args.ask(0), &args.account(), args.limits());
            ecology_runtime::batch::in_parallel_with(
                &seeded,
                || (chooser.clone(), Features::default()),
                |(chooser, features), (text, seed)| {
                    snapshot.extractor.extract_into(text, features);
                    let input_bytes = args.input_bytes.unwrap_or(text.len() as u64);
                    let seed = args.seed.unwrap_or(*seed);
                    match chooser.choose(features, input_bytes, tokens(input_bytes), seed) {
                        Some(decision) => Ok(read(&decision)),
                        // Once more, at length: that knows the reasons.
                        None => self
                            .routed_under(snapshot, text, Some(&args))
                            .map(|routed| read(&routed.decision)),
                    }
                },
            )
            .into_iter()
            .collect()
        });
        let choices = choices.map_err(|refused| errors::refusal(py, &refused))?;
        let ids: Vec<_> = snapshot.spec.models.iter().map(|model| PyString::new(py, &model.id)).collect();
        let columns = PyDict::new(py);
        columns.set_item(
            "model",
            PyList::new(py, choices.iter().map(|(model, _, _)| &ids[usize::from(*model)]))?,
        )?;
        columns.set_item("confidence", PyArray1::from_iter(py, choices.iter().map(|(_, c, _)| *c)))?;
        if scores {
            let flat: Vec<f32> = choices.iter().flat_map(|(_, _, row)| row).copied().collect();
            columns.set_item("scores", PyArray1::from_vec(py, flat).reshape([texts.len(), models])?)?;
        }
        Ok(columns)
    }

    /// Calibrated P(good) of every model of the router, float32 [n, models]; None without a router.
    fn score_batch<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
    ) -> PyResult<Option<Bound<'py, PyArray2<f32>>>> {
        let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
        let current = self.engine.current();
        let Some(router) = &current.snapshot.router else { return Ok(None) };
        let columns = router.models().len();
        let rows = py.detach(|| {
            ecology_runtime::batch::in_parallel_with(
                &texts,
                || (Features::default(), Vec::new()),
                |(features, basis), text| {
                    let mut scores = vec![0.0; columns];
                    current.snapshot.extractor.extract_into(text, features);
                    router.basis_into(features, basis);
                    router.scores_into(basis, &mut scores);
                    scores
                },
            )
        });
        let flat = PyArray1::from_vec(py, rows.concat());
        Ok(Some(flat.reshape([texts.len(), columns])?))
    }

    /// Grades an answer with a score in [0, 1], and tells whether the router learned from it. Every so many lessons make a
    /// generation.
    fn feedback(&self, py: Python<'_>, answer_id: &str, score: f64) -> PyResult<bool> {
        let _section = Section::enter(py);
        let graded = detached(py, || {
            let graded = self.engine.grade(answer_id, score)?;
            if graded.publish {
                let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
                *generation += u64::from(self.engine.publish(*generation + 1).is_some());
            }
            Ok(graded.learned)
        });
        graded.map_err(|refused| errors::feedback(py, &refused))
    }

    /// Serves what was learned so far, and gives the generation; None if nothing was.
    fn publish(&self, py: Python<'_>) -> Option<u64> {
        let _section = Section::enter(py);
        detached(py, || {
            let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
            self.engine.publish(*generation + 1)?;
            *generation += 1;
            Some(*generation)
        })
    }

    /// Everything that was learned on line; None without a learned router or with learning off.
    fn learned(&self, py: Python<'_>) -> Option<Learned> {
        py.detach(|| self.engine.live().feedback.learner().map(|learner| Learned::wrap(learner.learned())))
    }

    /// Takes at most `most` graded answers, oldest first.
    fn take_feedback<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let rows = self.engine.live().feedback.take(most);
        rows.iter().map(|row| json_to_py(py, &serde_json::to_value(row).map_err(unwritable)?)).collect()
    }

    /// Answers that wait, those that were forgotten, grades, those that were learned from, and rows that did not fit.
    fn feedback_counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.engine.live().feedback.counts();
        let row = PyDict::new(py);
        row.set_item("pending", counts.pending)?;
        row.set_item("forgotten", counts.forgotten)?;
        row.set_item("graded", counts.graded)?;
        row.set_item("learned", counts.learned)?;
        row.set_item("dropped", counts.dropped)?;
        Ok(row)
    }

    /// Makes the decision of a record (JSON) again, under the current snapshot or one of the last that learned.
    ///
    /// Raises ValueError if its snapshot is none of them, or if it keeps neither features nor text.
    fn replay<'py>(&self, py: Python<'py>, record: &str) -> PyResult<Bound<'py, PyAny>> {
        let record: DecisionRecord = serde_json::from_str(record).map_err(unwritable)?;
        let snapshot = self.engine.snapshot_of(&record.snapshot);
        let snapshot = snapshot.unwrap_or_else(|| Arc::clone(&self.engine.current().snapshot));
        let routed = py.detach(|| ecology_core::journey::replay(snapshot, &record));
        json_to_py(py, &routed.map_err(unwritable)?.to_json())
    }

    /// Lossless sums by account, model, task and role since the process began.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let rows = self.engine.live().counters.all();
        rows.into_iter()
            .map(|(key, tally)| {
                let row = PyDict::new(py);
                row.set_item("account", &*key.account)?;
                row.set_item("model", &*key.model)?;
                row.set_item("task", &*key.task)?;
                row.set_item("role", key.role)?;
                row.set_item("calls", tally.calls)?;
                row.set_item("ok", tally.ok)?;
                row.set_item("timed_out", tally.timed_out)?;
                row.set_item("cancelled", tally.cancelled)?;
                row.set_item("failed", tally.failed)?;
                row.set_item("nano_usd", tally.nano_usd)?;
                row.set_item("tokens_in", tally.tokens_in)?;
                row.set_item("tokens_out", tally.tokens_out)?;
                row.set_item("compute_ns", tally.compute_ns)?;
                row.set_item("latency_ns", tally.latency_ns)?;
                Ok(row)
            })
            .collect()
    }

    /// Limit, committed, reserved and overrun of every account and limited or used resource.
    fn accounts<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        crate::accounts::standings(py, &self.engine.live().accounts)
    }

    /// Answered requests, what they cost, and what the baseline would have cost, in nano-USD.
    fn savings(&self) -> (u64, u64, u64) {
        self.engine.live().savings.totals()
    }

    /// Takes at most `most` events (attributions of finished requests), oldest first.
    fn take_events<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let events = self.engine.live().events.take(most);
        events.iter().map(|event| json_to_py(py, &event.to_json())).collect()
    }

    /// Events so far, and how many of them did not fit into the queue.
    fn event_counts(&self) -> (u64, u64) {
        let events = &self.engine.live().events;
        (events.emitted(), events.dropped())
    }
}
