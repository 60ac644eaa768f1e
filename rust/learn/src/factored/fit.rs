//! From outcomes to a factored router.

use ecology_core::snapshot::{Calibration, Group, Heads, MAX_BASIS, MAX_PROJECTION};
use rayon::prelude::*;

use super::amount::direction;
use super::calibration::calibrate;
use super::expected::expected;
use super::family::{Chosen, Layout, Trial, basis_of, choose, quick};
use super::groups::{Centres, niche};
use super::judge::Judge;
use super::level_one::LevelOne;
use super::observed::{Observed, Shape};
use super::parts::{Factored, heads_of, spread};
use super::projection::Projection;
use super::prune::prune;
use super::ridge::Ridge;
use crate::progress::Progress;
use crate::{LearnError, Linear, LogisticOptions, folds};

/// How to fit a factored router. The defaults were chosen on MMLU, GSM8K, MMLU-Pro and a set of nine models together.
#[derive(Clone, Debug, PartialEq)]
pub struct FactoredOptions {
    /// Most columns of the projection, 1 to 64.
    pub projected: usize,
    /// How many of them may be principal directions of the static embedding.
    pub principal: usize,
    /// Most prototypes; 0 for none.
    pub prototypes: usize,
    /// Folds of the first level, at least 2.
    pub folds: u32,
    /// λ of the first level's heads.
    pub l2: f32,
    /// Factor on dense features in the first level.
    pub dense_scale: f32,
    /// Most passes of the first level.
    pub epochs: u32,
    /// Where the passes may stop, see [`LogisticOptions`].
    pub tolerance: f32,
    /// Seed of folds, orders and centres.
    pub seed: u64,
}

impl Default for FactoredOptions {
    fn default() -> Self {
        Self {
            projected: MAX_PROJECTION,
            principal: 32,
            prototypes: 256,
            folds: 4,
            l2: 5.0,
            dense_scale: 1.0,
            epochs: 15,
            tolerance: 0.05,
            seed: 0,
        }
    }
}

impl FactoredOptions {
    fn check(&self) -> Result<(), LearnError> {
        let projected = (1..=MAX_PROJECTION).contains(&self.projected);
        for (option, value, expected, holds) in [
            ("projected", self.projected as f64, "1 to 64", projected),
            ("prototypes", self.prototypes as f64, "at most 256", self.prototypes <= 256),
            ("folds", f64::from(self.folds), "2 to 20", (2..=20).contains(&self.folds)),
            ("dense_scale", f64::from(self.dense_scale), "above 0", self.dense_scale > 0.0),
        ] {
            if !(holds && value.is_finite()) {
                return Err(LearnError::Option { option, value, expected });
            }
        }
        Ok(())
    }
}

/// Rows that a prototype speaks for, at least.
const ROWS_A_PROTOTYPE: usize = 10;
/// Softness of prototypes that is tried, from soft to hard.
const SHARPNESS: [f32; 3] = [0.5, 1.5, 4.0];
/// Shares of the work: the first level is most of it.
const FIRST_LEVEL: f32 = 0.7;

/// Fits a factored router, and says what each form of the family scored.
///
/// `prices` is the mean cost of each model, in any unit, for the gain over a fixed mixture. `progress` is told a rising number in
/// (0, 1], from any thread. The result depends on the arguments alone, not on the number of threads.
///
/// Steps: scores of the first level (out-of-fold on train); z, their reduction beside principal directions of the embedding; groups of
/// φ; heads by ridge on φ, of the form that is best on rows that were not fitted on; calibration per model on
/// validation rows; heads for cost and latency where these depend on the prompt.
///
/// Without any validation row, training rows judge and calibrate, each by heads that did not see its fold: so nothing is held back
/// from a router that was judged before.
///
/// # Errors
/// Shapes that do not fit together, numbers out of range, no row, a model that was never observed on train; no
/// validation row, and so many sets of models observed together that no fold can be left out.
pub fn fit_factored(
    train: &Observed<'_>,
    validation: &Observed<'_>,
    shape: &Shape,
    prices: &[f64],
    options: &FactoredOptions,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<(Factored, Vec<Trial>), LearnError> {
    options.check()?;
    train.check(shape)?;
    // Nothing held back is nothing to check.
    if !(validation.is_empty() && validation.scores.is_empty()) {
        validation.check(shape)?;
    }
    if prices.len() != shape.models {
        return Err(LearnError::Shape { what: "prices", expected: shape.models, found: prices.len() });
    }
    let means = means(train.scores, shape.models)?;
    let progress = Progress::new(progress);
    let count = options.folds.min(train.len() as u32).max(2);
    let alone: Vec<u32> = (0..train.len() as u32).collect();
    let folds = folds(&alone, count, options.seed);
    let logistic = LogisticOptions {
        epochs: options.epochs,
        tolerance: options.tolerance,
        l2: options.l2,
        seed: options.seed,
    };
    let part = progress.part(FIRST_LEVEL);
    let level = LevelOne::fit(train, shape, (&folds, count), options.dense_scale, &logistic, &part)?;
    let mut rest = progress.part(1.0 - FIRST_LEVEL);

    let Projection { columns, held_out, mut table, tasks, dense_deviation } =
        Projection::of(train, shape, level, (options.projected, options.principal), direction(train, shape));
    round(&mut table, shape.buckets);
    let k = columns.len();
    let of_row = |row: usize| table.score(validation.rows, row);
    let of_validation: Vec<f32> = (0..validation.len()).into_par_iter().flat_map_iter(of_row).collect();
    rest.advance(0.2);

    let mut groups: Vec<Group> = Vec::new();
    if let Some(known) = train.tasks {
        groups.extend(niche(&held_out, k, &tasks, known)?);
    }
    let search = Search { train, validation, folds: &folds, count, z: [&held_out, &of_validation], k, shape };
    // Where there is an embedding, its directions are the space: as they are, the largest counting most. Supervised scores beside them
    // gained nothing.
    let plain = dense_deviation.iter().all(|deviation| *deviation == 0.0);
    let space = if plain { vec![1.0; k] } else { dense_deviation };
    let room = MAX_BASIS.saturating_sub(k + groups.iter().map(|group| group.heads.bias.len()).sum::<usize>());
    let most = options.prototypes.min(train.len() / ROWS_A_PROTOTYPE).min(room);
    if let Some(centres) = Centres::of(&held_out, space, most, options.seed) {
        groups.push(search.sharpest(&centres));
    }
    rest.advance(0.5);

    let layout = Layout {
        columns: &columns,
        groups: groups.iter().map(|g| (g.name.to_string(), g.heads.bias.len())).collect(),
    };
    let [phi, phi_validation] = search.bases(&groups, 1);
    let ridge = Ridge::of(&phi, train.scores, shape.models, &folds, count);
    let judge = search.judge(&phi, &phi_validation, train.scores, &folds);
    let Chosen { heads, by_fold, trials } =
        choose(&layout, &ridge, &judge, count, prices, validation, &means);
    if validation.is_empty() && by_fold.is_empty() {
        return Err(LearnError::NothingHeldOut);
    }
    let held_out = judge.predictions(&heads, if validation.is_empty() { &by_fold } else { &[] });
    let known = judge.targets(validation.is_empty());
    drop(ridge);
    rest.advance(0.8);

    let whole = |log: fn(&Observed<'_>) -> Option<Vec<f32>>| -> Option<Heads> {
        let (train, validation) = (log(train)?, log(validation)?);
        expected(&layout, (&phi, &train), (&phi_validation, &validation), &folds, count, shape.models)
    };
    let cost = whole(|data| data.log_cost.map(<[f32]>::to_vec));
    let latency = whole(|data| data.log_latency.map(<[f32]>::to_vec));

    let heads = heads_of(heads);
    let mut fitted = Factored { projection: table, groups, heads, calibration: Vec::new(), cost, latency };
    prune(&mut fitted);
    let one = |model: usize| calibrated(&held_out, &known, shape.models, model, means[model]);
    fitted.calibration = (0..shape.models).map(one).collect::<Result<_, _>>()?;
    rest.advance(1.0);
    Ok((fitted, trials))
}

/// Calibration of one column of raw scores `[rows][models]`.
pub(super) fn calibrated(
    raw: &[f32],
    targets: &[f32],
    models: usize,
    model: usize,
    mean: f32,
) -> Result<Calibration, LearnError> {
    let column = |numbers: &[f32]| numbers.iter().skip(model).step_by(models).copied().collect::<Vec<f32>>();
    let (raw, targets) = (column(raw), column(targets));
    let seen = raw.into_iter().zip(targets).filter(|(_, target)| !target.is_nan());
    let (raw, targets): (Vec<f32>, Vec<f32>) = seen.unzip();
    calibrate(&raw, &targets, mean)
}

/// Mean score of each model.
fn means(scores: &[f32], models: usize) -> Result<Vec<f32>, LearnError> {
    let mean = |column: usize| {
        let seen = scores.iter().skip(column).step_by(models).filter(|score| !score.is_nan());
        let (sum, count) =
            seen.fold((0.0, 0_u32), |(sum, count), score| (sum + f64::from(*score), count + 1));
        if count == 0 {
            Err(LearnError::NothingObserved { column })
        } else {
            Ok((sum / f64::from(count)) as f32)
        }
    };
    (0..models).map(mean).collect()
}

/// Rounds the weights of n-grams to 255 numbers a column, as the file and the server do, so that what is fitted on z sees z as it is.
fn round(table: &mut Linear, buckets: usize) {
    let k = table.columns();
    let sparse = &mut table.weights[..buckets * k];
    let mut top = vec![0.0_f32; k];
    for row in sparse.chunks_exact(k) {
        top.iter_mut().zip(row).for_each(|(top, weight)| *top = top.max(weight.abs()));
    }
    for row in sparse.chunks_exact_mut(k) {
        for (weight, top) in row.iter_mut().zip(&top) {
            let step = top / 127.0;
            if step > 0.0 {
                *weight = (*weight / step).round() * step;
            }
        }
    }
}

/// What the search for groups and heads shares.
struct Search<'a> {
    train: &'a Observed<'a>,
    validation: &'a Observed<'a>,
    folds: &'a [u32],
    count: u32,
    z: [&'a [f32]; 2],
    k: usize,
    shape: &'a Shape,
}

/// Rows that the sharpness of prototypes is looked for on.
const QUICK_ROWS: usize = 10_000;

impl Search<'_> {
    /// φ of every `step`-th training row and of all validation rows.
    fn bases(&self, groups: &[Group], step: usize) -> [super::gram::Basis; 2] {
        let width = self.k + groups.iter().map(|group| group.heads.bias.len()).sum::<usize>() + 1;
        let basis = |z: &[f32], step: usize| {
            let rows = (z.len() / self.k).div_ceil(step);
            basis_of(rows, width, |row| {
                let mut phi = z[row * step * self.k..][..self.k].to_vec();
                spread(groups, self.k, &mut phi);
                phi
            })
        };
        [basis(self.z[0], step), basis(self.z[1], 1)]
    }

    fn judge<'j>(
        &'j self,
        train: &'j super::gram::Basis,
        validation: &'j super::gram::Basis,
        train_targets: &'j [f32],
        folds: &'j [u32],
    ) -> Judge<'j> {
        Judge {
            validation,
            validation_targets: self.validation.scores,
            train,
            train_targets,
            folds,
            models: self.shape.models,
        }
    }

    /// Prototypes of the softness that serves heads on them alone best.
    fn sharpest(&self, centres: &Centres) -> Group {
        let step = self.train.len().div_ceil(QUICK_ROWS).max(1);
        let models = self.shape.models;
        let folds: Vec<u32> = self.folds.iter().copied().step_by(step).collect();
        let targets: Vec<f32> =
            self.train.scores.chunks_exact(models).step_by(step).flatten().copied().collect();
        let of = |sharpness: &f32| {
            let groups = [centres.group(*sharpness)];
            let [phi, validation] = self.bases(&groups, step).map(|basis| basis.without(self.k));
            let ridge = Ridge::of(&phi, &targets, models, &folds, self.count);
            let judge = self.judge(&phi, &validation, &targets, &folds);
            let layout = Layout { columns: &[], groups: vec![("prototypes".to_owned(), phi.width - 1)] };
            quick(&layout, &ridge, &judge, self.count)
        };
        let losses: Vec<f64> = SHARPNESS.iter().map(of).collect();
        let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap_or(0);
        centres.group(SHARPNESS[best])
    }
}
