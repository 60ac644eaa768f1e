//! Isotonic regression: the best calibration that only assumes a better score to mean a better chance.

use crate::LearnError;
use crate::calibrate::check_calibration;

/// Fewer rows than this share make a knot of their own; smaller steps are noise.
const SMALLEST_SHARE: f64 = 1.0 / 64.0;

/// Knots (score, probability), both rising, of the non-falling function nearest to the targets in least squares (pool adjacent
/// violators, Barlow et al. 1972; as calibration Zadrozny & Elkan 2002), from scores of rows that the model was **not** trained on.
///
/// It departs from the textbook in two things: blocks of less than 1/64 of the rows are pooled with a neighbour, and between the centres
/// of blocks one reads off a line, not a step, so that different scores seldom become equal. Below the first and above
/// the last knot the function is level. Targets lie in [0, 1]; one row's worth of the overall mean is added to each block.
///
/// ```
/// let scores: Vec<f32> = (0..100).map(|i| i as f32 / 100.0).collect();
/// let targets: Vec<f32> = (0..100).map(|i| f32::from(u8::from(i >= 50))).collect();
/// let knots = ecology_learn::fit_isotonic(&scores, &targets)?;
/// assert!(knots.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
/// assert!(knots[0].1 < 0.1 && knots[knots.len() - 1].1 > 0.9);
/// # Ok::<(), ecology_learn::LearnError>(())
/// ```
pub fn fit_isotonic(scores: &[f32], targets: &[f32]) -> Result<Vec<(f32, f32)>, LearnError> {
    check_calibration(scores, targets)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut blocks: Vec<Pool> = Vec::new();
    for row in order {
        let (score, target) = (f64::from(scores[row]), f64::from(targets[row]));
        let new = Pool { rows: 1.0, score, target, last: scores[row] };
        // Rows of one score are one block from the start.
        match blocks.last_mut() {
            Some(block) if block.last == scores[row] => block.absorb(&new),
            _ => blocks.push(new),
        }
    }
    let mut pooled: Vec<Pool> = Vec::new();
    for block in blocks {
        pooled.push(block);
        while let [.., before, after] = &pooled[..] {
            if before.mean() < after.mean() {
                break;
            }
            merge_last(&mut pooled);
        }
    }
    let least = scores.len() as f64 * SMALLEST_SHARE;
    let mut wide: Vec<Pool> = Vec::new();
    for block in pooled {
        let narrow = wide.last().is_some_and(|before| before.rows < least);
        wide.push(block);
        if narrow {
            merge_last(&mut wide);
        }
    }
    if wide.len() > 1 && wide.last().is_some_and(|last| last.rows < least) {
        merge_last(&mut wide);
    }
    let overall = targets.iter().map(|target| f64::from(*target)).sum::<f64>() / targets.len() as f64;
    let knot = |pool: &Pool| {
        let probability = (pool.target + overall) / (pool.rows + 1.0);
        ((pool.score / pool.rows) as f32, probability as f32)
    };
    let mut knots: Vec<(f32, f32)> = wide.iter().map(knot).collect();
    // The row of doubt weighs more in a small block, which can turn two neighbours round.
    for at in 1..knots.len() {
        knots[at].1 = knots[at].1.max(knots[at - 1].1);
    }
    knots.dedup_by(|after, before| after.0 <= before.0);
    Ok(knots)
}

struct Pool {
    rows: f64,
    score: f64,
    target: f64,
    last: f32,
}

impl Pool {
    fn mean(&self) -> f64 {
        self.target / self.rows
    }

    fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        self.score += other.score;
        self.target += other.target;
        self.last = other.last;
    }
}

fn merge_last(pools: &mut Vec<Pool>) {
    if let Some(after) = pools.pop()
        && let Some(before) = pools.last_mut()
    {
        before.absorb(&after);
    }
}
