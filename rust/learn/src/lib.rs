//! Trainers: from rows of features to weights, calibration and folds.
//!
//! **The problem.** The data plane only evaluates linear heads; somebody has to find their weights, in seconds, on
//! the machine at hand, the same way every time. Everything here is a pure function of its arguments: deterministic by
//! seed, and independent of the number of threads.
//!
//! ```
//! use ecology_core::text::FeatureSpec;
//! use ecology_learn::{Rows, SoftmaxOptions, fit_softmax};
//!
//! let spec = FeatureSpec { buckets_log2: 12, ..FeatureSpec::default() };
//! let texts = ["where is my card", "my card has not arrived", "what is the exchange rate", "rate for dollars"];
//! let rows = Rows::from_features(&spec, texts.iter().map(|text| spec.extract(text)));
//! let head = fit_softmax(&rows, &[0, 0, 1, 1], 2, spec.buckets(), &SoftmaxOptions::default(), &|_| ())?;
//! let scores = head.score(&rows, 0);
//! assert!(scores[0] > scores[1]);
//! # Ok::<(), ecology_learn::LearnError>(())
//! ```

mod beta;
mod calibrate;
mod distil;
mod dual;
mod error;
pub mod factored;
mod folds;
mod isotonic;
mod linear;
mod logistic;
mod math;
mod progress;
mod rows;
mod softmax;

pub use beta::fit_beta;
pub use calibrate::{fit_platt, fit_temperature};
pub use distil::{DistilOptions, distil, piece_counts, project};
pub use error::LearnError;
pub use folds::folds;
pub use isotonic::fit_isotonic;
pub use linear::Linear;
pub use logistic::{LogisticOptions, fit_logistic};
pub use rows::Rows;
pub use softmax::{SoftmaxOptions, fit_softmax, out_of_fold_softmax};
