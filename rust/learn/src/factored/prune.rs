//! A router carries only what its heads read.

use ecology_core::snapshot::Group;

use super::parts::Factored;
use crate::Linear;

/// Leaves out groups that no head reads, then columns of z that neither a head nor a group reads. Scores stay as they are.
pub(super) fn prune(fitted: &mut Factored) {
    let k = fitted.projected();
    let sizes: Vec<usize> = fitted.groups.iter().map(|group| group.heads.bias.len()).collect();
    let width = k + sizes.iter().sum::<usize>();
    let all = [Some(&fitted.heads), fitted.cost.as_ref(), fitted.latency.as_ref()];
    let read = |at: usize| {
        all.iter()
            .flatten()
            .any(|heads| heads.weights.iter().skip(at).step_by(width.max(1)).any(|w| *w != 0.0))
    };
    let used: Vec<bool> = (0..width).map(read).collect();
    let mut start = k;
    let mut keep = used[..k].to_vec();
    let mut groups: Vec<Group> = Vec::new();
    for (group, size) in std::mem::take(&mut fitted.groups).into_iter().zip(sizes) {
        let wanted = used[start..start + size].iter().any(|used| *used);
        keep.extend(vec![wanted; size]);
        start += size;
        if wanted {
            for weights in group.heads.weights.chunks_exact(k) {
                keep[..k].iter_mut().zip(weights).for_each(|(keep, weight)| *keep |= *weight != 0.0);
            }
            groups.push(group);
        }
    }
    // A projection has a column, even if nothing reads it.
    if !keep[..k].contains(&true) {
        keep[0] = true;
    }
    let thin = |numbers: &[f32], keep: &[bool]| -> Vec<f32> {
        let row = |row: &[f32]| {
            row.iter().zip(keep).filter(|(_, keep)| **keep).map(|(x, _)| *x).collect::<Vec<_>>()
        };
        numbers.chunks_exact(keep.len()).flat_map(row).collect()
    };
    for group in &mut groups {
        group.heads.weights = thin(&group.heads.weights, &keep[..k]);
    }
    for heads in
        [Some(&mut fitted.heads), fitted.cost.as_mut(), fitted.latency.as_mut()].into_iter().flatten()
    {
        heads.weights = thin(&heads.weights, &keep);
    }
    fitted.projection = Linear {
        weights: thin(&fitted.projection.weights, &keep[..k]),
        bias: thin(&fitted.projection.bias, &keep[..k]),
    };
    fitted.groups = groups;
}
