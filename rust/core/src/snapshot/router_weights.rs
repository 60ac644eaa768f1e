//! What a learned router knows: one linear head per model, and its calibration.

use std::sync::Arc;

use super::Corrections;
use crate::text::{Features, WeightTable};

/// Platt's sigmoid: P = 1 / (1 + exp(−(slope · score + offset))). Platt 1999, with the sign turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Platt {
    /// Factor on the score.
    pub slope: f32,
    /// Added after it.
    pub offset: f32,
}

impl Platt {
    /// Calibrated probability of a raw score.
    pub fn probability(&self, score: f32) -> f32 {
        // In f64 and with `exp` alone: one rounding of the result, so the last bits do not depend on the platform's f32 exp.
        (1.0 / (1.0 + (-(f64::from(self.slope) * f64::from(score) + f64::from(self.offset))).exp())) as f32
    }
}

/// Weights, the models they are about, and the calibration of each.
#[derive(Clone, Debug)]
pub struct RouterWeights {
    table: Arc<WeightTable>,
    models: Vec<Arc<str>>,
    calibration: Vec<Platt>,
    file: Arc<str>,
    digest: Arc<str>,
    corrections: Option<Arc<Corrections>>,
}

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
}

impl RouterWeights {
    /// Puts them together. `digest` is the SHA-256 of the file that holds them.
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
        let file = Arc::clone(&digest);
        Ok(Self { table: Arc::new(table), models, calibration, file, digest, corrections: None })
    }

    /// The same with what was learned on line on top. The table is shared; the digest is another.
    pub fn corrected(&self, corrections: Arc<Corrections>) -> Result<Self, RouterWeightsError> {
        let expected = self.models.len() * self.context_dimensions();
        let given = corrections.heads().len();
        if given != expected || corrections.dimensions() != self.context_dimensions() {
            return Err(RouterWeightsError::Corrections { given, expected });
        }
        let digest = corrections.digest(&self.file).into();
        Ok(Self { digest, corrections: Some(corrections), ..self.clone() })
    }

    /// What was learned on line, if anything was.
    pub fn corrections(&self) -> Option<&Corrections> {
        self.corrections.as_deref()
    }

    /// Numbers of the context that corrections are learned over.
    pub fn context_dimensions(&self) -> usize {
        1 + self.models.len()
    }

    /// P(good) of every column, with what was learned since.
    pub fn probabilities_into(&self, features: &Features, out: &mut [f32]) {
        self.fitted_into(features, out);
        if let Some(corrections) = &self.corrections {
            let context = self.context(out);
            for (column, out) in out.iter_mut().enumerate() {
                *out = corrections.corrected(column, &context, *out);
            }
        }
    }

    /// P(good) of every column as it was fitted.
    pub fn fitted_into(&self, features: &Features, out: &mut [f32]) {
        self.table.score_into(features, out);
        for (score, platt) in out.iter_mut().zip(&self.calibration) {
            *score = platt.probability(*score);
        }
    }

    /// What corrections are learned over, from the probabilities of all columns as they were fitted: 1, and those.
    pub fn context(&self, fitted: &[f32]) -> Vec<f32> {
        let mut context = Vec::with_capacity(self.context_dimensions());
        context.push(1.0);
        context.extend_from_slice(fitted);
        context
    }

    /// The weights.
    pub fn table(&self) -> &WeightTable {
        &self.table
    }

    /// `name@version` of each column.
    pub fn models(&self) -> &[Arc<str>] {
        &self.models
    }

    /// The calibration of each column.
    pub fn calibration(&self) -> &[Platt] {
        &self.calibration
    }

    /// SHA-256 of the file; with corrections, of that digest and them.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// SHA-256 of the file, whatever was learned since.
    pub fn file_digest(&self) -> &Arc<str> {
        &self.file
    }
}
