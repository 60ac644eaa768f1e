//! Folds for cross-fitting.

use crate::math::Random;

/// A fold in `0..k` for each row. Rows of one group never straddle folds, so that paraphrases, or answers to one prompt, are not
/// trained on and judged at once; folds are as even as the groups allow.
///
/// Groups are taken from the largest to the smallest, equals in an order by `seed`, and each goes to the fold that is
/// emptiest by then (longest processing time first, Graham 1969). With fewer groups than `k`, some folds stay empty.
///
/// ```
/// let folds = ecology_learn::folds(&[7, 7, 3, 9, 3], 2, 0);
/// assert_eq!((folds[0], folds[2]), (folds[1], folds[4]));
/// assert_ne!(folds[0], folds[2]);
/// ```
pub fn folds(groups: &[u32], k: u32, seed: u64) -> Vec<u32> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|row| groups[*row]);
    let mut members: Vec<&[usize]> = order.chunk_by(|a, b| groups[*a] == groups[*b]).collect();
    Random::new(seed).shuffle(&mut members);
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));

    let mut sizes = vec![0_usize; k.max(1) as usize];
    let mut folds = vec![0; groups.len()];
    for rows in members {
        let fold = (0..sizes.len()).min_by_key(|fold| sizes[*fold]).unwrap_or(0);
        sizes[fold] += rows.len();
        rows.iter().for_each(|row| folds[*row] = fold as u32);
    }
    folds
}
