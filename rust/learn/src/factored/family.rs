//! The family: which numbers of φ a head reads, and how heads of different models hang together.
//!
//! **The problem.** No one form of router is best: on one set the inferred subject is all there is, on another the nearest prototypes add to it,
//! on a third nothing beats the mean. All forms are heads on parts of one φ, so all are tried, on rows that were not fitted on,
//! and the simplest one that is as good as the best within noise is kept.

use super::blend::blend;
use super::gram::Basis;
use super::judge::{Judge, difference};
use super::observed::Observed;
use super::projection::Column;
use super::ridge::Ridge;
use super::symmetric::{dot, largest};
use super::value::gain;

/// Penalties on numbers of z, which have deviation 1.
const ON_Z: [f64; 4] = [10.0, 100.0, 1_000.0, 10_000.0];
/// Penalties on numbers of groups: pseudo-counts of a place.
const ON_GROUPS: [f64; 3] = [3.0, 10.0, 30.0];
/// For forms of many numbers, which take long: those that were best for such forms.
const MANY: usize = 150;
const ON_Z_OF_MANY: [f64; 2] = [300.0, 3_000.0];
const ON_GROUPS_OF_MANY: [f64; 2] = [10.0, 30.0];
/// How much stronger a head is held towards the mean over models than towards 0.
const POOLED: [f64; 2] = [3.0, 30.0];
const RANKS: [usize; 3] = [1, 2, 4];
/// More models than this are not reduced to few directions: it would take longer than it gains.
const MOST_FOR_RANK: usize = 256;
/// Below so many training rows no ridge over all of φ is tried, free or tied: it looks better on the rows that chose its penalty than it is on new ones
/// (GSM8K, 515 rows: the least loss in two of three splits, and .605 against .671 on the test).
const FEWEST_FOR_STACK: usize = 2_000;
/// Within so many standard errors of the best, the simpler one is kept.
const NOISE: f64 = 0.5;
/// Forms that are blended: each reads something of its own.
const EXPERTS: [&str; 5] = ["success", "difference", "niche", "prototypes", "embedding"];

/// One form that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// `blend`, `means`, `success`, `difference`, `niche`, `prototypes`, `places`, `embedding`, `tasks`, `stack`, `pooled`, `low rank`.
    pub name: String,
    /// Numbers of φ that its heads read.
    pub numbers: usize,
    /// Mean loss of a prompt that was not fitted on: squared error of how models differ.
    pub loss: f64,
    /// Mean squared error on validation rows.
    pub brier: f64,
    /// Score above the best fixed mixture at equal cost on validation rows; None without a row where all models were observed.
    pub gain: Option<f64>,
    /// Whether it was kept.
    pub chosen: bool,
}

/// How the heads of a candidate depend on one another.
#[derive(Clone, Copy)]
enum Tie {
    Free,
    Pooled(f64),
    Rank(usize),
}

struct Candidate {
    name: &'static str,
    keep: Vec<bool>,
    ties: Vec<Tie>,
}

/// The heads that were kept, and what each form scored.
pub(super) struct Chosen {
    pub(super) heads: Vec<Vec<f64>>,
    /// Without each fold, where folds judged.
    pub(super) by_fold: Vec<Vec<Vec<f64>>>,
    pub(super) trials: Vec<Trial>,
}

struct Tried {
    heads: Vec<Vec<f64>>,
    /// Without each fold, where folds judge.
    by_fold: Vec<Vec<Vec<f64>>>,
    losses: Vec<f32>,
    total: f64,
}

/// φ of a model: columns of z, then groups by name and size, then the bias.
pub(super) struct Layout<'l> {
    pub(super) columns: &'l [Column],
    pub(super) groups: Vec<(String, usize)>,
}

impl Layout<'_> {
    fn width(&self) -> usize {
        self.columns.len() + self.groups.iter().map(|(_, size)| size).sum::<usize>() + 1
    }

    fn keep(&self, columns: impl Fn(&Column) -> bool, groups: &[&str]) -> Vec<bool> {
        let mut keep: Vec<bool> = self.columns.iter().map(columns).collect();
        for (name, size) in &self.groups {
            keep.extend(vec![groups.contains(&name.as_str()); *size]);
        }
        keep.push(true);
        keep
    }

    fn candidates(&self, models: usize, rows: usize) -> Vec<Candidate> {
        use super::level_one::Kind::{Difference, Success, Task};
        let success = |column: &Column| matches!(column, Column::Score(Success) | Column::Mixed);
        let level = |column: &Column| success(column) || *column == Column::Score(Difference);
        let mut all = vec![
            ("means", self.keep(|_| false, &[])),
            ("success", self.keep(success, &[])),
            ("difference", self.keep(level, &[])),
            ("niche", self.keep(|_| false, &["niche"])),
            ("prototypes", self.keep(|_| false, &["prototypes"])),
            ("places", self.keep(|_| false, &["niche", "prototypes"])),
            ("embedding", self.keep(|column| level(column) || *column == Column::Principal, &[])),
            (
                "tasks",
                self.keep(|column| level(column) || matches!(column, Column::Score(Task(_))), &["niche"]),
            ),
            ("stack", self.keep(|_| true, &["niche", "prototypes"])),
        ];
        if rows < FEWEST_FOR_STACK {
            all.retain(|(name, _)| *name != "stack");
        }
        // A form that has nothing of its own here equals one before it.
        let mut seen: Vec<Vec<bool>> = Vec::new();
        all.retain(|(_, keep)| {
            let new = !seen.contains(keep);
            seen.push(keep.clone());
            new
        });
        let stack = all.last().map(|(_, keep)| keep.clone()).unwrap_or_default();
        let mut candidates: Vec<Candidate> =
            all.into_iter().map(|(name, keep)| Candidate { name, keep, ties: vec![Tie::Free] }).collect();
        if rows < FEWEST_FOR_STACK {
            return candidates;
        }
        if models > 2 {
            let ties = POOLED.map(Tie::Pooled).to_vec();
            candidates.push(Candidate { name: "pooled", keep: stack.clone(), ties });
        }
        if (4..=MOST_FOR_RANK).contains(&models) {
            let ties = RANKS.iter().filter(|rank| **rank + 1 < models).map(|rank| Tie::Rank(*rank)).collect();
            candidates.push(Candidate { name: "low rank", keep: stack, ties });
        }
        candidates
    }

    pub(super) fn penalty(&self, keep: &[bool], on_z: f64, on_groups: f64) -> Vec<f64> {
        let last = self.width() - 1;
        let of = |(at, keep): (usize, &bool)| match (*keep, at) {
            (false, _) => f64::INFINITY,
            (true, at) if at == last => 0.0,
            (true, at) if at < self.columns.len() => on_z,
            _ => on_groups,
        };
        keep.iter().enumerate().map(of).collect()
    }

    /// Penalties worth trying for the numbers kept.
    fn penalties(&self, keep: &[bool]) -> Vec<Vec<f64>> {
        let any = |range: std::ops::Range<usize>| keep[range].iter().any(|keep| *keep);
        let k = self.columns.len();
        let many = keep.iter().filter(|keep| **keep).count() > MANY;
        let (z, groups) =
            if many { (&ON_Z_OF_MANY[..], &ON_GROUPS_OF_MANY[..]) } else { (&ON_Z[..], &ON_GROUPS[..]) };
        let on_z = if any(0..k) { z } else { &z[..1] };
        let on_groups = if any(k..keep.len() - 1) { groups } else { &groups[..1] };
        let pair = |z: &f64| on_groups.iter().map(|group| self.penalty(keep, *z, *group)).collect::<Vec<_>>();
        on_z.iter().flat_map(pair).collect()
    }
}

/// Mean loss of the best penalty of the whole φ: what a choice of its groups is judged by.
pub(super) fn quick(layout: &Layout<'_>, ridge: &Ridge, judge: &Judge<'_>, folds: u32) -> f64 {
    let keep = vec![true; layout.width()];
    let tried =
        layout.penalties(&keep).into_iter().map(|penalty| solve(ridge, judge, folds, &penalty, Tie::Free));
    tried.map(|tried| tried.total).fold(f64::INFINITY, f64::min)
}

/// Tries the whole family and keeps one.
pub(super) fn choose(
    layout: &Layout<'_>,
    ridge: &Ridge,
    judge: &Judge<'_>,
    folds: u32,
    prices: &[f64],
    validation: &Observed<'_>,
    means: &[f32],
) -> Chosen {
    let mut candidates = layout.candidates(judge.models, judge.train.rows());
    let mut tried: Vec<Tried> = Vec::new();
    // Tied heads start from the penalty that suits the free ones.
    let mut of_stack: Vec<f64> = Vec::new();
    for candidate in &candidates {
        let free = matches!(candidate.ties[..], [Tie::Free]);
        let penalties = if free { layout.penalties(&candidate.keep) } else { vec![of_stack.clone()] };
        let mut best: Option<(Tried, Vec<f64>)> = None;
        for penalty in penalties {
            for tie in &candidate.ties {
                let one = solve(ridge, judge, folds, &penalty, *tie);
                if best.as_ref().is_none_or(|(best, _)| one.total < best.total) {
                    best = Some((one, penalty.clone()));
                }
            }
        }
        let Some((one, penalty)) = best else { continue };
        if free {
            of_stack = penalty;
        }
        tried.push(one);
    }
    let expert = |at: &usize| EXPERTS.contains(&candidates[*at].name);
    // Of success and difference, which contain one another, the larger.
    let experts: Vec<usize> = (0..tried.len()).filter(expert).collect();
    let pair = experts.iter().any(|at| candidates[*at].name == "difference");
    let experts: Vec<usize> =
        experts.into_iter().filter(|at| !(pair && candidates[*at].name == "success")).collect();
    if experts.len() > 1 {
        let of = |at: &usize| (&tried[*at].heads[..], &tried[*at].by_fold[..]);
        let (heads, by_fold) = blend(judge, &experts.iter().map(of).collect::<Vec<_>>(), means);
        let losses = judge.losses(&heads, &by_fold);
        let total = losses.iter().map(|loss| f64::from(*loss)).sum();
        let read = |at: usize| heads.iter().any(|head| head[at] != 0.0) || at + 1 == layout.width();
        let keep = (0..layout.width()).map(read).collect();
        candidates.push(Candidate { name: "blend", keep, ties: Vec::new() });
        tried.push(Tried { heads, by_fold, losses, total });
    }
    let best = (0..tried.len()).min_by(|a, b| tried[*a].total.total_cmp(&tried[*b].total)).unwrap_or(0);
    let near = |one: &Tried| {
        let (mean, error) = difference(&one.losses, &tried[best].losses);
        mean <= NOISE * error
    };
    let chosen = tried.iter().position(near).unwrap_or(best);
    let trial = |(at, (candidate, one)): (usize, (&Candidate, &Tried))| Trial {
        name: candidate.name.to_owned(),
        numbers: candidate.keep.iter().filter(|keep| **keep).count() - 1,
        loss: one.total / one.losses.len().max(1) as f64,
        brier: judge.brier(&one.heads),
        gain: gain(validation.scores, &judge.raw(&one.heads), prices),
        chosen: at == chosen,
    };
    let trials = candidates.iter().zip(&tried).enumerate().map(trial).collect();
    let Tried { heads, by_fold, .. } = tried.swap_remove(chosen);
    Chosen { heads, by_fold, trials }
}

fn solve(ridge: &Ridge, judge: &Judge<'_>, folds: u32, penalty: &[f64], tie: Tie) -> Tried {
    let heads = |without: Option<u32>| match tie {
        Tie::Free => ridge.solve(penalty, None, without),
        Tie::Pooled(factor) => {
            let prior = ridge.solve_pooled(penalty, without);
            let stronger: Vec<f64> = penalty.iter().map(|penalty| penalty * factor).collect();
            ridge.solve(&stronger, Some(&prior), without)
        }
        Tie::Rank(rank) => reduced(ridge.solve(penalty, None, without), ridge.gram(), rank),
    };
    let whole = heads(None);
    let by_fold: Vec<Vec<Vec<f64>>> = if judge.needs_folds() && ridge.folded() {
        (0..folds).map(|fold| heads(Some(fold))).collect()
    } else {
        Vec::new()
    };
    let losses = judge.losses(&whole, &by_fold);
    let total = losses.iter().map(|loss| f64::from(*loss)).sum();
    Tried { heads: whole, by_fold, losses, total }
}

/// Heads whose differences from the mean head lie in the `rank` directions over models that explain most of the predictions (reduced
/// rank regression, Izenman 1975); the bias of each is moved so that its mean prediction stays.
fn reduced(mut heads: Vec<Vec<f64>>, gram: Option<&[f64]>, rank: usize) -> Vec<Vec<f64>> {
    let (models, width) = (heads.len(), heads.first().map_or(0, Vec::len));
    let Some(gram) = gram.filter(|_| width > 1) else { return heads };
    let rows = gram[width * width - 1].max(1.0);
    let means = &gram[(width - 1) * width..][..width - 1];
    let mean: Vec<f64> =
        (0..width - 1).map(|at| heads.iter().map(|h| h[at]).sum::<f64>() / models as f64).collect();
    let apart: Vec<Vec<f64>> =
        heads.iter().map(|h| h.iter().zip(&mean).map(|(h, m)| h - m).collect()).collect();
    // Covariance of predictions over rows: the Gram matrix with the means taken out.
    let image = |h: &Vec<f64>| -> Vec<f64> {
        let offset = dot(h, means) / rows;
        (0..width - 1).map(|i| dot(&gram[i * width..][..width - 1], h) - means[i] * offset).collect()
    };
    let images: Vec<Vec<f64>> = apart.iter().map(image).collect();
    let covariance: Vec<f64> =
        (0..models * models).map(|at| dot(&apart[at / models], &images[at % models])).collect();
    let directions = largest(&covariance, models, rank);
    for model in 0..models {
        let mut head = mean.clone();
        for (_, direction) in &directions {
            for (other, apart) in apart.iter().enumerate() {
                let share = direction[model] * direction[other];
                head.iter_mut().zip(apart).for_each(|(sum, x)| *sum += share * x);
            }
        }
        let moved: f64 = (0..width - 1).map(|at| (heads[model][at] - head[at]) * means[at] / rows).sum();
        head.push(heads[model][width - 1] + moved);
        heads[model] = head;
    }
    heads
}

/// φ of every row as a basis to regress on, with the 1 of the bias.
pub(super) fn basis_of(rows: usize, width: usize, phi: impl Fn(usize) -> Vec<f32> + Sync + Send) -> Basis {
    use rayon::prelude::*;
    let row = |row: usize| {
        let mut phi = phi(row);
        phi.push(1.0);
        phi
    };
    Basis { width, numbers: (0..rows).into_par_iter().flat_map_iter(row).collect() }
}
