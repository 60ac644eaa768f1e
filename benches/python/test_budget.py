"""Reserve and settle, beside what a careful user would write instead: one number under a lock."""

from __future__ import annotations

import threading

import ecology as eco

NAMES = ("acme", "acme/web", "acme/web/key")


def test_reserve_and_settle_on_three_levels(benchmark) -> None:
    """A payer with three accounts, money limited on each."""
    accounts = eco.Accounts()
    for name in NAMES:
        accounts.declare(name, {"nano_usd": 1 << 60})
    path = accounts.path(NAMES[-1])
    benchmark(lambda: path.reserve(900).settle(1))
    assert accounts.standings()[0]["committed"] > 0


def test_reserve_and_settle_by_hand(benchmark) -> None:
    """A dictionary of one level and a lock, taken twice."""
    lock, limit, held, committed = threading.Lock(), {"acme": 1 << 60}, {"acme": 0}, {"acme": 0}

    def spend() -> None:
        with lock:
            if held["acme"] + 900 > limit["acme"]:
                raise RuntimeError
            held["acme"] += 900
        with lock:
            held["acme"] -= 899
            committed["acme"] += 1

    benchmark(spend)
