//! Laws of the budget: a limit is never passed, not for an instant, and nothing is lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a law that cannot be checked fails"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use common::chance::Chance;
use ecology_core::budget::{Accounts, Amounts, CounterKey, Counters, Limits, Resource, Tally};
use proptest::prelude::*;

const PATH: [&str; 3] = ["acme", "acme/web", "acme/web/key"];

fn random_amounts(chance: &mut Chance, most: u64) -> Amounts {
    Resource::ALL.into_iter().fold(Amounts::default(), |all, r| all.with(r, chance.below(most + 1)))
}

/// Threads spend from all three levels at once; limits are so tight that many are refused in the end, and some use more than
/// they had reserved.
#[test]
fn a_limit_holds_at_every_instant_and_everything_settled_is_accounted_for() {
    const THREADS: u64 = 6;
    const ROUNDS: u64 = 15_000;
    let accounts = Accounts::default();
    for (name, money, tokens) in
        [(PATH[0], 3_000_000, 2_000_000), (PATH[1], 2_000_000, 3_000_000), (PATH[2], 900_000, 1_500_000)]
    {
        let limits = Limits::default().with(Resource::NanoUsd, money).with(Resource::TokensOut, tokens);
        accounts.declare(name, limits);
    }
    // What was settled, by account and resource.
    let settled: [[AtomicU64; 4]; 3] = Default::default();
    let (refused, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let watch = || {
            let all = accounts.all();
            let mut looks = 0u64;
            while !done.load(Ordering::Acquire) {
                for (account, resource) in all.iter().flat_map(|a| Resource::ALL.map(|r| (a, r))) {
                    let standing = account.standing(resource);
                    let limit = standing.limit.unwrap_or(u64::MAX);
                    assert!(
                        standing.committed + standing.reserved <= limit,
                        "{} {resource:?} {standing:?}",
                        account.name()
                    );
                }
                looks += 1;
            }
            looks
        };
        let watcher = scope.spawn(watch);
        let spend = |seed: u64| {
            let mut chance = Chance(seed);
            for _ in 0..ROUNDS {
                let depth = chance.below(3) as usize;
                let path = accounts.path(PATH[depth], None);
                let amounts = random_amounts(&mut chance, 20_000);
                let Ok(held) = path.reserve(amounts) else {
                    refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                let used = match chance.below(20) {
                    0..10 => random_amounts(&mut chance, 40),
                    10 => random_amounts(&mut chance, 40_000),
                    11..15 => {
                        held.release();
                        continue;
                    }
                    _ => {
                        drop(held);
                        continue;
                    }
                };
                held.settle(used);
                for (level, resource) in (0..=depth).flat_map(|level| Resource::ALL.map(|r| (level, r))) {
                    settled[level][resource as usize].fetch_add(used.get(resource), Ordering::Relaxed);
                }
            }
        };
        let spenders: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || spend(seed))).collect();
        let failures = spenders.into_iter().filter_map(|thread| thread.join().err()).count();
        done.store(true, Ordering::Release);
        assert_eq!(failures, 0);
        assert!(watcher.join().expect("the watcher saw a limit passed") > 100);
    });
    assert!(refused.load(Ordering::Relaxed) > 1_000, "the limits were not tight");
    let mut overrun = 0;
    for (level, name) in PATH.into_iter().enumerate() {
        for resource in Resource::ALL {
            let standing = accounts.get(name).unwrap().standing(resource);
            assert_eq!(standing.reserved, 0, "{name} {resource:?}");
            let used = settled[level][resource as usize].load(Ordering::Relaxed);
            assert_eq!(standing.committed + standing.overrun, used, "{name} {resource:?}");
            overrun += standing.overrun;
        }
    }
    assert!(overrun > 0, "nobody overran");
}

/// One account in plain arithmetic.
#[derive(Clone, Copy, Debug, Default)]
struct Twin {
    limit: Option<u128>,
    committed: u128,
    reserved: u128,
    overrun: u128,
}

#[derive(Clone, Debug)]
enum Op {
    Reserve { depth: usize, amount: u64 },
    Settle { which: usize, used: u64 },
    Release { which: usize },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..3usize, 0..200u64).prop_map(|(depth, amount)| Op::Reserve { depth, amount }),
        (any::<usize>(), 0..300u64).prop_map(|(which, used)| Op::Settle { which, used }),
        any::<usize>().prop_map(|which| Op::Release { which }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Reserving is all or nothing over the path; each account does what plain arithmetic does.
    #[test]
    fn a_path_does_what_plain_arithmetic_does(
        limits in prop::array::uniform3(prop::option::of(0..600u64)),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let accounts = Accounts::default();
        for (name, limit) in PATH.iter().zip(limits) {
            accounts.declare(name, limit.map_or(Limits::default(), |l| Limits::default().with(Resource::TokensIn, l)));
        }
        let mut twins = limits.map(|limit| Twin { limit: limit.map(u128::from), ..Twin::default() });
        let mut open = Vec::new();
        for op in ops {
            match op {
                Op::Reserve { depth, amount } => {
                    let fits = |twin: &Twin| twin.limit.is_none_or(|l| amount == 0 || twin.committed + twin.reserved + u128::from(amount) <= l);
                    let refusing = twins[..=depth].iter().position(|twin| !fits(twin));
                    match accounts.path(PATH[depth], None).reserve(Amounts::of(Resource::TokensIn, amount)) {
                        Ok(held) => {
                            prop_assert_eq!(refusing, None);
                            twins[..=depth].iter_mut().for_each(|twin| twin.reserved += u128::from(amount));
                            open.push((depth, amount, held));
                        }
                        Err(refused) => {
                            let at = refusing.expect("refused although it fits");
                            prop_assert_eq!(&*refused.account, PATH[at]);
                            prop_assert_eq!((refused.resource, refused.needed), (Resource::TokensIn, amount));
                            prop_assert_eq!(u128::from(refused.held), twins[at].committed + twins[at].reserved);
                        }
                    }
                }
                Op::Settle { which, used } if !open.is_empty() => {
                    let (depth, amount, held) = open.swap_remove(which % open.len());
                    held.settle(Amounts::of(Resource::TokensIn, used));
                    for twin in &mut twins[..=depth] {
                        let (amount, used) = (u128::from(amount), u128::from(used));
                        let extra = used.saturating_sub(amount);
                        let fits = twin.limit.is_none_or(|l| twin.committed + twin.reserved + extra <= l);
                        twin.reserved -= amount;
                        twin.committed += if fits { used } else { used.min(amount) };
                        twin.overrun += if fits { 0 } else { extra };
                    }
                }
                Op::Release { which } if !open.is_empty() => {
                    let (depth, amount, held) = open.swap_remove(which % open.len());
                    held.release();
                    twins[..=depth].iter_mut().for_each(|twin| twin.reserved -= u128::from(amount));
                }
                Op::Settle { .. } | Op::Release { .. } => {}
            }
            for (name, twin) in PATH.iter().zip(&twins) {
                let standing = accounts.get(name).unwrap().standing(Resource::TokensIn);
                let seen = [standing.committed, standing.reserved, standing.overrun].map(u128::from);
                prop_assert_eq!(seen, [twin.committed, twin.reserved, twin.overrun]);
                prop_assert_eq!(standing.limit.map(u128::from), twin.limit);
            }
        }
    }
}

#[test]
fn a_limit_of_one_request_holds_without_any_account_and_is_forgotten_with_it() {
    let accounts = Accounts::default();
    let limits = Some(Limits::default().with(Resource::NanoUsd, 100));
    let path = accounts.path("nobody", limits);
    assert_eq!(path.headroom(Resource::NanoUsd), Some(100));
    let held = path.reserve(Amounts::of(Resource::NanoUsd, 70)).unwrap();
    let refused = path.reserve(Amounts::of(Resource::NanoUsd, 31)).unwrap_err();
    assert_eq!((&*refused.account, refused.held, refused.limit), ("request", 70, 100));
    held.settle(Amounts::of(Resource::NanoUsd, 60));
    assert_eq!(path.headroom(Resource::NanoUsd), Some(40));
    assert!(accounts.all().is_empty());
    assert_eq!(accounts.path("nobody", limits).headroom(Resource::NanoUsd), Some(100));
    assert!(accounts.path("nobody", Some(Limits::default())).is_empty());
}

#[test]
fn the_tightest_of_account_and_request_decides_and_a_refusal_holds_nothing() {
    let accounts = Accounts::default();
    let account = accounts.declare("acme", Limits::default().with(Resource::NanoUsd, 1_000));
    let path = accounts.path("acme/web", Some(Limits::default().with(Resource::NanoUsd, 100)));
    assert_eq!(path.headroom(Resource::NanoUsd), Some(100));
    assert!(path.reserve(Amounts::of(Resource::NanoUsd, 101)).is_err());
    assert_eq!(account.standing(Resource::NanoUsd).reserved, 0);
    // A later resource that does not fit gives the earlier ones back too.
    let tight = Limits::default().with(Resource::ComputeUs, 5);
    let both = Amounts::of(Resource::NanoUsd, 10).with(Resource::ComputeUs, 6);
    assert!(accounts.path("acme", Some(tight)).reserve(both).is_err());
    accounts.declare("acme", Limits::default().with(Resource::ComputeUs, 5));
    assert!(accounts.path("acme", None).reserve(both).is_err());
    assert_eq!(account.standing(Resource::NanoUsd).reserved, 0);
}

#[test]
fn use_beyond_the_reservation_takes_headroom_and_beyond_that_is_overrun_never_hidden() {
    let accounts = Accounts::default();
    let account = accounts.declare("acme", Limits::default().with(Resource::NanoUsd, 100));
    for (reserved, used, committed, overrun) in [(40, 60, 60, 0), (40, 50, 100, 10), (0, 7, 100, 17)] {
        let held = accounts.path("acme", None).reserve(Amounts::of(Resource::NanoUsd, reserved)).unwrap();
        held.settle(Amounts::of(Resource::NanoUsd, used));
        let standing = account.standing(Resource::NanoUsd);
        assert_eq!((standing.committed, standing.overrun, standing.reserved), (committed, overrun, 0));
    }
}

/// There is room for one holder at a time, and none after it has settled until it raises the limit; meanwhile the other tries
/// without pause. Neither a check apart from the hold nor a hold that is let go for a moment survives this.
#[test]
fn of_two_that_do_not_fit_together_never_are_both_served() {
    const SERVED: u64 = 2_000_000;
    let accounts = Accounts::default();
    let limit_to = |limit: u64| accounts.declare("acme", Limits::default().with(Resource::NanoUsd, limit));
    limit_to(10);
    let (holding, served) = (AtomicBool::new(false), AtomicU64::new(0));
    let serve = || {
        let path = accounts.path("acme", None);
        while served.load(Ordering::Acquire) < SERVED {
            let Ok(held) = path.reserve(Amounts::of(Resource::NanoUsd, 6)) else { continue };
            let alone = !holding.swap(true, Ordering::AcqRel);
            let before = served.fetch_add(1, Ordering::AcqRel);
            held.settle(Amounts::of(Resource::NanoUsd, 5));
            if !alone || !holding.swap(false, Ordering::AcqRel) {
                served.fetch_add(SERVED, Ordering::AcqRel);
                panic!("two at a time were served");
            }
            limit_to(10 + 5 * (before + 1));
        }
    };
    thread::scope(|scope| {
        scope.spawn(serve);
        scope.spawn(serve);
    });
    let standing = accounts.get("acme").unwrap().standing(Resource::NanoUsd);
    assert_eq!(standing.committed, 5 * served.load(Ordering::Acquire));
}

#[test]
fn counters_lose_nothing_between_threads() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 60_000;
    let counters = Counters::default();
    let keys: Vec<CounterKey> = (0..12u64)
        .map(|n| CounterKey {
            account: ["", "acme"][(n % 2) as usize].into(),
            model: Arc::from(["a@1", "b@1", "-"][(n / 2 % 3) as usize]),
            task: "".into(),
            role: ["generator", "overhead"][(n / 6 % 2) as usize],
        })
        .collect();
    // Half of all goes to one key, so that threads meet.
    let key = |n: u64| keys[if n % 8 < 4 { 0 } else { (n / 8 % 12) as usize }].clone();
    let tally = |n: u64| Tally {
        calls: 1,
        ok: n % 2,
        timed_out: n % 3,
        cancelled: n % 5,
        failed: n % 7,
        nano_usd: n,
        tokens_in: n * 2,
        tokens_out: n * 3,
        compute_ns: n * 4,
        latency_ns: n * 5,
    };
    let together = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (counters, key, together) = (&counters, &key, &together);
            scope.spawn(move || {
                together.wait();
                (thread * ROUNDS..(thread + 1) * ROUNDS).for_each(|n| counters.add(key(n), &tally(n)));
            });
        }
    });
    let mut expected = std::collections::BTreeMap::<CounterKey, Tally>::new();
    (0..THREADS * ROUNDS).for_each(|n| expected.entry(key(n)).or_default().add(&tally(n)));
    assert_eq!(counters.all(), expected.into_iter().collect::<Vec<_>>());
}
