//! The factored router: features → a few numbers z → φ → one small head per model.
//!
//! **The problem.** A head per model over all n-grams costs n-grams × models at every decision, learns nothing from one model about
//! another, and has to be fitted again for each new model. Here n-grams are read once into z, at most 64 numbers that were
//! chosen because they predict who does well; everything that belongs to a model is a short row on φ, which is z beside softmax
//! groups of it (inferred task, nearest prototype).

mod add_model;
mod amount;
mod blend;
mod calibration;
mod expected;
mod family;
mod fit;
mod gram;
mod groups;
mod judge;
mod level_one;
mod observed;
mod parts;
mod projection;
mod prune;
mod ridge;
mod symmetric;
mod value;

pub use add_model::fit_new_head;
pub use family::Trial;
pub use fit::{FactoredOptions, fit_factored};
pub use observed::{NO_TASK, Observed, Shape};
pub use parts::Factored;
