"""Populations of served models, and what a test asks of each request: how it ended, in what time, at what price."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ecology import Ecology
from ecology.errors import EcologyError
from ecology.testing import OpenAIServer

__all__ = ["ACCOUNT", "ASK", "BUDGET", "WAYS", "Told", "asked", "balanced", "served"]

ACCOUNT = "acme/web"
ASK = "Where is my money?"
BUDGET = {"budgets": {"acme": {"usd": 1.0}}}


def served(base_url: str | OpenAIServer, **facts: Any) -> dict[str, Any]:
    """A model of a description: keys of the backend in `backend`, 300 ms, a dollar for a million tokens."""
    url = base_url if isinstance(base_url, str) else base_url.base_url
    backend = {"kind": "openai", "base_url": url, "model": "small"} | facts.pop("backend", {})
    price = {"usd_per_million_tokens_in": 1.0, "usd_per_million_tokens_out": 10.0, "usd_per_call": 0.001}
    return {"backend": backend, "price": price, "timeout_ms": 300, "max_output_tokens": 100} | facts


@dataclass
class Told:
    """How one request ended."""

    output: Any
    error: EcologyError | None
    legs: list[dict[str, Any]]
    seconds: float

    @property
    def leg(self) -> dict[str, Any]:
        """The only leg."""
        (leg,) = self.legs
        return leg


def _blocking(ecology: Ecology, **asking: Any) -> Any:
    return ecology.answer(ASK, **asking)


def _on_a_loop(ecology: Ecology, **asking: Any) -> Any:
    return asyncio.run(ecology.aanswer(ASK, **asking))


WAYS: dict[str, Callable[..., Any]] = {"answer": _blocking, "aanswer": _on_a_loop}


def asked(ecology: Ecology, way: str, **asking: Any) -> Told:
    """One request, for the account."""
    began = time.monotonic()
    try:
        answer = WAYS[way](ecology, **{"account": ACCOUNT} | asking)
    except EcologyError as error:
        return Told(None, error, list(getattr(error, "legs", ())), time.monotonic() - began)
    return Told(answer.output, None, answer.attribution["legs"], time.monotonic() - began)


def balanced(ecology: Ecology, *told: Told) -> None:
    """Every reservation was settled exactly once: nothing is held, and accounts and counters say what the legs say."""
    legs = [leg for each in told for leg in each.legs]
    cost = round(sum(leg["cost_usd"] for leg in legs) * 1e9)
    rows = {row["account"]: row for row in ecology.accounts() if row["resource"] == "nano_usd"}
    for row in rows.values():
        assert row["reserved"] == 0 and row["overrun"] == 0, row
        assert row["committed"] == cost, (row, [(leg["outcome"], leg["cost_usd"]) for leg in legs])
    counted = [row for row in ecology.counters() if row["role"] == "generator"]
    ran = [leg for leg in legs if leg["outcome"] != "not_afforded"]
    assert sum(row["calls"] for row in counted) == len(legs)
    assert sum(row["ok"] for row in counted) == sum(leg["outcome"] == "ok" for leg in legs)
    assert sum(row["nano_usd"] for row in counted) == cost
    assert rows and ran
