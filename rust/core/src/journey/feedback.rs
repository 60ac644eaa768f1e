//! Answers that wait to be graded, and what their grades teach.
//!
//! **The problem.** Whoever knows whether an answer was any good learns it later, in another place, or never. So each answer has an
//! id, and what a grade will be set against (the context, the fitted prediction, the propensity) waits for it in a
//! table. The table is bounded: the oldest answer is forgotten when a new one needs its place, and all are when the process
//! ends.
//!
//! A grade always becomes a row for the log. The router learns from it only where the answer did not depend on what
//! the replies themselves looked like: a second stage is seen only on prompts that a first stage was unsure of, so its grades say
//! how it does on those, and would be learned as how it does on all. So it is with answers of which a policy asks how sure they are:
//! those that were not are withheld, and nobody grades them.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::Routed;
use crate::leg::Leg;
use crate::plan::Ending;
use crate::router::Evidence;
use crate::router::online::{Learned, Learner};
use crate::snapshot::{Corrections, EventQueue, Snapshot};
use crate::sync::{Mutex, RwLock};

/// The most models of a ranking that a row keeps.
const MOST_RANKED: usize = 32;

/// Names one answer of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerId {
    process: u64,
    sequence: u64,
}

impl fmt::Display for AnswerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.process, self.sequence)
    }
}

impl FromStr for AnswerId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let both = u128::from_str_radix(text, 16).ok().filter(|_| plain).ok_or(())?;
        Ok(Self { process: (both >> 64) as u64, sequence: both as u64 })
    }
}

/// One model of the ranking that an answer began with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedRow {
    /// `name@version`.
    pub model: Arc<str>,
    /// Decision confidence.
    pub confidence: f32,
    /// Expected money for the call.
    pub expected_cost_usd: f64,
}

/// A graded answer: what a log keeps for whoever evaluates other policies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeedbackRow {
    /// The answer.
    pub answer_id: String,
    /// Its grade, in \[0, 1\].
    pub score: f64,
    /// When it was graded: seconds since 1970.
    pub time: f64,
    /// How long after the answer.
    pub age_ms: f64,
    /// Digest of the snapshot that decided.
    pub snapshot: Arc<str>,
    /// Its generation.
    pub generation: u64,
    /// The task.
    pub task: Option<Arc<str>>,
    /// The kind of plan.
    pub plan: &'static str,
    /// How it ended.
    pub ending: &'static str,
    /// Whom the decision chose.
    pub chosen: Arc<str>,
    /// Its decision confidence.
    pub confidence: f32,
    /// Whether confidences were measured.
    pub calibrated: bool,
    /// The chance with which it was chosen.
    pub propensity: f64,
    /// Whether exploration overrode the ranking.
    pub explored: bool,
    /// The ranking, the chosen one first; of more than 32 models the first 32.
    pub ranked: Vec<RankedRow>,
    /// Whose reply the answer is.
    pub model: Arc<str>,
    /// What all legs cost.
    pub cost_usd: f64,
    /// From arrival to answer.
    pub latency_ms: f64,
    /// Whether the router learned from it.
    pub learned: bool,
}

/// Why a grade is refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FeedbackError {
    /// It is no grade.
    #[error("the score is {0}; give a number from 0 to 1")]
    Score(f64),
    /// No answer waits for grades.
    #[error("learning is off")]
    Off,
    /// No such answer, or not any more.
    #[error("no answer {0} waits for feedback")]
    Unknown(String),
    /// It was graded before.
    #[error("the answer {0} has its feedback")]
    Twice(String),
}

/// What became of a grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graded {
    /// Whether the router learned from it.
    pub learned: bool,
    /// Whether a new generation is due.
    pub publish: bool,
}

/// Sums since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FeedbackCounts {
    /// Answers that wait.
    pub pending: u64,
    /// Answers that were forgotten before anybody graded them.
    pub forgotten: u64,
    /// Grades.
    pub graded: u64,
    /// Grades that the router learned from.
    pub learned: u64,
    /// Rows that did not fit into the queue.
    pub dropped: u64,
}

#[derive(Debug)]
struct Lesson {
    router: Arc<str>,
    column: usize,
    evidence: Arc<Evidence>,
}

/// What is known of an answer; `None` once it is graded.
#[derive(Debug)]
struct Pending {
    sequence: u64,
    ended_ns: u64,
    open: Option<Box<(FeedbackRow, Option<Lesson>)>>,
}

#[derive(Debug, Default)]
struct Table {
    /// By sequence, oldest first.
    entries: VecDeque<Pending>,
    capacity: usize,
    open: u64,
    forgotten: u64,
    graded: u64,
    learned: u64,
}

impl Table {
    fn shrink(&mut self, room_for: usize) -> Vec<Pending> {
        let surplus = (self.entries.len() + room_for).saturating_sub(self.capacity);
        let gone: Vec<Pending> = self.entries.drain(..surplus.min(self.entries.len())).collect();
        let unread = gone.iter().filter(|entry| entry.open.is_some()).count() as u64;
        self.open -= unread;
        self.forgotten += unread;
        gone
    }
}

/// Answers that wait, the learner, and rows for the log.
#[derive(Debug)]
pub struct Feedback {
    process: AtomicU64,
    sequence: AtomicU64,
    table: Mutex<Table>,
    learner: RwLock<Option<Arc<Learner>>>,
    publish_every: AtomicU64,
    rows: EventQueue<FeedbackRow>,
}

impl Default for Feedback {
    fn default() -> Self {
        Self {
            process: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            table: Mutex::default(),
            learner: RwLock::default(),
            publish_every: AtomicU64::new(u64::MAX),
            rows: EventQueue::new(0),
        }
    }
}

impl Feedback {
    /// Sets apart the ids of this process from those of others.
    pub fn distinguish(&self, process: u64) {
        self.process.store(process, Ordering::Relaxed);
    }

    /// Serves a snapshot from now on. What was learned stays when its router is the one that it was learned about, under
    /// the same prior; then this gives the corrections that go on top.
    pub fn adopt(&self, snapshot: &Snapshot) -> Option<Arc<Corrections>> {
        let learning = &snapshot.spec.routing.learning;
        {
            let mut table = self.table.lock();
            table.capacity = if learning.enabled { learning.pending } else { 0 };
            let gone = table.shrink(0);
            drop(table);
            drop(gone);
        }
        self.rows.bound(snapshot.spec.max_events);
        self.publish_every.store(learning.publish_every.max(1), Ordering::Relaxed);
        let mut learner = self.learner.write();
        let weights = snapshot.router.as_ref().filter(|_| learning.enabled);
        let same = |mine: &Arc<Learner>| {
            weights.is_some_and(|weights| mine.is_of(weights)) && mine.prior() == learning.prior
        };
        if !learner.as_ref().is_some_and(same) {
            // A prior or a context that cannot be learned over was refused when the snapshot was compiled.
            *learner = weights.and_then(|weights| Learner::new(weights, learning.prior).ok()).map(Arc::new);
        }
        learner.as_ref().and_then(|learner| learner.published())
    }

    /// Goes on from what another process learned; the next [`Feedback::adopt`] keeps it if it fits.
    pub fn resume(&self, learned: Learned) {
        *self.learner.write() = Some(Arc::new(Learner::resume(learned)));
    }

    /// What learns; `None` without a learned router or with learning off.
    pub fn learner(&self) -> Option<Arc<Learner>> {
        self.learner.read().clone()
    }

    /// Takes in an answer, which waits for feedback if the snapshot's policy learns.
    pub(super) fn receive(
        &self,
        routed: &Routed,
        legs: &[Leg],
        winner: Option<usize>,
        ending: Ending,
        ended_ns: u64,
    ) -> AnswerId {
        let process = self.process.load(Ordering::Relaxed);
        let kept = winner.filter(|_| routed.snapshot.spec.routing.learning.enabled);
        let Some(winner) = kept else {
            return AnswerId { process, sequence: self.sequence.fetch_add(1, Ordering::Relaxed) };
        };
        let open = Some(Box::new((
            row(routed, legs, winner, ending, ended_ns),
            lesson(routed, legs, winner, ending),
        )));
        let mut table = self.table.lock();
        // Under the lock, so that the table is in the order of the sequence.
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let gone = table.shrink(1);
        if table.capacity > 0 {
            table.entries.push_back(Pending { sequence, ended_ns, open });
            table.open += 1;
        }
        drop(table);
        drop(gone);
        AnswerId { process, sequence }
    }

    /// Grades an answer, once. `now_ns` is on the clock of the engine, `time` in seconds since 1970.
    pub fn grade(&self, id: &str, score: f64, now_ns: u64, time: f64) -> Result<Graded, FeedbackError> {
        if !(0.0..=1.0).contains(&score) {
            return Err(FeedbackError::Score(score));
        }
        let unknown = || FeedbackError::Unknown(id.chars().take(64).collect());
        let (ended_ns, (mut row, lesson)) = {
            let mut table = self.table.lock();
            if table.capacity == 0 {
                return Err(FeedbackError::Off);
            }
            let answer: AnswerId = id.parse().map_err(|()| unknown())?;
            if answer.process != self.process.load(Ordering::Relaxed) {
                return Err(unknown());
            }
            let at = table.entries.binary_search_by_key(&answer.sequence, |entry| entry.sequence);
            let entry = &mut table.entries[at.map_err(|_| unknown())?];
            let open = entry.open.take().ok_or_else(|| FeedbackError::Twice(id.to_owned()))?;
            let ended_ns = entry.ended_ns;
            table.open -= 1;
            table.graded += 1;
            (ended_ns, *open)
        };
        let taught = lesson.and_then(|lesson| self.teach(&lesson, score));
        if taught.is_some() {
            self.table.lock().learned += 1;
        }
        row.answer_id = id.to_owned();
        row.score = score;
        row.time = time;
        row.age_ms = now_ns.saturating_sub(ended_ns) as f64 / 1e6;
        row.learned = taught.is_some();
        self.rows.push(row);
        let every = self.publish_every.load(Ordering::Relaxed);
        Ok(Graded { learned: taught.is_some(), publish: taught.is_some_and(|lessons| lessons % every == 0) })
    }

    /// The number of lessons so far; `None` if this one was about a router that does not serve any more.
    fn teach(&self, lesson: &Lesson, score: f64) -> Option<u64> {
        let learner = self.learner().filter(|learner| *learner.router() == lesson.router)?;
        let residual = score - f64::from(*lesson.evidence.fitted.get(lesson.column)?);
        learner.teach(lesson.column, &lesson.evidence.context, residual).ok()
    }

    /// Takes at most `most` graded answers, oldest first.
    pub fn take(&self, most: usize) -> Vec<FeedbackRow> {
        self.rows.take(most)
    }

    /// Sums since the process began.
    pub fn counts(&self) -> FeedbackCounts {
        let table = self.table.lock();
        FeedbackCounts {
            pending: table.open,
            forgotten: table.forgotten,
            graded: table.graded,
            learned: table.learned,
            dropped: self.rows.dropped(),
        }
    }
}

fn lesson(routed: &Routed, legs: &[Leg], winner: usize, ending: Ending) -> Option<Lesson> {
    if !matches!(ending, Ending::Answered | Ending::FellBack) {
        return None;
    }
    // It was let pass for what it says of itself. Of one that says nothing the prompt decided, as it does everywhere.
    if routed.doubt().is_some() && legs[winner].confidence().is_some() {
        return None;
    }
    let evidence = Arc::clone(routed.decision.evidence.as_ref()?);
    let router = Arc::clone(routed.snapshot.router.as_ref()?.file_digest());
    let column = routed.snapshot.router_columns[usize::from(legs[winner].model)]?;
    Some(Lesson { router, column, evidence })
}

/// All that is known before there is a grade.
fn row(routed: &Routed, legs: &[Leg], winner: usize, ending: Ending, ended_ns: u64) -> FeedbackRow {
    use crate::budget::Resource;
    let (snapshot, decision) = (&routed.snapshot, &routed.decision);
    let id = |model| Arc::clone(&snapshot.model(model).id);
    let cost = legs.iter().map(|leg| leg.charged.get(Resource::NanoUsd)).fold(0, u64::saturating_add);
    let ranked = decision.ranked.iter().take(MOST_RANKED).map(|ranked| RankedRow {
        model: id(ranked.model),
        confidence: ranked.confidence,
        expected_cost_usd: ranked.expected_nano_usd as f64 / 1e9,
    });
    FeedbackRow {
        answer_id: String::new(),
        score: 0.0,
        time: 0.0,
        age_ms: 0.0,
        snapshot: Arc::clone(&snapshot.digest),
        generation: snapshot.generation,
        task: routed.request.ask.task.clone(),
        plan: routed.plan().name(),
        ending: ending.name(),
        chosen: id(decision.chosen().model),
        confidence: decision.chosen().confidence,
        calibrated: decision.basis.calibrated(),
        propensity: decision.propensity,
        explored: decision.explored,
        ranked: ranked.collect(),
        model: id(legs[winner].model),
        cost_usd: cost as f64 / 1e9,
        latency_ms: ended_ns.saturating_sub(routed.request.started_ns) as f64 / 1e6,
        learned: false,
    }
}
