//! `exp` and `ln` of our own.
//!
//! **The problem.** The standard library's call the platform's, whose last bits differ from one machine to the next; a decision
//! must not. These use additions, multiplications and divisions alone, each rounded once, in a fixed order.

/// e^x in f32 for x ≤ 0, within 2 units in the last place; below −87 it is that of −87. A loop over it vectorises.
///
/// Cephes `expf` (Moshier 1992): x = n·ln 2 + r with |r| ≤ ½ ln 2, a polynomial in r, and n put into the exponent.
#[inline(always)]
pub(in crate::snapshot) fn exp_below_zero(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to an integer, and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // The conditions are such that NaN becomes the bound.
    let x = if x >= -87.0 { x } else { -87.0 };
    let x = if x <= 0.0 { x } else { 0.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + coefficient;
    }
    (p * (r * r) + r + 1.0) * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// Numbers that are worked on side by side: a compiler packs them into vectors. It does so for plain loops; closures over arrays it
/// may leave as eight calls.
pub(super) const LANES: usize = 8;

/// e^x in f64, within 2 units in the last place; x is taken to lie in [−700, 700].
#[inline(always)]
pub(super) fn exp<const N: usize>(x: [f64; N]) -> [f64; N] {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let (mut r, mut power) = ([0.0; N], [0; N]);
    for j in 0..N {
        let x = if x[j] >= -700.0 { x[j] } else { -700.0 };
        let x = if x <= 700.0 { x } else { 700.0 };
        let shifted = x * std::f64::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        r[j] = x - n * LN_2_HIGH - n * LN_2_LOW;
        power[j] = shifted.to_bits().wrapping_add(1_023) << 52;
    }
    // Taylor to r¹³: |r| ≤ 0.35, so that what is left out is below 10⁻¹⁷.
    let p = horner(&INVERSE_FACTORIALS, &r);
    let mut out = [0.0; N];
    for j in 0..N {
        out[j] = (p[j] * (r[j] * r[j]) + r[j] + 1.0) * f64::from_bits(power[j]);
    }
    out
}

/// ln x of positive, normal numbers in f64, within 4 units in the last place of the larger of it and 1.
#[inline(always)]
pub(super) fn ln<const N: usize>(x: [f64; N]) -> [f64; N] {
    // An integer below 2⁵² beside this exponent is that integer plus 2⁵².
    const INTEGER: u64 = 0x4330_0000_0000_0000;
    const ROUND: f64 = 4_503_599_627_370_496.0 + 1_023.0;
    let (mut s, mut square, mut n) = ([0.0; N], [0.0; N], [0.0; N]);
    for j in 0..N {
        let bits = x[j].to_bits();
        let exponent = f64::from_bits((bits >> 52) | INTEGER) - ROUND;
        let m = f64::from_bits(bits & MANTISSA | ONE);
        // The mantissa is brought into [√½, √2], so that the series converges fast.
        let above = m > std::f64::consts::SQRT_2;
        let m = if above { 0.5 * m } else { m };
        n[j] = if above { exponent + 1.0 } else { exponent };
        // ln m = 2 artanh s: |s| ≤ 0.172, so that what is left out is below 10⁻¹⁷.
        s[j] = (m - 1.0) / (m + 1.0);
        square[j] = s[j] * s[j];
    }
    let p = horner(&INVERSE_ODDS, &square);
    let mut out = [0.0; N];
    for j in 0..N {
        let twice = 2.0 * s[j];
        out[j] = n[j] * LN_2_HIGH + (twice + (twice * (square[j] * p[j]) + n[j] * LN_2_LOW));
    }
    out
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid<const N: usize>(x: [f64; N]) -> [f64; N] {
    let mut out = [0.0; N];
    for j in 0..N {
        out[j] = -x[j];
    }
    out = exp(out);
    for each in &mut out {
        *each = 1.0 / (1.0 + *each);
    }
    out
}

/// c₀xⁿ + … + cₙ, from the left.
#[inline(always)]
fn horner<const N: usize, const C: usize>(coefficients: &[f64; C], x: &[f64; N]) -> [f64; N] {
    let mut sum = [coefficients[0]; N];
    for coefficient in &coefficients[1..] {
        for j in 0..N {
            sum[j] = sum[j] * x[j] + coefficient;
        }
    }
    sum
}

/// 1/13!, …, 1/2!.
const INVERSE_FACTORIALS: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
];
/// 1/21, 1/19, …, 1/3.
const INVERSE_ODDS: [f64; 10] = [
    1.0 / 21.0,
    1.0 / 19.0,
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
    1.0 / 9.0,
    1.0 / 7.0,
    1.0 / 5.0,
    1.0 / 3.0,
];
const MANTISSA: u64 = (1 << 52) - 1;
/// The bits of 1.0.
const ONE: u64 = 1_023 << 52;
/// ln 2 in two parts: the product of the first and an exponent is exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(function: impl Fn([f64; 1]) -> [f64; 1], x: f64) -> f64 {
        function([x])[0]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn they_agree_with_the_platform(x in -87.0..=0.0f32, y in -700.0..700.0f64, z in 1e-300..1e300f64, near in 0.5..2.0f64) {
            let (mine, theirs) = (exp_below_zero(x), f64::from(x).exp());
            prop_assert!((f64::from(mine) - theirs).abs() <= theirs * 2.4e-7, "exp_below_zero({x}) = {mine}, {theirs}");
            prop_assert!((one(exp, y) - y.exp()).abs() <= y.exp() * 4.5e-16, "exp({y}) = {}, {}", one(exp, y), y.exp());
            for z in [z, near] {
                prop_assert!((one(ln, z) - z.ln()).abs() <= 9e-16 * z.ln().abs().max(1.0), "ln({z}) = {}, {}", one(ln, z), z.ln());
            }
            // Lanes do not mix.
            let lanes = [y, -y, y / 3.0, z.min(600.0), near, -near, 0.0, 1.0];
            for (each, x) in exp(lanes).into_iter().zip(lanes) {
                prop_assert_eq!(each.to_bits(), one(exp, x).to_bits());
            }
            let lanes = lanes.map(|x| x.abs() + 1e-9);
            for (each, x) in ln(lanes).into_iter().zip(lanes) {
                prop_assert_eq!(each.to_bits(), one(ln, x).to_bits());
            }
        }
    }

    #[test]
    fn edges_are_finite_and_frozen() {
        assert_eq!((exp([0.0]), exp_below_zero(0.0), ln([1.0]), sigmoid([0.0])), ([1.0], 1.0, [0.0], [0.5]));
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            assert!(one(exp, x).is_finite() && (0.0..=1.0).contains(&one(sigmoid, x)));
            assert!((0.0..=1.0).contains(&exp_below_zero(x as f32)));
        }
        // To the bit, wherever this runs.
        let bits =
            [one(exp, 1.0), one(exp, -0.3), one(ln, 10.0), one(ln, 0.7), one(sigmoid, 0.8)].map(f64::to_bits);
        assert_eq!(bits, FROZEN, "{bits:?}");
        let bits = [-0.1, -1.0, -20.5].map(|x| exp_below_zero(x).to_bits());
        assert_eq!(bits, FROZEN_F32, "{bits:?}");
    }

    const FROZEN: [u64; 5] = [
        4_613_303_445_314_885_482,
        4_604_847_916_870_499_333,
        4_612_367_379_483_415_830,
        13_823_468_941_351_141_200,
        4_604_389_957_177_479_350,
    ];
    const FROZEN_F32: [u32; 3] = [1_063_756_653, 1_052_531_378, 816_566_744];
}
