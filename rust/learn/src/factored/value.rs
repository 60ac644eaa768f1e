//! What choosing by scores is worth: score above the best fixed mixture at equal cost.

/// Rates of exchange between score and money, times the range of prices: none, and this many from 0.01 to 10.
const RATES: usize = 25;

/// Mean over rates of exchange of (mean score of the chosen models − what the best fixed mixture of two scores at the same
/// mean price), on the rows where every model was observed. The same number as the guard's.
///
/// `scores` and `confidence` are `[rows][models]`, `prices` `[models]`. None when no row is whole.
pub(super) fn gain(scores: &[f32], confidence: &[f32], prices: &[f64]) -> Option<f64> {
    let models = prices.len();
    let rows: Vec<(&[f32], &[f32])> = scores
        .chunks_exact(models)
        .zip(confidence.chunks_exact(models))
        .filter(|(scores, _)| scores.iter().all(|score| !score.is_nan()))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let n = rows.len() as f64;
    let mean = |model: usize| rows.iter().map(|(scores, _)| f64::from(scores[model])).sum::<f64>() / n;
    let singles: Vec<f64> = (0..models).map(mean).collect();
    let (low, high) =
        prices.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(*p), h.max(*p)));
    let mut rates = vec![0.0];
    if high > low {
        rates.extend(
            (0..RATES).map(|at| 10_f64.powf(3.0 * at as f64 / (RATES - 1) as f64 - 2.0) / (high - low)),
        );
    }
    let at_rate = |rate: &f64| {
        let (mut score, mut price) = (0.0, 0.0);
        for (scores, confidence) in &rows {
            let utility = |model: usize| f64::from(confidence[model]) - rate * prices[model];
            let pick =
                (1..models).fold(0, |best, model| if utility(model) > utility(best) { model } else { best });
            score += f64::from(scores[pick]);
            price += prices[pick];
        }
        score / n - mixture(price / n, prices, &singles)
    };
    Some(rates.iter().map(at_rate).sum::<f64>() / rates.len() as f64)
}

/// The best mean score that a mixture of two models reaches at mean price `budget` or less.
fn mixture(budget: f64, prices: &[f64], scores: &[f64]) -> f64 {
    let affordable = (0..prices.len()).filter(|a| prices[*a] <= budget + 1e-15).map(|a| scores[a]);
    let mut best = affordable.fold(f64::NEG_INFINITY, f64::max);
    if best == f64::NEG_INFINITY {
        best = scores.iter().copied().fold(f64::INFINITY, f64::min);
    }
    for a in (0..prices.len()).filter(|a| prices[*a] < budget) {
        for b in (0..prices.len()).filter(|b| prices[*b] > budget) {
            let share = (budget - prices[a]) / (prices[b] - prices[a]);
            best = best.max((1.0 - share) * scores[a] + share * scores[b]);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knowing_who_is_right_is_worth_more_than_a_coin_and_knowing_nothing_is_worth_nothing() {
        let scores = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
        let worth = gain(&scores, &scores, &[1.0, 1.0]).unwrap();
        assert!((worth - 0.5).abs() < 1e-12);
        let level = [0.5; 8];
        assert!(gain(&scores, &level, &[1.0, 2.0]).unwrap().abs() < 1e-12);
        assert_eq!(gain(&[f32::NAN, 1.0], &[0.5, 0.5], &[1.0, 2.0]), None);
    }
}
