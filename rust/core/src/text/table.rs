//! Feature-major weights: one row per feature, one column per class or model.

use std::sync::Arc;

use super::dense_rows::DenseRows;
use super::float_rows::FloatRows;
use super::quantized_rows::QuantizedRows;
use super::{Extractor, ExtractorError, FeatureSpec, Features, SpecError, StaticEmbedding};

/// Linear weights over the features of a [`FeatureSpec`]: one row per bucket, then one per dense feature; one column per class
/// or model.
///
/// ```
/// use ecology_core::text::{FeatureSpec, WeightTable};
/// let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
/// let table = WeightTable::new(spec.clone(), 2, &[0.5; 2 * 256], &[0.0, 1.0])?;
/// let mut scores = [0.0; 2];
/// table.score_into(&spec.extract("where is my card?"), &mut scores);
/// assert!((scores[1] - scores[0] - 1.0).abs() < 1e-5);
/// # Ok::<(), ecology_core::text::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTable {
    extractor: Extractor,
    rows: Rows,
    dense: Option<DenseRows>,
    bias: Vec<f32>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rows {
    Float(FloatRows),
    Quantized(QuantizedRows),
}

/// A [`WeightTable`] that would not mean anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The spec itself is refused, or the embedding that it names is not at hand.
    #[error(transparent)]
    Features(#[from] ExtractorError),
    /// A table without columns scores nothing.
    #[error("a weight table needs at least one column")]
    NoColumns,
    /// A length that does not fit.
    #[error("{what} has {found} numbers, expected {expected}")]
    Shape {
        /// `weights`, `dense` or `bias`.
        what: &'static str,
        /// How many numbers it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// NaN or infinity.
    #[error("{what}[{position}] is not a finite number")]
    NotFinite {
        /// `weights`, `scales`, `dense` or `bias`.
        what: &'static str,
        /// Offset of the first such number.
        position: usize,
    },
}

impl From<SpecError> for TableError {
    fn from(error: SpecError) -> Self {
        Self::Features(error.into())
    }
}

impl WeightTable {
    /// Takes `weights` as `[dimension][columns]` and `bias` as `[columns]`, over a spec without an embedding.
    pub fn new(spec: FeatureSpec, columns: usize, weights: &[f32], bias: &[f32]) -> Result<Self, TableError> {
        Self::over(Extractor::new(spec, None)?, columns, weights, bias)
    }

    /// Takes `weights` as `[dimension][columns]`, the rows of n-grams before those of dense features, and `bias` as `[columns]`.
    pub fn over(
        extractor: Extractor,
        columns: usize,
        weights: &[f32],
        bias: &[f32],
    ) -> Result<Self, TableError> {
        let spec = extractor.spec();
        let shapes = [
            ("weights", weights.len(), spec.dimension().saturating_mul(columns)),
            ("bias", bias.len(), columns),
        ];
        check(columns, &shapes, &[("weights", weights), ("bias", bias)])?;
        let (sparse, dense) = weights.split_at(spec.buckets() * columns);
        let rows = Rows::Float(FloatRows::new(columns, sparse));
        Ok(Self { rows, dense: block(columns, dense), bias: bias.to_vec(), extractor })
    }

    /// Takes integer weights of the n-grams as `[buckets][columns]`, `scales` and `bias` as `[columns]`: a weight is its integer times
    /// the scale of its column. The weights of dense features, `[dense][columns]`, are no integers.
    pub fn of_integers(
        extractor: Extractor,
        integers: &[i8],
        scales: &[f32],
        dense: &[f32],
        bias: &[f32],
    ) -> Result<Self, TableError> {
        let (spec, columns) = (extractor.spec(), scales.len());
        let shapes = [
            ("weights", integers.len(), spec.buckets().saturating_mul(columns)),
            ("dense", dense.len(), spec.dense().saturating_mul(columns)),
            ("bias", bias.len(), columns),
        ];
        check(columns, &shapes, &[("scales", scales), ("dense", dense), ("bias", bias)])?;
        let rows = Rows::Quantized(QuantizedRows::new(scales, integers));
        Ok(Self { rows, dense: block(columns, dense), bias: bias.to_vec(), extractor })
    }

    /// The same weights, each of an n-gram rounded to the nearest of 255 numbers of its column: a quarter of the memory, so that a
    /// table of many columns is scored three times as fast. What rounding moves a score by is about 0.4 % of the column's largest
    /// weight. The few weights of dense features stay as they are.
    #[must_use]
    pub fn quantized(&self) -> Self {
        let rows = match &self.rows {
            Rows::Float(rows) => QuantizedRows::nearest(self.columns(), &rows.weights()),
            Rows::Quantized(rows) => rows.clone(),
        };
        Self { rows: Rows::Quantized(rows), ..self.clone() }
    }

    /// What the rows stand for.
    pub fn spec(&self) -> &FeatureSpec {
        self.extractor.spec()
    }

    /// What turns a text into the features that the rows stand for.
    pub fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// The static embedding of the spec.
    pub fn embedding(&self) -> Option<&Arc<StaticEmbedding>> {
        self.extractor.embedding()
    }

    /// Number of scores that come out.
    pub fn columns(&self) -> usize {
        self.bias.len()
    }

    /// A copy of the weights as `[dimension][columns]`, as [`over`](Self::over) took them.
    pub fn weights(&self) -> Vec<f32> {
        let mut weights = match &self.rows {
            Rows::Float(rows) => rows.weights(),
            Rows::Quantized(rows) => rows.weights(),
        };
        weights.extend_from_slice(self.dense());
        weights
    }

    /// The integers as `[buckets][columns]` and the scale of each column, if the table is made of them.
    pub fn integers(&self) -> Option<(Vec<i8>, &[f32])> {
        match &self.rows {
            Rows::Float(_) => None,
            Rows::Quantized(rows) => Some((rows.integers(), rows.scales())),
        }
    }

    /// The weights of dense features as `[dense][columns]`.
    pub fn dense(&self) -> &[f32] {
        self.dense.as_ref().map_or(&[], DenseRows::weights)
    }

    /// Bias of each column.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Bytes that the weights take in memory, without the embedding, which others may share.
    pub fn memory_bytes(&self) -> usize {
        let rows = match &self.rows {
            Rows::Float(rows) => rows.memory_bytes(),
            Rows::Quantized(rows) => rows.memory_bytes(),
        };
        rows + self.dense.as_ref().map_or(0, DenseRows::memory_bytes)
    }

    /// Writes `bias + Σ value · row(index)` for each column into `out`, in the reduction order of its kind of rows, and adds the
    /// dense features to that. Dense features that are missing are 0.
    ///
    /// # Panics
    /// When `out` is not `columns` long, or when an index is not below the spec's buckets: the features of another spec.
    pub fn score_into(&self, features: &Features, out: &mut [f32]) {
        assert_eq!(out.len(), self.columns(), "one score per column");
        let pairs = (&features.indices[..], &features.values[..]);
        match &self.rows {
            Rows::Float(rows) => rows.score_into(pairs, &self.bias, out),
            Rows::Quantized(rows) => rows.score_into(pairs, &self.bias, out),
        }
        if let Some(dense) = &self.dense {
            dense.add_into(&features.dense, out);
        }
    }
}

fn block(columns: usize, dense: &[f32]) -> Option<DenseRows> {
    (!dense.is_empty()).then(|| DenseRows::new(columns, dense))
}

/// Refuses shapes that do not fit together and numbers that are none.
fn check(
    columns: usize,
    shapes: &[(&'static str, usize, usize)],
    numbers: &[(&'static str, &[f32])],
) -> Result<(), TableError> {
    if columns == 0 {
        return Err(TableError::NoColumns);
    }
    for (what, found, expected) in shapes {
        if found != expected {
            return Err(TableError::Shape { what, expected: *expected, found: *found });
        }
    }
    for (what, numbers) in numbers {
        if let Some(position) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(TableError::NotFinite { what, position });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::Signals;

    /// The reduction order of `float_rows`, one column at a time.
    fn float_twin(table: &WeightTable, features: &Features) -> Vec<f32> {
        let (columns, weights) = (table.columns(), table.weights());
        let product =
            |column: usize, (index, value): (&u32, &f32)| value * weights[*index as usize * columns + column];
        let column = |column: usize| {
            let mut sum = table.bias()[column];
            for (indices, values) in features.indices.chunks(4).zip(features.values.chunks(4)) {
                let products: Vec<f32> =
                    indices.iter().zip(values).map(|pair| product(column, pair)).collect();
                match products[..] {
                    [a, b, c, d] => sum += (a + b) + (c + d),
                    _ => products.iter().for_each(|product| sum += product),
                }
            }
            sum
        };
        (0..columns).map(column).collect()
    }

    /// The reduction order of `quantized_rows`, one column at a time.
    fn quantized_twin(table: &WeightTable, features: &Features) -> Vec<f32> {
        let (columns, (integers, scales)) = (table.columns(), table.integers().unwrap());
        let column = |column: usize| {
            let (mut total, mut sum) = (0.0, 0);
            for (at, (index, value)) in features.indices.iter().zip(&features.values).enumerate() {
                sum += i64::from(integers[*index as usize * columns + column]);
                if features.values.get(at + 1).is_none_or(|next| next.to_bits() != value.to_bits()) {
                    total += f64::from(*value) * sum as f64;
                    sum = 0;
                }
            }
            (f64::from(table.bias()[column]) + f64::from(scales[column]) * total) as f32
        };
        (0..columns).map(column).collect()
    }

    /// What dense features add to the score of the n-grams, in the order of `dense_rows`.
    fn with_dense(table: &WeightTable, features: &Features, mut scores: Vec<f32>) -> Vec<f32> {
        let columns = table.columns();
        for (column, score) in scores.iter_mut().enumerate() {
            let at = |feature: usize| features.dense[feature] * table.dense()[feature * columns + column];
            let fours = features.dense.len() / 4 * 4;
            for i in (0..fours).step_by(4) {
                *score += (at(i) + at(i + 1)) + (at(i + 2) + at(i + 3));
            }
            (fours..features.dense.len()).for_each(|i| *score += at(i));
        }
        scores
    }

    fn table(columns: usize) -> WeightTable {
        let spec = FeatureSpec { buckets_log2: 8, signals: true, ..FeatureSpec::default() };
        // Numbers of very different sizes, so that another order of summation would show.
        let number = |i: usize| ((i * 7919 % 1013) as f32 - 500.0) * 10_f32.powi((i % 7) as i32 - 3);
        let weights: Vec<f32> = (0..spec.dimension() * columns).map(number).collect();
        let bias: Vec<f32> = (0..columns).map(number).collect();
        WeightTable::new(spec, columns, &weights, &bias).unwrap()
    }

    const COLUMNS: [usize; 14] = [1, 3, 4, 5, 8, 9, 16, 17, 32, 33, 150, 256, 257, 600];

    proptest! {
        #[test]
        fn scores_equal_their_slow_twins_bit_for_bit(
            columns in prop::sample::select(COLUMNS.to_vec()),
            pairs in prop::collection::vec((0_u32..256, -2.0_f32..2.0), 0..40),
            seed in -2.0_f32..2.0,
        ) {
            let table = table(columns);
            let (indices, values) = pairs.into_iter().unzip();
            let mut features = Features::new(Signals::default(), indices, values);
            features.dense = (0..table.spec().dense()).map(|i| (i as f32 - 7.0) * seed).collect();
            let mut scores = vec![0.0; columns];
            table.score_into(&features, &mut scores);
            prop_assert_eq!(&scores, &with_dense(&table, &features, float_twin(&table, &features)));
            let table = table.quantized();
            table.score_into(&features, &mut scores);
            prop_assert_eq!(scores, with_dense(&table, &features, quantized_twin(&table, &features)));
        }

        /// Runs longer than a batch, weights at both ends of their range.
        #[test]
        fn long_runs_of_extreme_weights_do_not_overflow(
            columns in prop::sample::select(COLUMNS.to_vec()),
            runs in prop::collection::vec((-2.0_f32..2.0, 0_usize..700), 0..4),
            bucket in 0_u32..254,
        ) {
            let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
            let integers: Vec<i8> = (0..256).flat_map(|bucket| vec![[127, -128, 3][bucket % 3]; columns]).collect();
            let (scales, bias) = (vec![0.1; columns], vec![0.5; columns]);
            let table = WeightTable::of_integers(Extractor::new(spec, None).unwrap(), &integers, &scales, &[], &bias).unwrap();
            let values: Vec<f32> = runs.iter().flat_map(|(value, len)| vec![*value; *len]).collect();
            let indices = (0..values.len() as u32).map(|at| bucket + at / 600 % 2).collect();
            let features = Features::new(Signals::default(), indices, values);
            let mut scores = vec![0.0; columns];
            table.score_into(&features, &mut scores);
            prop_assert_eq!(scores, quantized_twin(&table, &features));
        }
    }

    #[test]
    fn rounding_moves_no_weight_by_more_than_half_a_step() {
        for columns in [1, 16, 150] {
            let table = table(columns);
            let quantized = table.quantized();
            let (_, scales) = quantized.integers().unwrap();
            for (at, (weight, rounded)) in table.weights().iter().zip(quantized.weights()).enumerate() {
                assert!((weight - rounded).abs() <= 0.5001 * scales[at % columns], "{weight} {rounded}");
            }
            let dense = size_of_val(table.dense());
            assert!(2 * (quantized.memory_bytes() - dense) <= table.memory_bytes() - dense);
            assert_eq!(quantized.quantized(), quantized);
        }
        let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
        let zeros = WeightTable::new(spec, 2, &[0.0; 512], &[0.0; 2]).unwrap().quantized();
        assert!(zeros.weights().iter().all(|weight| *weight == 0.0));
    }

    #[test]
    fn weights_come_back_as_they_were_given() {
        for columns in [1, 4, 7, 16, 30] {
            let weights: Vec<f32> = (0..256 * columns).map(|i| i as f32).collect();
            let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
            let table = WeightTable::new(spec, columns, &weights, &vec![0.0; columns]).unwrap();
            assert_eq!(table.weights(), weights);
            assert_eq!(table.clone(), table);
            let integers: Vec<i8> = (0..256 * columns).map(|i| (i % 256) as u8 as i8).collect();
            let (spec, scales) = (table.spec().clone(), vec![0.5; columns]);
            let extractor = Extractor::new(spec, None).unwrap();
            let table = WeightTable::of_integers(extractor, &integers, &scales, &[], &scales).unwrap();
            assert_eq!(table.integers().unwrap(), (integers, &scales[..]));
            assert_eq!(table.clone(), table);
        }
    }

    #[test]
    fn tables_that_mean_nothing_are_refused() {
        let spec = FeatureSpec { buckets_log2: 8, ..FeatureSpec::default() };
        let new = |columns, weights: &[f32], bias: &[f32]| {
            WeightTable::new(spec.clone(), columns, weights, bias).unwrap_err()
        };
        let mut broken = [0.0; 512];
        broken[300] = f32::NAN;
        assert_eq!(new(0, &[], &[]), TableError::NoColumns);
        assert_eq!(
            new(2, &[0.0; 256], &[0.0; 2]),
            TableError::Shape { what: "weights", expected: 512, found: 256 }
        );
        assert_eq!(new(2, &[0.0; 512], &[0.0]), TableError::Shape { what: "bias", expected: 2, found: 1 });
        assert_eq!(new(2, &broken, &[0.0; 2]), TableError::NotFinite { what: "weights", position: 300 });
        assert_eq!(
            new(2, &[0.0; 512], &[0.0, f32::INFINITY]),
            TableError::NotFinite { what: "bias", position: 1 }
        );
        let wrong = FeatureSpec { buckets_log2: 60, ..spec.clone() };
        assert!(matches!(
            WeightTable::new(wrong, 2, &[], &[]),
            Err(TableError::Features(ExtractorError::Spec(_)))
        ));
    }
}
