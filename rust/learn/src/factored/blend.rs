//! A blend of experts: the same few weights for every model.
//!
//! **The problem.** One ridge over all of φ has to hold many numbers with one hand: weights of prototypes and of directions of the embedding
//! explain the same thing and over-fit together. Fitted apart, and then averaged with weights that are not negative (Breiman 1996,
//! *Stacked regressions*), each stays as good as it is alone. The weights are found on what decides routing, the *contrast*: score less
//! the mean over the models of the prompt. That mean has weights of its own, which matter to calibration only.

use super::judge::Judge;
use super::symmetric::{Cholesky, dot};

/// Heads of an expert, from all rows and without each fold.
type Expert<'e> = (&'e [Vec<f64>], &'e [Vec<Vec<f64>>]);

/// Blended heads, from all rows and without each fold. `means` are the mean scores of models, which stay.
pub(super) fn blend(
    judge: &Judge<'_>,
    experts: &[Expert<'_>],
    means: &[f32],
) -> (Vec<Vec<f64>>, Vec<Vec<Vec<f64>>>) {
    let size = experts.len();
    let predictions: Vec<Vec<f32>> =
        experts.iter().map(|(heads, by_fold)| judge.predictions(heads, by_fold)).collect();
    let targets = judge.targets(!experts[0].1.is_empty());
    let models = judge.models;
    let (mut contrast, mut level) = (Squares::new(size), Squares::new(size));
    for (row, targets) in targets.chunks_exact(models).enumerate() {
        let seen: Vec<usize> = (0..models).filter(|model| !targets[*model].is_nan()).collect();
        let count = seen.len().max(1) as f64;
        let mean = |numbers: &[f32]| seen.iter().map(|model| f64::from(numbers[*model])).sum::<f64>() / count;
        let of_row = |expert: &Vec<f32>| -> Vec<f32> { expert[row * models..][..models].to_vec() };
        let rows: Vec<Vec<f32>> = predictions.iter().map(of_row).collect();
        let centres: Vec<f64> = rows.iter().map(|row| mean(row)).collect();
        let centre = mean(targets);
        if seen.is_empty() {
            continue;
        }
        level.add(&centres, centre);
        for model in seen.iter().filter(|_| seen.len() > 1) {
            let x: Vec<f64> =
                rows.iter().zip(&centres).map(|(row, mean)| f64::from(row[*model]) - mean).collect();
            contrast.add(&x, f64::from(targets[*model]) - centre);
        }
    }
    let level = level.centred().non_negative();
    // Where no prompt was answered by two models there is no contrast: the level says who is to be trusted.
    let contrast = if contrast.rows > 0.0 { contrast.non_negative() } else { level.clone() };
    let mix = |heads: &dyn Fn(usize) -> Vec<Vec<f64>>| {
        mixed(&(0..size).map(heads).collect::<Vec<_>>(), &contrast, &level, means)
    };
    let whole = mix(&|at| experts[at].0.to_vec());
    let folds = experts.iter().map(|(_, by_fold)| by_fold.len()).min().unwrap_or(0);
    let by_fold = (0..folds).map(|fold| mix(&|at| experts[at].1[fold].clone())).collect();
    (whole, by_fold)
}

/// Σ a (h − mean h) + Σ b · mean h. Each expert's mean prediction for a model is the model's mean, which the biases keep.
fn mixed(experts: &[Vec<Vec<f64>>], contrast: &[f64], level: &[f64], means: &[f32]) -> Vec<Vec<f64>> {
    let models = means.len();
    let width = experts[0][0].len();
    let overall = means.iter().map(|mean| f64::from(*mean)).sum::<f64>() / models as f64;
    let mut heads = vec![vec![0.0; width]; models];
    for ((expert, a), b) in experts.iter().zip(contrast).zip(level) {
        let middle = |at: usize| expert.iter().map(|head| head[at]).sum::<f64>() / models as f64;
        let middle: Vec<f64> = (0..width).map(middle).collect();
        for (into, head) in heads.iter_mut().zip(expert) {
            for ((sum, x), mean) in into.iter_mut().zip(head).zip(&middle) {
                *sum += a * (x - mean) + b * mean;
            }
        }
    }
    let (a, b): (f64, f64) = (contrast.iter().sum(), level.iter().sum());
    for (head, mean) in heads.iter_mut().zip(means) {
        let mean = f64::from(*mean);
        if let Some(bias) = head.last_mut() {
            *bias += mean - a * (mean - overall) - b * overall;
        }
    }
    heads
}

/// Sums of a small least-squares problem.
#[derive(Clone)]
struct Squares {
    size: usize,
    gram: Vec<f64>,
    right: Vec<f64>,
    sums: Vec<f64>,
    target: f64,
    rows: f64,
}

impl Squares {
    fn new(size: usize) -> Self {
        Self {
            size,
            gram: vec![0.0; size * size],
            right: vec![0.0; size],
            sums: vec![0.0; size],
            target: 0.0,
            rows: 0.0,
        }
    }

    fn add(&mut self, x: &[f64], y: f64) {
        for i in 0..self.size {
            (0..self.size).for_each(|j| self.gram[i * self.size + j] += x[i] * x[j]);
            self.right[i] += x[i] * y;
            self.sums[i] += x[i];
        }
        self.target += y;
        self.rows += 1.0;
    }

    /// With means taken out.
    fn centred(mut self) -> Self {
        let n = self.rows.max(1.0);
        for i in 0..self.size {
            (0..self.size).for_each(|j| self.gram[i * self.size + j] -= self.sums[i] * self.sums[j] / n);
            self.right[i] -= self.sums[i] * self.target / n;
        }
        self
    }

    /// The weights ≥ 0 of least squares: every set of weights that may be above 0 is tried, for there are few.
    fn non_negative(&self) -> Vec<f64> {
        let mut best = (0.0, vec![0.0; self.size]);
        for set in 1_u32..1 << self.size {
            let kept: Vec<usize> = (0..self.size).filter(|at| set >> at & 1 == 1).collect();
            let matrix =
                kept.iter().flat_map(|i| kept.iter().map(move |j| self.gram[i * self.size + j])).collect();
            let right: Vec<f64> = kept.iter().map(|i| self.right[*i]).collect();
            let x = Cholesky::of(matrix, kept.len()).solve(&right);
            // At the minimum, −x · right is the loss less that of no weight at all.
            let loss = -dot(&x, &right);
            if x.iter().all(|x| *x >= 0.0) && loss < best.0 {
                best = (loss, vec![0.0; self.size]);
                kept.iter().zip(x).for_each(|(at, x)| best.1[*at] = x);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Random;

    #[test]
    fn weights_are_those_of_least_squares_and_none_is_negative() {
        let mut random = Random::new(2);
        let mut squares = Squares::new(3);
        for _ in 0..500 {
            let x = [random.unit(), random.unit(), random.unit()];
            squares.add(&x, 0.7 * x[0] + 0.2 * x[1] - 0.3 * x[2]);
        }
        let weights = squares.non_negative();
        assert!(weights.iter().all(|weight| *weight >= 0.0));
        assert_eq!(weights[2], 0.0);
        // No small step that is allowed makes it better.
        let loss = |w: &[f64]| -> f64 {
            let quadratic: f64 = (0..9).map(|at| w[at / 3] * w[at % 3] * squares.gram[at]).sum();
            quadratic - 2.0 * dot(w, &squares.right)
        };
        let found = loss(&weights);
        for at in 0..3 {
            for step in [-1e-3, 1e-3] {
                let mut other = weights.clone();
                other[at] = (other[at] + step).max(0.0);
                assert!(loss(&other) >= found - 1e-12);
            }
        }
    }

    #[test]
    fn a_blend_of_one_expert_with_weights_of_one_is_that_expert() {
        let expert = vec![vec![1.0, 2.0, 0.4], vec![0.0, -1.0, 0.6]];
        let heads = mixed(std::slice::from_ref(&expert), &[1.0], &[1.0], &[0.3, 0.5]);
        for (head, other) in heads.iter().zip(&expert) {
            head.iter().zip(other).for_each(|(x, y)| assert!((x - y).abs() < 1e-12));
        }
    }
}
