//! Groups of φ: what is not linear in z.
//!
//! A softmax says softly *where* a prompt lies: in which inferred task (niche), or near which prototype. A head on it is a table of mean
//! scores by place, held towards the common mean by ridge: shrinkage, with the penalty as the number of pseudo-counts.

use ecology_core::snapshot::{Group, Heads};
use rayon::prelude::*;

use super::projection::TaskScore;
use crate::LearnError;
use crate::calibrate::fit_temperature;
use crate::math::Random;

/// Rounds of k-means; centres need not be exact, they are only places.
const ROUNDS: usize = 12;
/// Rows that centres are looked for among at most.
const MOST_ROWS: usize = 20_000;

/// softmax(scores of tasks / T), T fitted on rows whose task is known. None when fewer than two tasks have scores.
pub(super) fn niche(
    z: &[f32],
    k: usize,
    tasks: &[TaskScore],
    known: &[u32],
) -> Result<Option<Group>, LearnError> {
    if tasks.len() < 2 {
        return Ok(None);
    }
    let label =
        |row: usize| tasks.iter().position(|task| task.task == known[row]).map(|label| (row, label as u32));
    let (rows, labels): (Vec<usize>, Vec<u32>) = (0..known.len()).filter_map(label).unzip();
    let logit = |row: &usize| {
        let z = &z[row * k..][..k];
        tasks.iter().map(move |task| task.weights.iter().zip(z).map(|(w, z)| w * z).sum::<f32>() + task.bias)
    };
    let logits: Vec<f32> = rows.iter().flat_map(logit).collect();
    let temperature = fit_temperature(&logits, &labels, tasks.len())?;
    let weights = tasks.iter().flat_map(|task| task.weights.iter().map(|w| w / temperature)).collect();
    let bias = tasks.iter().map(|task| task.bias / temperature).collect();
    Ok(Some(group("niche", weights, bias)))
}

/// `members` is filled in by who knows their names.
fn group(name: &str, weights: Vec<f32>, bias: Vec<f32>) -> Group {
    Group { name: name.into(), members: Vec::new(), heads: Heads { weights, bias } }
}

/// Centres of the rows of z, each number of z made `scale` times as large, and the mean squared distance of a row to the nearest.
pub(super) struct Centres {
    scale: Vec<f32>,
    numbers: Vec<f32>,
    spread: f32,
}

impl Centres {
    /// At most `count` centres by k-means++ (Arthur & Vassilvitskii 2007) and Lloyd's rounds. None when there are not four rows for each of
    /// two.
    pub(super) fn of(z: &[f32], scale: Vec<f32>, count: usize, seed: u64) -> Option<Self> {
        let k = scale.len();
        let scaled = |row: &[f32]| row.iter().zip(&scale).map(|(z, scale)| z * scale).collect::<Vec<f32>>();
        let n = z.len() / k.max(1);
        let step = n.div_ceil(MOST_ROWS).max(1);
        let rows: Vec<Vec<f32>> = z.chunks_exact(k).step_by(step).map(scaled).collect();
        let count = count.min(rows.len() / 4);
        if count < 2 {
            return None;
        }
        let mut random = Random::new(seed);
        let mut numbers = rows[random.below(rows.len())].clone();
        let mut nearest: Vec<f32> = rows.par_iter().map(|row| distance(row, &numbers)).collect();
        while numbers.len() < count * k {
            let total: f64 = nearest.iter().map(|distance| f64::from(*distance)).sum();
            let mut left = random.unit() * total;
            let hit = nearest.iter().position(|distance| {
                left -= f64::from(*distance);
                left < 0.0
            });
            let chosen = &rows[hit.unwrap_or(rows.len() - 1)];
            numbers.extend_from_slice(chosen);
            nearest.par_iter_mut().zip(&rows).for_each(|(near, row)| *near = near.min(distance(row, chosen)));
        }
        let mut spread = 1.0;
        for _ in 0..ROUNDS {
            let assigned: Vec<(usize, f32)> = rows.par_iter().map(|row| closest(row, &numbers, k)).collect();
            let (mut sums, mut counts) = (vec![0.0_f64; numbers.len()], vec![0_u32; count]);
            for (row, (centre, _)) in rows.iter().zip(&assigned) {
                counts[*centre] += 1;
                sums[centre * k..][..k].iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            for (centre, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let sums = &sums[centre * k..][..k];
                let into = &mut numbers[centre * k..][..k];
                into.iter_mut().zip(sums).for_each(|(x, sum)| *x = (sum / f64::from(*count)) as f32);
            }
            let total: f64 = assigned.iter().map(|(_, distance)| f64::from(*distance)).sum();
            spread = (total / rows.len() as f64) as f32;
        }
        Some(Self { scale, numbers, spread: spread.max(1e-6) })
    }

    /// softmax(−γ‖z − c‖²) with γ = `sharpness` / mean squared distance; linear in z, since ‖z‖² is common to all centres.
    pub(super) fn group(&self, sharpness: f32) -> Group {
        let gamma = sharpness / self.spread;
        let scale = self.scale.iter().cycle();
        let weights = self.numbers.iter().zip(scale).map(|(x, scale)| 2.0 * gamma * x * scale).collect();
        let squares =
            self.numbers.chunks_exact(self.scale.len()).map(|c| c.iter().map(|x| x * x).sum::<f32>());
        group("prototypes", weights, squares.map(|square| -gamma * square).collect())
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn closest(row: &[f32], centres: &[f32], k: usize) -> (usize, f32) {
    let distances = centres.chunks_exact(k).map(|centre| distance(row, centre)).enumerate();
    distances.fold((0, f32::INFINITY), |best, one| if one.1 < best.1 { one } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factored::parts::spread;

    #[test]
    fn prototypes_find_the_places_and_say_who_is_near() {
        let mut random = Random::new(5);
        let z: Vec<f32> = (0..300)
            .flat_map(|row| [(row % 3) as f32 * 4.0 + random.unit() as f32, random.unit() as f32])
            .collect();
        let centres = Centres::of(&z, vec![1.0; 2], 3, 0).unwrap();
        let mut middles: Vec<f32> = centres.numbers.chunks(2).map(|c| c[0]).collect();
        middles.sort_by(f32::total_cmp);
        for (middle, expected) in middles.iter().zip([0.5, 4.5, 8.5]) {
            assert!((middle - expected).abs() < 0.2, "{middles:?}");
        }
        let group = [centres.group(1.0)];
        let mut phi = vec![0.5, 0.5];
        spread(&group, 2, &mut phi);
        let nearest = closest(&[0.5, 0.5], &centres.numbers, 2).0;
        assert!(phi[2 + nearest] > 0.95);
        assert!((phi[2..].iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(Centres::of(&z[..14], vec![1.0; 2], 3, 0).is_none());
    }
}
