//! Linear heads over a short dense vector.

use std::sync::Arc;

/// No weight, bias or number of a calibration is larger than this: nothing overflows on the way to a probability.
pub(super) const LARGEST: f32 = 1e6;

/// Heads as a trainer gives them and a file holds them: `weights` is `[heads][inputs]`, `bias` `[heads]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heads {
    /// `[heads][inputs]`.
    pub weights: Vec<f32>,
    /// `[heads]`.
    pub bias: Vec<f32>,
}

impl Heads {
    /// Says of `what` has not this shape, or numbers that are none.
    pub(super) fn check(&self, what: &str, heads: usize, inputs: usize, violations: &mut Vec<String>) {
        for (part, numbers, wanted) in
            [("weights", &self.weights, heads.saturating_mul(inputs)), ("bias", &self.bias, heads)]
        {
            if numbers.len() != wanted {
                violations.push(format!("{what}.{part} has {} numbers, expected {wanted}", numbers.len()));
            }
            if let Some(at) = numbers.iter().position(|number| !is_sound(*number)) {
                violations.push(format!("{what}.{part}[{at}] is {}: finite, at most 1e6", numbers[at]));
            }
        }
    }
}

/// Finite, and of a size that no sum overflows.
pub(super) fn is_sound(number: f32) -> bool {
    number.abs() <= LARGEST
}

/// Heads whose dot products are taken together.
const LANES: usize = 16;

/// One weight of each of [`LANES`] heads: a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
struct Lanes([f32; LANES]);

/// The same heads as scoring reads them.
///
/// Sixteen heads stand side by side: `[blocks][inputs][16]`. Each adds `input · weight` in the order of the inputs, from its bias on,
/// each product and sum rounded to f32 by itself. Heads never mix, so that neither vector width nor another head changes a bit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blocks {
    inputs: usize,
    bias: Arc<[f32]>,
    weights: Arc<[Lanes]>,
}

impl Blocks {
    /// `heads` has been checked against `inputs`.
    pub(super) fn new(inputs: usize, heads: &Heads) -> Self {
        let count = heads.bias.len();
        let mut weights = vec![Lanes([0.0; LANES]); count.div_ceil(LANES) * inputs];
        for (head, row) in heads.weights.chunks_exact(inputs.max(1)).enumerate() {
            for (input, weight) in row.iter().enumerate() {
                weights[head / LANES * inputs + input].0[head % LANES] = *weight;
            }
        }
        Self { inputs, bias: heads.bias.as_slice().into(), weights: weights.into() }
    }

    pub(super) fn len(&self) -> usize {
        self.bias.len()
    }

    /// As [`new`](Self::new) took them.
    pub(super) fn heads(&self) -> Heads {
        let weights = (0..self.len()).flat_map(|head| self.row(head)).collect();
        Heads { weights, bias: self.bias.to_vec() }
    }

    /// The weights of one head.
    pub(super) fn row(&self, head: usize) -> impl Iterator<Item = f32> + '_ {
        let block = &self.weights[head / LANES * self.inputs..][..self.inputs];
        block.iter().map(move |lanes| lanes.0[head % LANES])
    }

    pub(super) fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Writes `bias + weights · input` of each head into `out`, which is as long as there are heads.
    pub(super) fn apply(&self, input: &[f32], out: &mut [f32]) {
        debug_assert_eq!((input.len(), out.len()), (self.inputs, self.len()));
        let blocks = self.weights.chunks_exact(self.inputs.max(1));
        for ((block, bias), out) in blocks.zip(self.bias.chunks(LANES)).zip(out.chunks_mut(LANES)) {
            let mut sums = [0.0; LANES];
            sums[..bias.len()].copy_from_slice(bias);
            let sums = add_all(sums, input, block);
            out.copy_from_slice(&sums[..out.len()]);
        }
    }

    /// `bias + weights · input` of one head, bit for bit as [`apply`](Self::apply) gives it.
    pub(super) fn apply_one(&self, head: usize, input: &[f32]) -> f32 {
        self.row(head).zip(input).fold(self.bias[head], |sum, (weight, input)| sum + input * weight)
    }
}

/// Adds every weighted line. Not inlined: as a function of its own, its sums stay in registers.
#[inline(never)]
fn add_all(mut sums: [f32; LANES], input: &[f32], block: &[Lanes]) -> [f32; LANES] {
    for (input, Lanes(weights)) in input.iter().zip(block) {
        for j in 0..LANES {
            sums[j] += input * weights[j];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_give_what_one_head_at_a_time_gives_to_the_bit(count in 1..50usize, inputs in 1..40usize, seed: u32) {
            let number = |n: usize| ((n as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 1e6 - 8.0;
            let weights: Vec<f32> = (0..count * inputs).map(number).collect();
            let bias: Vec<f32> = (0..count).map(|n| number(n + 7_777)).collect();
            let input: Vec<f32> = (0..inputs).map(|n| number(n + 99)).collect();
            let heads = Heads { weights: weights.clone(), bias: bias.clone() };
            let blocks = Blocks::new(inputs, &heads);
            let mut out = vec![f32::NAN; count];
            blocks.apply(&input, &mut out);
            for head in 0..count {
                let mut sum = bias[head];
                for at in 0..inputs {
                    sum += input[at] * weights[head * inputs + at];
                }
                prop_assert_eq!(out[head].to_bits(), sum.to_bits());
                prop_assert_eq!(blocks.apply_one(head, &input).to_bits(), sum.to_bits());
            }
            prop_assert_eq!(blocks.heads(), heads);
        }
    }

    #[test]
    fn every_flaw_is_told_at_once() {
        let mut violations = Vec::new();
        Heads { weights: vec![f32::NAN, 0.0], bias: vec![2e6] }.check("heads", 2, 3, &mut violations);
        assert_eq!(violations.len(), 4, "{violations:?}");
    }
}
