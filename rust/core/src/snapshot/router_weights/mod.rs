//! What a learned router knows: from the features of a prompt to P(good), cost and latency of each model.
//!
//! **The problem.** Models come and go, prices change, and the same few facts about a prompt decide for all of them. A
//! *direct* router has one linear head per model over hashed n-grams: simple, and its cost grows with n-grams × models. A
//! *factored* one reads the prompt once into a short vector φ and has one head per model over that. Both are used the same way:
//!
//! ```
//! # use ecology_core::snapshot::{Platt, RouterWeights, RouterWeightsError};
//! # use ecology_core::text::{FeatureSpec, WeightTable};
//! # let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
//! # let table = WeightTable::new(spec, 1, &[0.5; 256], &[0.0]).map_err(|e| e.to_string())?;
//! # let platt = vec![Platt { slope: 1.0, offset: 0.0 }];
//! # let router = RouterWeights::new(table, vec!["small@1".into()], platt, "sha256:00".into()).map_err(|e| e.to_string())?;
//! let features = router.spec().extract("where is my card?");
//! let (mut basis, mut scores) = (Vec::new(), vec![0.0; router.models().len()]);
//! router.basis_into(&features, &mut basis);
//! router.scores_into(&basis, &mut scores);
//! assert!((0.0..=1.0).contains(&scores[0]));
//! # Ok::<(), String>(())
//! ```
//!
//! | file | owns |
//! |---|---|
//! | `factored` | [`FactoredParts`]: projection, groups, heads |
//! | `group` | [`Group`]: a softmax over the projection |
//! | `heads` | [`Heads`], and the kernel that applies them |
//! | `calibration` | [`Calibration`]: Platt, beta, isotonic |
//! | `expected` | [`Expected`]: heads on the logarithm of cost and latency |
//! | `gain` | the expected gain of one model over another, as a ranking |
//! | `corrections` | [`Corrections`]: what was learned on line, on top |
//! | `contributions` | what moved one model's score away from another's |
//! | `exp` | exponential and logarithm, the same on every machine |

mod calibration;
mod contributions;
mod corrections;
mod exp;
mod expected;
mod factored;
mod gain;
mod group;
mod heads;

use std::sync::Arc;

pub use calibration::{Calibration, Platt};
pub use contributions::{Block, Contributions};
pub use corrections::Corrections;
pub(super) use exp::exp_below_zero;
pub use expected::{Expected, LogHeads};
pub use factored::{FactoredParts, MAX_BASIS, MAX_PROJECTION};
pub use group::Group;
pub use heads::Heads;

use super::MAX_MODELS;
use crate::text::{Extractor, FeatureSpec, Features, WeightTable};
use calibration::Calibrations;
use corrections::Corrected;
use factored::Factored;

/// A learned router. Cheap to clone: the weights are shared.
#[derive(Clone, Debug)]
pub struct RouterWeights {
    kind: Kind,
    models: Arc<[Arc<str>]>,
    digest: Arc<str>,
    corrected: Option<Corrected>,
}

#[derive(Clone, Debug)]
enum Kind {
    Direct { table: Arc<WeightTable>, calibration: Arc<Calibrations> },
    Factored(Box<Factored>),
}

/// Name of a block of φ, names of its members (if they have any), and where it is.
pub type NamedBlock<'r> = (&'r str, &'r [Arc<str>], std::ops::Range<usize>);

/// Weights that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouterWeightsError {
    /// The number of columns, models and calibrations differ.
    #[error("{columns} columns of weights for {models} models and {calibrations} calibrations")]
    Shape {
        /// Columns of the table.
        columns: usize,
        /// Names of models.
        models: usize,
        /// Calibrations.
        calibrations: usize,
    },
    /// What was learned on line is about another router.
    #[error("what was learned has {given} numbers, this router needs {expected}")]
    Corrections {
        /// What came.
        given: usize,
        /// Models times numbers of a context.
        expected: usize,
    },
    /// A calibration is not finite.
    #[error("the calibration of {model} is not a finite number")]
    Calibration {
        /// Whose.
        model: Arc<str>,
    },
    /// The parts of a factored router are not one.
    #[error("{}", violations.join("; "))]
    Factored {
        /// Everything that is wrong.
        violations: Vec<String>,
    },
}

/// All that one model has in a factored router.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelHead {
    /// Weights over φ.
    pub weights: Vec<f32>,
    /// Added to their product.
    pub bias: f32,
    /// From the raw score to P(good).
    pub calibration: Calibration,
    /// Weights and bias of its head for gains; that of `weights` and `bias` where the router has such heads and this is `None`.
    pub gain: Option<(Vec<f32>, f32)>,
    /// Weights and bias on the logarithm of USD.
    pub cost: Option<(Vec<f32>, f32)>,
    /// Weights and bias on the logarithm of milliseconds.
    pub latency: Option<(Vec<f32>, f32)>,
}

impl RouterWeights {
    /// A direct router. `digest` is the SHA-256 of the file that holds it.
    pub fn new(
        table: WeightTable,
        models: Vec<Arc<str>>,
        calibration: Vec<Platt>,
        digest: Arc<str>,
    ) -> Result<Self, RouterWeightsError> {
        if table.columns() != models.len() || models.len() != calibration.len() {
            let (columns, calibrations) = (table.columns(), calibration.len());
            return Err(RouterWeightsError::Shape { columns, models: models.len(), calibrations });
        }
        let wrong = calibration.iter().position(|p| !(p.slope.is_finite() && p.offset.is_finite()));
        if let Some(at) = wrong {
            return Err(RouterWeightsError::Calibration { model: Arc::clone(&models[at]) });
        }
        let calibration = calibration.into_iter().map(Calibration::from).collect();
        let calibration = Arc::new(Calibrations::new(calibration));
        let kind = Kind::Direct { table: Arc::new(table), calibration };
        Ok(Self { kind, models: models.into(), digest, corrected: None })
    }

    /// A factored router; all that keeps the parts from being one is told at once. `digest` is the SHA-256 of the file that holds
    /// it, or whatever else tells it from others.
    pub fn factored(
        parts: &FactoredParts,
        models: Vec<Arc<str>>,
        digest: Arc<str>,
    ) -> Result<Self, RouterWeightsError> {
        let mut violations = Vec::new();
        if !(1..=MAX_MODELS).contains(&models.len()) {
            violations.push(format!("{} models: 1 to {MAX_MODELS}", models.len()));
        }
        let mut names = std::collections::HashSet::new();
        violations.extend(
            models
                .iter()
                .filter(|name| !names.insert(&***name))
                .map(|n| format!("two models are called {n}")),
        );
        violations.extend(parts.violations(models.len()));
        if !violations.is_empty() {
            return Err(RouterWeightsError::Factored { violations });
        }
        Ok(Self {
            kind: Kind::Factored(Box::new(Factored::new(parts))),
            models: models.into(),
            digest,
            corrected: None,
        })
    }

    /// The parts of a factored router; `None` for a direct one.
    pub fn parts(&self) -> Option<FactoredParts> {
        match &self.kind {
            Kind::Direct { .. } => None,
            Kind::Factored(factored) => Some(factored.parts()),
        }
    }

    /// The same router with one model more, last. Whatever it gave for the others it gives to the bit.
    pub fn with_model(
        &self,
        name: Arc<str>,
        head: ModelHead,
        digest: Arc<str>,
    ) -> Result<Self, RouterWeightsError> {
        let mut parts = self.parts().ok_or_else(direct_has_no_heads)?;
        parts.push(head);
        let models = self.models.iter().cloned().chain([name]).collect();
        Self::factored(&parts, models, digest)
    }

    /// The same router with another head (weights over φ, and bias) for one model. Whatever it gave for the others it gives to
    /// the bit, and what they share is shared.
    pub fn with_head(
        &self,
        model: usize,
        (weights, bias): (&[f32], f32),
        digest: Arc<str>,
    ) -> Result<Self, RouterWeightsError> {
        let Kind::Factored(factored) = &self.kind else { return Err(direct_has_no_heads()) };
        let mut violations = Vec::new();
        let head = Heads { weights: weights.to_vec(), bias: vec![bias] };
        head.check("head", 1, factored.basis, &mut violations);
        if model >= self.models.len() {
            violations.push(format!("there is no model {model} of {}", self.models.len()));
        }
        if !violations.is_empty() {
            return Err(RouterWeightsError::Factored { violations });
        }
        let mut heads = factored.heads.heads();
        heads.weights[model * factored.basis..][..factored.basis].copy_from_slice(weights);
        heads.bias[model] = bias;
        let heads = heads::Blocks::new(factored.basis, &heads);
        let kind = Kind::Factored(Box::new(Factored { heads, ..Factored::clone(factored) }));
        Ok(Self { kind, models: Arc::clone(&self.models), digest, corrected: None })
    }

    /// The weights over features: of all models in a direct router, the projection of a factored one.
    pub fn table(&self) -> &WeightTable {
        match &self.kind {
            Kind::Direct { table, .. } => table,
            Kind::Factored(factored) => &factored.projection,
        }
    }

    /// What turns a prompt into the features that the weights are over.
    pub fn extractor(&self) -> &Extractor {
        self.table().extractor()
    }

    /// How text becomes features.
    pub fn spec(&self) -> &FeatureSpec {
        self.table().spec()
    }

    /// Whether it is a factored one.
    pub fn is_factored(&self) -> bool {
        matches!(self.kind, Kind::Factored(_))
    }

    /// `name@version` of each model.
    pub fn models(&self) -> &[Arc<str>] {
        &self.models
    }

    /// The calibration of each model.
    pub fn calibration(&self) -> &[Calibration] {
        self.calibrations().all()
    }

    fn calibrations(&self) -> &Calibrations {
        match &self.kind {
            Kind::Direct { calibration, .. } => calibration,
            Kind::Factored(factored) => &factored.calibration,
        }
    }

    /// SHA-256 of the file; with corrections, of that digest and them.
    pub fn digest(&self) -> &Arc<str> {
        self.corrected.as_ref().map_or(&self.digest, |corrected| &corrected.digest)
    }

    /// The same weights under another digest: that of the file which they turn out to be.
    #[must_use]
    pub fn with_digest(self, digest: Arc<str>) -> Self {
        Self { digest, corrected: None, ..self }
    }

    /// How long φ is; for a direct router, as many as models.
    pub fn basis(&self) -> usize {
        match &self.kind {
            Kind::Direct { table, .. } => table.columns(),
            Kind::Factored(factored) => factored.basis,
        }
    }

    /// Name and members of each block of φ, and where it is: `text` (the projection, or a direct router's scores), then the groups.
    pub fn blocks(&self) -> Vec<NamedBlock<'_>> {
        match &self.kind {
            Kind::Direct { table, .. } => vec![("text", &[], 0..table.columns())],
            Kind::Factored(factored) => factored.blocks().collect(),
        }
    }

    /// φ of a prompt: all that this router knows of it. For a direct router these are the raw scores. What `basis` held is
    /// overwritten, its memory used again.
    ///
    /// # Panics
    /// As [`WeightTable::score_into`]: when the features are of another spec.
    pub fn basis_into(&self, features: &Features, basis: &mut Vec<f32>) {
        match &self.kind {
            Kind::Direct { table, .. } => {
                basis.clear();
                basis.resize(table.columns(), 0.0);
                table.score_into(features, basis);
            }
            Kind::Factored(factored) => factored.basis_into(features, basis),
        }
    }

    /// Calibrated P(good) of each model, from φ, with what was learned on line. `scores` is as long as there are models.
    pub fn scores_into(&self, basis: &[f32], scores: &mut [f32]) {
        self.fitted_into(basis, scores);
        if let Some(corrections) = self.corrections() {
            corrections.correct(&self.context(basis, scores), scores);
        }
    }

    /// The same as it was fitted.
    pub fn fitted_into(&self, basis: &[f32], scores: &mut [f32]) {
        self.raw_into(basis, scores);
        self.calibrations().apply(scores);
    }

    /// The score of each model before calibration, from φ.
    pub fn raw_into(&self, basis: &[f32], scores: &mut [f32]) {
        match &self.kind {
            Kind::Direct { .. } => scores.copy_from_slice(basis),
            Kind::Factored(factored) => factored.heads.apply(basis, scores),
        }
    }

    /// Whether it has learned what calls cost or how long they take.
    pub fn expects(&self) -> bool {
        matches!(&self.kind, Kind::Factored(factored) if factored.cost.is_some() || factored.latency.is_some())
    }

    /// What a call of one model is expected to use, from φ.
    pub fn expected(&self, basis: &[f32], model: usize) -> Expected {
        let Kind::Factored(factored) = &self.kind else { return Expected::default() };
        let amount = |logs: &Option<expected::Logs>| logs.as_ref().and_then(|logs| logs.amount(basis, model));
        Expected {
            cost_nano_usd: amount(&factored.cost).map(expected::nano_usd),
            latency_ms: amount(&factored.latency).map(expected::milliseconds),
        }
    }

    /// The same of every model, into `expected`, which is as long as there are models.
    pub fn expected_into(&self, basis: &[f32], expected: &mut [Expected]) {
        expected.fill(Expected::default());
        let Kind::Factored(factored) = &self.kind else { return };
        let mut amounts = vec![0.0; factored.heads.len()];
        if let Some(cost) = &factored.cost {
            cost.amounts_into(basis, &mut amounts, |at, usd| {
                expected[at].cost_nano_usd = Some(expected::nano_usd(usd))
            });
        }
        if let Some(latency) = &factored.latency {
            latency.amounts_into(basis, &mut amounts, |at, ms| {
                expected[at].latency_ms = Some(expected::milliseconds(ms));
            });
        }
    }
}

fn direct_has_no_heads() -> RouterWeightsError {
    let violations = vec!["a direct router has no heads of its models: fit a factored one".to_owned()];
    RouterWeightsError::Factored { violations }
}

impl FactoredParts {
    /// Appends a model. What it lacks is filled in so that shapes fit: an unknown cost stays unknown.
    fn push(&mut self, head: ModelHead) {
        let basis = self.basis();
        let add = |heads: &mut Heads, weights: &[f32], bias: f32| {
            heads.weights.extend_from_slice(weights);
            heads.bias.push(bias);
        };
        add(&mut self.heads, &head.weights, head.bias);
        self.calibration.push(head.calibration);
        if let Some(gain) = &mut self.gain {
            let (weights, bias) = head.gain.unwrap_or((head.weights, head.bias));
            add(gain, &weights, bias);
        }
        for (mine, logs) in [(head.cost, &mut self.cost), (head.latency, &mut self.latency)] {
            if mine.is_some() && logs.is_none() {
                let models = self.heads.bias.len() - 1;
                let heads = Heads { weights: vec![0.0; models * basis], bias: vec![0.0; models] };
                *logs = Some(LogHeads { heads, known: vec![false; models] });
            }
            if let Some(logs) = logs {
                let known = mine.is_some();
                let (weights, bias) = mine.unwrap_or_else(|| (vec![0.0; basis], 0.0));
                add(&mut logs.heads, &weights, bias);
                logs.known.push(known);
            }
        }
    }
}
