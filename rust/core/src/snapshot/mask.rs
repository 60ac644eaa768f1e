//! A set of models, as bits.

/// The most models that one population may hold.
pub const MAX_MODELS: usize = 1024;

const WORDS: usize = MAX_MODELS / 64;

/// A set of model indices in 128 bytes: copied freely, no allocation, a clause of admission is one `&`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask([u64; WORDS]);

impl Mask {
    /// Nobody.
    pub const EMPTY: Mask = Mask([0; WORDS]);

    /// The first `n` models.
    pub fn first(n: usize) -> Self {
        (0..n.min(MAX_MODELS)).collect()
    }

    /// Adds a model. An index past [`MAX_MODELS`] is not a model and is left out.
    pub fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    /// Whether the model is in the set.
    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Those in both.
    #[must_use]
    pub fn and(&self, other: &Mask) -> Mask {
        Mask(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Those in either.
    #[must_use]
    pub fn or(&self, other: &Mask) -> Mask {
        Mask(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(i, &word)| {
            std::iter::successors((word != 0).then_some(word), |w| Some(w & (w - 1)).filter(|w| *w != 0))
                .map(move |w| i * 64 + w.trailing_zeros() as usize)
        })
    }
}

impl FromIterator<usize> for Mask {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut mask = Mask::EMPTY;
        for index in indices {
            mask.insert(index);
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mask_is_a_set(a in prop::collection::btree_set(0..MAX_MODELS, 0..40), b in prop::collection::btree_set(0..MAX_MODELS, 0..40)) {
            let (ma, mb): (Mask, Mask) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(ma.iter().collect::<BTreeSet<_>>(), a.clone());
            prop_assert_eq!(ma.and(&mb).iter().collect::<BTreeSet<_>>(), &a & &b);
            prop_assert_eq!(ma.or(&mb).iter().collect::<BTreeSet<_>>(), &a | &b);
            prop_assert_eq!(ma.count(), a.len());
            prop_assert!(a.iter().all(|&i| ma.contains(i)));
        }
    }
}
