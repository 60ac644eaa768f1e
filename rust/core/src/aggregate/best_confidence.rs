//! The reply whose member is surest of it.

use super::{TieRule, Verdict, canonical};
use crate::Value;

/// Picks the reply with the highest calibrated leg confidence. A reply without one counts as 0: it wins only when nobody
/// else has any. Equal confidences go to the earlier reply, which is the better ranked one.
pub fn best_confidence(replies: &[Option<(&Value, Option<f32>)>]) -> Option<Verdict> {
    let surety = |reply: &(&Value, Option<f32>)| reply.1.filter(|c| c.is_finite()).unwrap_or(0.0);
    let mut best: Option<(usize, f32)> = None;
    for (index, reply) in replies.iter().enumerate() {
        let Some(reply) = reply else { continue };
        let confidence = surety(reply);
        if best.is_none_or(|(_, most)| confidence > most) {
            best = Some((index, confidence));
        }
    }
    let (index, most) = best?;
    let forms: Vec<Vec<u8>> = replies.iter().flatten().map(|(value, _)| canonical(value)).collect();
    let winner = replies[index].map(|(value, _)| canonical(value))?;
    let mut camps: Vec<(&[u8], usize)> = Vec::new();
    for form in &forms {
        match camps.iter_mut().find(|camp| camp.0 == form.as_slice()) {
            Some(camp) => camp.1 += 1,
            None => camps.push((form, 1)),
        }
    }
    let support = forms.iter().filter(|form| **form == winner).count();
    // Equally sure replies tie only if they say different things.
    let rival = |(reply, form): (&(&Value, Option<f32>), &Vec<u8>)| surety(reply) == most && *form != winner;
    let tied = replies.iter().flatten().zip(&forms).any(rival);
    let tie = if tied { TieRule::FirstInOrder } else { TieRule::None };
    let sizes = camps.iter().map(|camp| camp.1).collect();
    Some(Verdict::of_camps(index, support, replies.len() - forms.len(), tie, sizes))
}
