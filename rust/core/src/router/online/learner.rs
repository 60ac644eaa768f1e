//! What feedback teaches about the models of a router: a regression per model on what its batch fit got wrong.
//!
//! The target is the residual `score − batch prediction`, so with nothing learned a prediction stays what it was, and the
//! prior pulls towards the batch fit, not towards zero. Residuals are on the scale of probabilities, after calibration: what is
//! learned is added to P(good) and cut to \[0, 1\].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ridge::{OnlineError, Ridge};
use crate::snapshot::{Corrections, RouterWeights};
use crate::sync::Mutex;

/// Regressions of one router, shared between threads. A model that nobody graded costs nothing.
#[derive(Debug)]
pub struct Learner {
    router: Arc<str>,
    models: Vec<Arc<str>>,
    dimensions: usize,
    prior: f64,
    columns: Vec<Mutex<Option<Ridge>>>,
    observations: AtomicU64,
    published: Mutex<Option<Arc<Corrections>>>,
}

/// Everything that a learner knows, to keep and to resume.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Digest of the router file whose residuals these are.
    pub router: Arc<str>,
    /// `name@version` of each column.
    pub models: Vec<Arc<str>>,
    /// Numbers of a context.
    pub dimensions: usize,
    /// λ.
    pub prior: f64,
    /// The regression of each column; `None` if nobody graded it.
    pub columns: Vec<Option<Ridge>>,
    /// What serves.
    pub published: Option<Arc<Corrections>>,
}

impl Learner {
    /// One that knows nothing about this router's residuals yet.
    pub fn new(weights: &RouterWeights, prior: f64) -> Result<Self, OnlineError> {
        let dimensions = weights.context_dimensions();
        Ridge::new(dimensions, prior)?;
        Ok(Self {
            router: Arc::clone(weights.file_digest()),
            models: weights.models().to_vec(),
            dimensions,
            prior,
            columns: weights.models().iter().map(|_| Mutex::default()).collect(),
            observations: AtomicU64::new(0),
            published: Mutex::default(),
        })
    }

    /// One that goes on where another stopped.
    pub fn resume(learned: Learned) -> Self {
        let Learned { router, models, dimensions, prior, columns, published } = learned;
        let observations = columns.iter().flatten().map(Ridge::observations).fold(0, u64::saturating_add);
        Self {
            router,
            models,
            dimensions,
            prior,
            columns: columns.into_iter().map(Mutex::new).collect(),
            observations: AtomicU64::new(observations),
            published: Mutex::new(published),
        }
    }

    /// Whether it learns the residuals of these weights.
    pub fn is_of(&self, weights: &RouterWeights) -> bool {
        self.router == *weights.file_digest()
            && self.dimensions == weights.context_dimensions()
            && self.models == weights.models()
    }

    /// λ.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// Digest of the router file whose residuals it learns.
    pub fn router(&self) -> &Arc<str> {
        &self.router
    }

    /// Observations so far.
    pub fn observations(&self) -> u64 {
        self.observations.load(Ordering::Relaxed)
    }

    /// In this context the batch prediction of a column was so much too low. Gives the number of observations so far.
    pub fn teach(&self, column: usize, context: &[f32], residual: f64) -> Result<u64, OnlineError> {
        let arms = self.columns.len();
        let mut ridge = self.columns.get(column).ok_or(OnlineError::Arm { arm: column, arms })?.lock();
        let mut fresh = None;
        let mine = match &mut *ridge {
            Some(mine) => mine,
            None => fresh.insert(Ridge::new(self.dimensions, self.prior)?),
        };
        mine.update(context, residual)?;
        if fresh.is_some() {
            *ridge = fresh;
        }
        drop(ridge);
        Ok(self.observations.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// What is to serve from now on. The one before stays what it was.
    pub fn publish(&self) -> Arc<Corrections> {
        let mut heads = Vec::with_capacity(self.columns.len() * self.dimensions);
        for column in &self.columns {
            match &*column.lock() {
                Some(ridge) => heads.extend(ridge.theta().iter().map(|x| *x as f32)),
                None => heads.resize(heads.len() + self.dimensions, 0.0),
            }
        }
        let corrections = Arc::new(Corrections::new(self.dimensions, heads));
        *self.published.lock() = Some(Arc::clone(&corrections));
        corrections
    }

    /// What serves; `None` until something was published.
    pub fn published(&self) -> Option<Arc<Corrections>> {
        self.published.lock().clone()
    }

    /// Everything it knows.
    pub fn learned(&self) -> Learned {
        Learned {
            router: Arc::clone(&self.router),
            models: self.models.clone(),
            dimensions: self.dimensions,
            prior: self.prior,
            columns: self.columns.iter().map(|column| column.lock().clone()).collect(),
            published: self.published(),
        }
    }
}
