"""Reserve and settle, beside what a careful user would write instead: one number under a lock."""

from __future__ import annotations

from jobs.workloads import LEVELS, LockedAccount

import ecology as eco


def test_reserve_and_settle_on_three_levels(benchmark) -> None:
    """A payer with three accounts, money limited on each."""
    accounts = eco.Accounts()
    for name in LEVELS:
        accounts.declare(name, {"nano_usd": 1 << 60})
    path = accounts.path(LEVELS[-1])
    benchmark(lambda: path.reserve(900).settle(1))
    assert accounts.standings()[0]["committed"] > 0


def test_reserve_and_settle_by_hand(benchmark) -> None:
    """A dictionary of one level and a lock, taken twice."""
    benchmark(LockedAccount().spend)
