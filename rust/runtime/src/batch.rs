//! Many small pieces of work on all cores, in order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Below this, starting a thread costs more than it saves.
const FEWEST_PER_THREAD: usize = 64;

/// Maps `items` on as many threads as there are cores. The result is in the order of the items.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    in_parallel_with(items, || (), |(), item| work(item))
}

/// The same where each thread has something of its own, such as memory that one item leaves to the next.
///
/// Threads take small parts in turn, so that one that was held up leaves its share to the others.
pub fn in_parallel_with<T: Sync, R: Send, S>(
    items: &[T],
    own: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    // Asking for the cores takes as long as routing a few prompts, so only many items are worth the question.
    let useful = items.len() / FEWEST_PER_THREAD;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if useful > 1 { cores().min(useful) } else { 1 };
    if threads == 1 {
        let mut mine = own();
        return items.iter().map(|item| work(&mut mine, item)).collect();
    }
    let parts: Vec<&[T]> = items.chunks(FEWEST_PER_THREAD).collect();
    let (next, own, work, parts) = (&AtomicUsize::new(0), &own, &work, &parts);
    let take_parts = move || {
        let (mut mine, mut done) = (own(), Vec::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(at) else { return done };
            done.push((at, part.iter().map(|item| work(&mut mine, item)).collect::<Vec<R>>()));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take_parts)).collect();
        let mut done = take_parts();
        for other in others {
            match other.join() {
                Ok(theirs) => done.extend(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items_whatever_their_number() {
        for count in [0, 1, 63, 64, 127, 128, 129, 1_000, 10_001] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(in_parallel(&items, |item| item * 3), items.iter().map(|i| i * 3).collect::<Vec<_>>());
            let counted = in_parallel_with(
                &items,
                || 0_usize,
                |seen, item| {
                    *seen += 1;
                    (*item, *seen > 0)
                },
            );
            assert!(counted.iter().enumerate().all(|(at, (item, seen))| at == *item && *seen));
        }
    }
}
