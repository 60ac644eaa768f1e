//! Scores of a graph as a label and its confidence.

use std::sync::Arc;

use ecology_core::Votes;
use ecology_core::leg::Fault;

/// What the numbers of the output stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// One for each number.
    pub names: Arc<[Arc<str>]>,
    /// Whether they are probabilities as they come; otherwise they are scores, and go through a softmax.
    pub probabilities: bool,
    /// What scores are divided by before the softmax.
    pub temperature: f32,
}

impl Labels {
    /// The share of every label, under what [`read`](Self::read) has accepted.
    pub(super) fn votes(&self, scores: &[f32]) -> Votes {
        let probabilities = if self.probabilities {
            // As they come: whoever exported them may have rounded.
            scores.iter().map(|score| score.clamp(0.0, 1.0)).collect()
        } else {
            let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let share = |score: &f32| f64::from((score - top) / self.temperature).exp();
            let total: f64 = scores.iter().map(share).sum();
            scores.iter().map(|score| (share(score) / total) as f32).collect()
        };
        Votes { labels: Arc::clone(&self.names), probabilities }
    }

    /// The first label of the highest score, and its probability.
    pub(super) fn read(&self, scores: &[f32]) -> Result<(Arc<str>, f32), Fault> {
        if scores.len() != self.names.len() {
            let problem = format!("the output has {} numbers for {} labels", scores.len(), self.names.len());
            return Err(Fault::BadOutput(problem));
        }
        if !scores.iter().all(|score| score.is_finite()) {
            return Err(Fault::BadOutput("the output holds NaN or infinity".into()));
        }
        let best = (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best });
        let Some((label, top)) = self.names.get(best).zip(scores.get(best)) else {
            return Err(Fault::BadOutput("the output is empty".into()));
        };
        if self.probabilities {
            return Ok((Arc::clone(label), *top));
        }
        let share = |score: &f32| f64::from((score - top) / self.temperature).exp();
        let total: f64 = scores.iter().map(share).sum();
        Ok((Arc::clone(label), (1.0 / total) as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(probabilities: bool, temperature: f32) -> Labels {
        Labels { names: ["a", "b", "c"].map(Arc::from).into(), probabilities, temperature }
    }

    #[test]
    fn the_first_of_equal_scores_wins_with_its_share() {
        let (label, confidence) = labels(false, 1.0).read(&[1.0, 1.0, f32::MIN]).unwrap();
        assert_eq!((&*label, confidence), ("a", 0.5));
    }

    #[test]
    fn scores_whose_difference_is_no_float_still_give_a_probability() {
        let (label, confidence) = labels(false, 0.5).read(&[f32::MIN, f32::MAX, 0.0]).unwrap();
        assert_eq!((&*label, confidence), ("b", 1.0));
    }

    #[test]
    fn the_vote_for_what_is_said_is_the_confidence_and_all_votes_sum_to_one() {
        for (probabilities, scores) in
            [(false, [1.0, 3.5, -2.0]), (false, [f32::MIN, f32::MAX, 0.0]), (true, [0.125, 0.25, 0.625])]
        {
            let labels = labels(probabilities, 0.7);
            let (label, confidence) = labels.read(&scores).unwrap();
            let votes = labels.votes(&scores);
            assert_eq!(votes.problem(), None);
            let at = votes.labels.iter().position(|name| *name == label).unwrap();
            assert_eq!(votes.probabilities[at], confidence);
            assert!((votes.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn probabilities_are_taken_as_they_are() {
        let (label, confidence) = labels(true, 9.0).read(&[0.125, 0.25, 0.625]).unwrap();
        assert_eq!((&*label, confidence), ("c", 0.625));
    }

    #[test]
    fn another_number_of_scores_and_what_is_no_number_are_refused() {
        for scores in [&[1.0, 2.0][..], &[], &[1.0, f32::NAN, 2.0], &[1.0, 2.0, f32::INFINITY]] {
            assert!(matches!(labels(false, 1.0).read(scores), Err(Fault::BadOutput(_))), "{scores:?}");
        }
    }
}
