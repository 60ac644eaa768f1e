//! From a raw score to a probability.

use serde::{Deserialize, Serialize};

use super::exp::{LANES, ln, sigmoid};
use super::heads::is_sound;

/// Platt's sigmoid: P = 1 / (1 + exp(−(slope · score + offset))). Platt 1999, with the sign turned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    /// Factor on the score.
    pub slope: f32,
    /// Added after it.
    pub offset: f32,
}

impl Platt {
    /// Calibrated probability of a raw score.
    pub fn probability(&self, score: f32) -> f32 {
        sigmoid([self.log_odds(score)])[0] as f32
    }

    fn log_odds(&self, score: f32) -> f64 {
        f64::from(self.slope) * f64::from(score) + f64::from(self.offset)
    }
}

/// How one model's raw score becomes P(good). It knows nothing of the other models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// A sigmoid.
    Platt(Platt),
    /// P = 1 / (1 + exp(−(a · ln s − b · ln(1 − s) + c))), where s is the raw score held within [10⁻³, 1 − 10⁻³] (Kull, Silva Filho
    /// and Flach 2017). It rises: a and b are at least 0.
    Beta {
        /// Factor on ln s.
        a: f32,
        /// Factor on −ln(1 − s).
        b: f32,
        /// Added to both.
        c: f32,
    },
    /// Straight lines between knots; level beyond the first and the last.
    Isotonic {
        /// Raw scores, each larger than the one before.
        raw: Vec<f32>,
        /// The probability at each, in [0, 1], none smaller than the one before.
        probability: Vec<f32>,
    },
}

impl From<Platt> for Calibration {
    fn from(platt: Platt) -> Self {
        Self::Platt(platt)
    }
}

/// Most knots of an isotonic calibration.
const MAX_KNOTS: usize = 4_096;
/// Raw scores are linear and often pass 1. With an edge of 10⁻⁶ a score of 1.01 would stand ten logits above one of 0.98, and every fit would
/// turn on such rows.
const EDGE: f64 = 1e-3;

impl Calibration {
    /// Calibrated probability of a raw score, in [0, 1].
    pub fn probability(&self, score: f32) -> f32 {
        match self {
            Self::Platt(platt) => platt.probability(score),
            Self::Beta { a, b, c } => beta([[*a, *b, *c]], [score])[0] as f32,
            Self::Isotonic { raw, probability } => interpolate(raw, probability, score),
        }
    }

    /// Whether two different raw scores may have one probability: between equal knots, and beyond the ends.
    pub fn has_levels(&self) -> bool {
        !matches!(self, Self::Platt(_))
    }

    pub(super) fn check(&self, what: &str, violations: &mut Vec<String>) {
        let mut check = |holds: bool, violation: &str| {
            if !holds {
                violations.push(format!("{what}: {violation}"));
            }
        };
        match self {
            Self::Platt(Platt { slope, offset }) => {
                check(is_sound(*slope) && is_sound(*offset), "slope and offset are finite, at most 1e6");
            }
            Self::Beta { a, b, c } => {
                check([a, b, c].iter().all(|x| is_sound(**x)), "a, b and c are finite, at most 1e6");
                check(!(*a < 0.0 || *b < 0.0), "a and b are at least 0, so that it rises");
            }
            Self::Isotonic { raw, probability } => {
                let sizes = (1..=MAX_KNOTS).contains(&raw.len()) && raw.len() == probability.len();
                check(sizes, "it has 1 to 4096 knots, as many raw scores as probabilities");
                check(raw.iter().all(|x| is_sound(*x)), "its raw scores are finite, at most 1e6");
                check(raw.windows(2).all(|pair| pair[0] < pair[1]), "its raw scores rise");
                check(probability.iter().all(|p| (0.0..=1.0).contains(p)), "its probabilities lie in [0, 1]");
                check(probability.windows(2).all(|pair| pair[0] <= pair[1]), "its probabilities never fall");
            }
        }
    }
}

/// Beta calibration of one score each.
#[inline(always)]
fn beta<const N: usize>(parameters: [[f32; 3]; N], scores: [f32; N]) -> [f64; N] {
    // Held in f64: 1 − 10⁻⁶ is no f32. A NaN, which validated weights do not give, becomes the lower edge.
    let (mut s, mut rest, mut odds) = ([0.0; N], [0.0; N], [0.0; N]);
    for j in 0..N {
        let low = if f64::from(scores[j]) >= EDGE { f64::from(scores[j]) } else { EDGE };
        s[j] = if low <= 1.0 - EDGE { low } else { 1.0 - EDGE };
        rest[j] = 1.0 - s[j];
    }
    let (below, above) = (ln(s), ln(rest));
    for j in 0..N {
        let [a, b, c] = parameters[j];
        odds[j] = f64::from(a) * below[j] - f64::from(b) * above[j] + f64::from(c);
    }
    sigmoid(odds)
}

/// The calibrations of all models, sorted by kind, so that each kind is worked on side by side.
#[derive(Clone, Debug)]
pub(super) struct Calibrations {
    all: Vec<Calibration>,
    sigmoids: Vec<(usize, Platt)>,
    betas: Vec<(usize, [f32; 3])>,
    others: Vec<usize>,
}

impl Calibrations {
    pub(super) fn new(all: Vec<Calibration>) -> Self {
        let (mut sigmoids, mut betas, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (at, calibration) in all.iter().enumerate() {
            match calibration {
                Calibration::Platt(platt) => sigmoids.push((at, *platt)),
                Calibration::Beta { a, b, c } => betas.push((at, [*a, *b, *c])),
                Calibration::Isotonic { .. } => others.push(at),
            }
        }
        Self { all, sigmoids, betas, others }
    }

    pub(super) fn all(&self) -> &[Calibration] {
        &self.all
    }

    /// Turns the raw score of each model into its probability, bit for bit as [`Calibration::probability`] does.
    pub(super) fn apply(&self, scores: &mut [f32]) {
        for some in self.sigmoids.chunks(LANES) {
            let mut odds = [0.0; LANES];
            odds.iter_mut().zip(some).for_each(|(odds, (at, platt))| *odds = platt.log_odds(scores[*at]));
            let probabilities = sigmoid(odds);
            some.iter().zip(probabilities).for_each(|((at, _), each)| scores[*at] = each as f32);
        }
        for some in self.betas.chunks(LANES) {
            let (mut parameters, mut raw) = ([[0.0; 3]; LANES], [0.0; LANES]);
            for (j, (at, own)) in some.iter().enumerate() {
                (parameters[j], raw[j]) = (*own, scores[*at]);
            }
            let probabilities = beta(parameters, raw);
            some.iter().zip(probabilities).for_each(|((at, _), each)| scores[*at] = each as f32);
        }
        for at in &self.others {
            scores[*at] = self.all[*at].probability(scores[*at]);
        }
    }
}

fn interpolate(raw: &[f32], probability: &[f32], score: f32) -> f32 {
    let after = raw.partition_point(|knot| *knot <= score);
    let (Some(x1), Some(y1)) = (raw.get(after), probability.get(after)) else {
        return probability.last().copied().unwrap_or(0.0);
    };
    let Some(before) = after.checked_sub(1) else { return *y1 };
    let (x0, y0) = (f64::from(raw[before]), f64::from(probability[before]));
    let (x1, y1) = (f64::from(*x1), f64::from(*y1));
    // Held between its ends: a rounding must not turn the order of two scores.
    (y0 + (y1 - y0) * ((f64::from(score) - x0) / (x1 - x0))).min(y1) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The knots around a score, found by looking at each.
    fn twin(raw: &[f32], probability: &[f32], score: f32) -> f64 {
        if score <= raw[0] {
            return f64::from(probability[0]);
        }
        for k in 1..raw.len() {
            if score <= raw[k] {
                let share = f64::from(score - raw[k - 1]) / f64::from(raw[k] - raw[k - 1]);
                return f64::from(probability[k - 1])
                    + share * (f64::from(probability[k]) - f64::from(probability[k - 1]));
            }
        }
        f64::from(probability[probability.len() - 1])
    }

    fn isotonic(knots: &[(i32, u32)]) -> Calibration {
        let mut raw: Vec<f32> = knots.iter().map(|(x, _)| *x as f32 / 64.0).collect();
        let mut probability: Vec<f32> = knots.iter().map(|(_, y)| *y as f32 / 1000.0).collect();
        raw.sort_by(f32::total_cmp);
        raw.dedup();
        probability.sort_by(f32::total_cmp);
        probability.truncate(raw.len());
        Calibration::Isotonic { raw, probability }
    }

    proptest! {
        #[test]
        fn straight_lines_are_what_the_definition_says(knots in prop::collection::vec((-300..300i32, 0..=1000u32), 1..20), score in -6.0..6.0f32) {
            let calibration = isotonic(&knots);
            let Calibration::Isotonic { raw, probability } = &calibration else { unreachable!() };
            let (mine, theirs) = (f64::from(calibration.probability(score)), twin(raw, probability, score));
            prop_assert!((mine - theirs).abs() < 1e-5, "{mine} {theirs}");
        }

        #[test]
        fn every_kind_rises_and_stays_a_probability(
            knots in prop::collection::vec((-300..300i32, 0..=1000u32), 1..20),
            (a, b, c) in (0.0..9.0f32, 0.0..9.0f32, -5.0..5.0f32),
            mut scores in prop::collection::vec(-3.0..3.0f32, 2..40),
        ) {
            scores.sort_by(f32::total_cmp);
            for calibration in [isotonic(&knots), Calibration::Beta { a, b, c }, Platt { slope: a, offset: c }.into()] {
                let mut violations = Vec::new();
                calibration.check("it", &mut violations);
                prop_assert!(violations.is_empty(), "{violations:?}");
                let probabilities: Vec<f32> = scores.iter().map(|score| calibration.probability(*score)).collect();
                prop_assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
                prop_assert!(probabilities.windows(2).all(|pair| pair[0] <= pair[1]), "{probabilities:?}");
                let json = serde_json::to_string(&calibration).unwrap();
                prop_assert_eq!(serde_json::from_str::<Calibration>(&json).unwrap(), calibration);
            }
        }

        #[test]
        fn the_identity_of_beta_is_a_b_of_one(score in 0.001..0.999f32) {
            let p = Calibration::Beta { a: 1.0, b: 1.0, c: 0.0 }.probability(score);
            prop_assert!((p - score).abs() < 1e-6, "{p} {score}");
        }
    }

    #[test]
    fn what_no_score_can_go_through_is_refused_with_every_reason() {
        let isotonic = |raw: &[f32], probability: &[f32]| Calibration::Isotonic {
            raw: raw.into(),
            probability: probability.into(),
        };
        for (calibration, flaws) in [
            (Calibration::Platt(Platt { slope: f32::NAN, offset: 0.0 }), 1),
            (Calibration::Beta { a: -1.0, b: 1.0, c: f32::INFINITY }, 2),
            (isotonic(&[], &[]), 1),
            (isotonic(&[0.0], &[0.1, 0.2]), 1),
            (isotonic(&[0.0, 0.0], &[0.2, 0.1]), 2),
            (isotonic(&[1.0, 0.0], &[0.5, 1.5]), 2),
            (isotonic(&[f32::NAN, 0.0], &[0.5, f32::NAN]), 4),
        ] {
            let mut violations = Vec::new();
            calibration.check("it", &mut violations);
            assert_eq!(violations.len(), flaws, "{calibration:?}: {violations:?}");
        }
    }

    #[test]
    fn no_score_at_all_still_gives_a_probability() {
        for calibration in [
            isotonic(&[(0, 100), (64, 900)]),
            Calibration::Beta { a: 1.0, b: 1.0, c: 0.0 },
            Platt { slope: 1.0, offset: 0.0 }.into(),
        ] {
            for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert!((0.0..=1.0).contains(&calibration.probability(score)), "{calibration:?} of {score}");
            }
        }
    }
}
