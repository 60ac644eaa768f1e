"""Accounts without a population: nothing is held above a limit, lost, or charged twice, whoever asks at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import ecology as eco
from ecology.errors import BudgetExhausted

PATH = ("acme", "acme/web", "acme/web/key")


def accounts(*limits: int) -> eco.Accounts:
    opened = eco.Accounts()
    for name, limit in zip(PATH, limits, strict=False):
        opened.declare(name, {"nano_usd": limit})
    return opened


def money(opened: eco.Accounts) -> dict[str, dict[str, Any]]:
    return {row["account"]: row for row in opened.standings() if row["resource"] == "nano_usd"}


def test_what_is_settled_is_charged_to_every_account_of_the_path() -> None:
    opened = accounts(100, 100, 100)
    opened.path("acme/web/key").reserve(nano_usd=60, tokens_in=3).settle(nano_usd=20)
    opened.path("acme/web").reserve(nano_usd=30).settle(nano_usd=30)
    assert [money(opened)[name]["committed"] for name in PATH] == [50, 50, 20]
    assert all(row["reserved"] == 0 for row in opened.standings())


def test_an_amount_that_does_not_fit_is_refused_with_the_facts_and_holds_nothing() -> None:
    opened = accounts(100, 50, 100)
    held = opened.path("acme/web/key").reserve(nano_usd=40)
    with pytest.raises(BudgetExhausted) as refused:
        opened.path("acme/web/key").reserve(nano_usd=20)
    error = refused.value
    assert (error.account, error.resource, error.limit, error.held, error.needed) == (
        "acme/web",
        "nano_usd",
        50,
        40,
        20,
    )
    assert [money(opened)[name]["reserved"] for name in PATH] == [40, 40, 40]
    held.release()
    opened.path("acme/web/key").reserve(nano_usd=50).settle(nano_usd=50)


def test_a_reservation_that_is_left_or_forgotten_goes_back() -> None:
    opened = accounts(100)
    with pytest.raises(KeyError), opened.path("acme").reserve(nano_usd=100):
        raise KeyError
    opened.path("acme").reserve(nano_usd=100)
    with opened.path("acme").reserve(nano_usd=100) as held:
        held.settle(nano_usd=70)
    assert (money(opened)["acme"]["committed"], money(opened)["acme"]["reserved"]) == (70, 0)
    with pytest.raises(RuntimeError, match="has ended"):
        held.settle(nano_usd=1)


def test_an_unknown_resource_is_refused() -> None:
    with pytest.raises(ValueError, match="limit one of nano_usd"):
        eco.Accounts().declare("acme", {"usd": 3})


def test_threads_that_spend_at_once_spend_exactly_the_limit() -> None:
    opened = accounts(1_000, 700, 700)

    def spend(_: int) -> int:
        spent = 0
        for _ in range(200):
            try:
                with opened.path("acme/web/key").reserve(nano_usd=3) as held:
                    held.settle(nano_usd=2)
                    spent += 2
            except BudgetExhausted:
                pass
        return spent

    with ThreadPoolExecutor(8) as pool:
        spent = sum(pool.map(spend, range(8)))
    standing = money(opened)
    assert 698 <= spent <= 700
    assert [standing[name]["committed"] for name in PATH] == [spent] * 3
    assert all(row["reserved"] == 0 for row in opened.standings())
