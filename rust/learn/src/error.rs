//! Why a trainer refuses, and what to do about it.

/// Training data or options that cannot give a meaningful model. Each message says what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// No rows at all.
    #[error("there are no rows to learn from: collect outcomes first")]
    NoRows,
    /// Two arguments that describe the same rows disagree in length.
    #[error("{what} has {found} entries, expected {expected}: pass one per row (and column)")]
    Shape {
        /// The argument.
        what: &'static str,
        /// How many entries it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// Every row has the same label (or every target the same side).
    #[error("all rows carry label {label}: a classifier needs at least two classes, add rows of another one")]
    OneClass {
        /// The only label.
        label: u32,
    },
    /// A label that no column stands for.
    #[error("row {row} has label {label} but there are {columns} columns: labels run from 0 to columns - 1")]
    LabelOutOfRange {
        /// First such row.
        row: usize,
        /// Its label.
        label: u32,
        /// Number of columns.
        columns: usize,
    },
    /// A feature index that no weight stands for.
    #[error(
        "row {row} has feature index {index} but the dimension is {dimension}: pass the buckets of the spec that made the rows"
    )]
    IndexOutOfRange {
        /// First such row.
        row: usize,
        /// Its index.
        index: u32,
        /// Dimension that was passed.
        dimension: usize,
    },
    /// NaN or infinity where a number is needed.
    #[error("{what} of row {row} is not a finite number: remove or repair the row")]
    NotFinite {
        /// The argument.
        what: &'static str,
        /// First such row.
        row: usize,
    },
    /// A target outside [0, 1].
    #[error("target of row {row} is {target}: targets are probabilities in [0, 1], NaN when unobserved")]
    TargetOutOfRange {
        /// First such row.
        row: usize,
        /// Its target.
        target: f32,
    },
    /// A column without any observed target.
    #[error("column {column} has no observed target: leave it out or collect outcomes for it")]
    NothingObserved {
        /// First such column.
        column: usize,
    },
    /// Neither validation rows nor a fold that could be left out.
    #[error(
        "there are no validation rows, and models were observed on too many different sets of rows to leave folds out: hold rows back"
    )]
    NothingHeldOut,
    /// Too few different folds.
    #[error("{folds} fold(s) among {rows} rows: out-of-fold scores need at least two folds, each with rows")]
    TooFewFolds {
        /// Number of different fold ids.
        folds: usize,
        /// Number of rows.
        rows: usize,
    },
    /// An option outside its range.
    #[error("option {option} is {value}: {expected}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: f64,
        /// Its range.
        expected: &'static str,
    },
}
