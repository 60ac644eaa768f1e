//! The reply that most members gave.

use super::{TieRule, Verdict, canonical};
use crate::Value;

/// Counts replies by canonical form; `None` is a member that gave none. No reply at all gives no verdict.
///
/// Replies are few (a coalition is bounded), so camps are found by comparing with those already seen: first the texts as they
/// are, since members that agree often agree to the letter.
pub fn majority(replies: &[Option<&Value>]) -> Option<Verdict> {
    let mut camps: Vec<(Vec<u8>, usize, usize)> = Vec::with_capacity(replies.len());
    let mut abstentions = 0;
    for (index, reply) in replies.iter().enumerate() {
        let Some(value) = reply else {
            abstentions += 1;
            continue;
        };
        let to_the_letter = |camp: &&mut (Vec<u8>, usize, usize)| match (value, replies[camp.1]) {
            (Value::Text(mine), Some(Value::Text(theirs))) => mine == theirs,
            _ => false,
        };
        if let Some(camp) = camps.iter_mut().find(to_the_letter) {
            camp.2 += 1;
            continue;
        }
        let form = canonical(value);
        match camps.iter_mut().find(|camp| camp.0 == form) {
            Some(camp) => camp.2 += 1,
            None => camps.push((form, index, 1)),
        }
    }
    let most = camps.iter().map(|camp| camp.2).max()?;
    let tied = camps.iter().filter(|camp| camp.2 == most).count() > 1;
    let winner = camps.iter().filter(|camp| camp.2 == most).min_by(|a, b| a.0.cmp(&b.0))?;
    let tie = if tied { TieRule::CanonicalOrder } else { TieRule::None };
    Some(Verdict::of_camps(winner.1, most, abstentions, tie, camps.iter().map(|camp| camp.2).collect()))
}
