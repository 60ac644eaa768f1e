//! What a learned router knows: one linear head per model, and its calibration.

use std::sync::Arc;

use crate::text::{Extractor, WeightTable};

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
    table: WeightTable,
    models: Vec<Arc<str>>,
    calibration: Vec<Platt>,
    digest: Arc<str>,
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
        Ok(Self { table, models, calibration, digest })
    }

    /// The weights.
    pub fn table(&self) -> &WeightTable {
        &self.table
    }

    /// What turns a prompt into the features that the weights are over.
    pub fn extractor(&self) -> &Extractor {
        self.table.extractor()
    }

    /// `name@version` of each column.
    pub fn models(&self) -> &[Arc<str>] {
        &self.models
    }

    /// The calibration of each column.
    pub fn calibration(&self) -> &[Platt] {
        &self.calibration
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }
}
