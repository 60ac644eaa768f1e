"""Whoever answers in the end, every leg of a request is charged once and nothing stays reserved."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest
from tests.faults.served import ACCOUNT, ASK, BUDGET, WAYS, Told, asked, balanced, served

from ecology import Budget
from ecology.errors import AllLegsFailed, AllLegsRefused, BudgetExhausted, DeadlineExceeded, NotYet
from ecology.testing import FAULTS, Hang, OpenAIServer, Phase, ServerError, TooManyRequests, population

DIRECT: dict[str, Any] = {"default_plan": {"kind": "direct", "max_fallbacks": 2}}


def dearer(server: OpenAIServer, **facts: Any) -> dict[str, Any]:
    """The same model at a higher price, so that it is asked second."""
    return served(server, **facts) | {"price": {"usd_per_call": 0.1, "usd_per_million_tokens_out": 100.0}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fallback_answers_and_both_are_charged(name: str, way: str) -> None:
    model = {"max_response_bytes": 100_000, "confidence": "mean"}
    with OpenAIServer(faults={"small": FAULTS[name]}, reply="refund") as server:
        small = served(server, timeout_ms=150, backend=model)
        large = dearer(server, timeout_ms=5_000, backend={"model": "large"})
        with population({"small": small, "large": large}, policy=BUDGET | DIRECT) as ecology:
            told = asked(ecology, way)
            assert told.output == "refund"
            expected = ["ok"] if told.legs[0]["outcome"] == "ok" else [told.legs[0]["outcome"], "ok"]
            assert [leg["outcome"] for leg in told.legs] == expected
            balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["hang_in_body", "reset_in_body", "unavailable", "not_json", "usage_huge"])
def test_a_cascade_escalates_past_a_fault(name: str, way: str) -> None:
    plan = {"default_plan": {"kind": "cascade", "leg_confidence": 0.99}}
    with OpenAIServer(faults={"small": FAULTS[name]}, reply="refund") as server:
        small = served(server, timeout_ms=150, backend={"confidence": "mean"})
        large = dearer(server, timeout_ms=5_000, backend={"model": "large"})
        with population({"small": small, "large": large}, policy=BUDGET | plan) as ecology:
            told = asked(ecology, way)
            assert told.output == "refund" and len(told.legs) == 2 and told.legs[1]["chosen"]
            balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", Phase)
def test_two_at_once_and_one_hangs(phase: Phase, way: str) -> None:
    plan = {"default_plan": {"kind": "adaptive", "decision_confidence": 1.0}}
    with OpenAIServer(faults={"large": Hang(phase)}, reply="refund") as server:
        small = served(server, timeout_ms=5_000)
        large = dearer(server, timeout_ms=200, backend={"model": "large"})
        with population({"small": small, "large": large}, policy=BUDGET | plan) as ecology:
            told = asked(ecology, way)
            assert told.output == "refund" and told.seconds < 2
            assert sorted(leg["outcome"] for leg in told.legs) == ["ok", "timed_out"]
            assert server.wait_for(lambda s: sum(c.closed_by == "client" for c in s.connections) == 1, timeout_s=2)
            balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_deadline_before_the_timeout_cuts_the_call_off(way: str) -> None:
    with (
        OpenAIServer(faults={"small": Hang()}) as server,
        population({"small": served(server, timeout_ms=20_000)}, policy=BUDGET) as ecology,
    ):
        told = asked(ecology, way, deadline_ms=100)
        assert isinstance(told.error, DeadlineExceeded) and told.seconds < 1
        assert server.wait_for(lambda s: s.connections[-1].closed_by == "client", timeout_s=2)
        balanced(ecology, told)


async def test_a_cancelled_request_is_cut_off_and_charged() -> None:
    with (
        OpenAIServer(faults={"small": Hang(Phase.IN_BODY)}) as server,
        population({"small": served(server, timeout_ms=20_000)}, policy=BUDGET) as ecology,
    ):
        task = asyncio.create_task(ecology.aanswer(ASK, account=ACCOUNT))
        while server.request_count == 0:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.wait_for, lambda s: s.connections[-1].closed_by == "client", 2)
        (event,) = ecology.take_events()
        balanced(ecology, Told(None, None, event["legs"], 0))
        assert event["legs"][0]["outcome"] == "cancelled"


CTRL_C = """
import json, os, signal, sys, threading, time
from ecology.testing import Hang, OpenAIServer, population
from tests.faults.served import ACCOUNT, ASK, BUDGET, Told, balanced, served

with OpenAIServer(faults={"small": Hang()}) as server:
    with population({"small": served(server, timeout_ms=60_000)}, policy=BUDGET) as ecology:
        def interrupt():
            server.wait_for(lambda s: s.request_count == 1, 20)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        began = time.monotonic()
        try:
            ecology.answer(ASK, account=ACCOUNT)
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - began < 10)
        server.wait_for(lambda s: s.connections[0].closed_by == "client", 2)
        (event,) = ecology.take_events()
        balanced(ecology, Told(None, None, event["legs"], 0))
        print(event["legs"][0]["outcome"])
"""


def test_ctrl_c_in_a_blocking_call_closes_the_connection_and_settles() -> None:
    done = subprocess.run([sys.executable, "-c", CTRL_C], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["interrupted", "True", "cancelled"], done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_price_under_a_limit_of_money_is_refused_before_any_call(way: str) -> None:
    with OpenAIServer() as server:
        model = served(server)
        del model["price"]
        with population({"small": model | {"price": {}}}, policy=BUDGET) as ecology:
            told = asked(ecology, way)
            assert told.error is not None and "price" in str(told.error)
            assert server.connection_count == 0


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_afforded_is_not_called(way: str) -> None:
    with OpenAIServer() as server, population({"small": served(server)}, policy=BUDGET) as ecology:
        told = asked(ecology, way, budget=Budget(usd=0.0001))
        assert isinstance(told.error, NotYet) and server.connection_count == 0
        assert isinstance(told.error, BudgetExhausted | AllLegsFailed)


@pytest.mark.parametrize("way", WAYS)
def test_not_yet_and_never_are_told_apart_and_the_soonest_return_is_told(way: str) -> None:
    cases: list[tuple[dict[str, Any], type[Exception], int | None]] = [
        ({"small": ServerError(503, 7), "large": TooManyRequests(2)}, AllLegsFailed, 2000),
        ({"small": ServerError(503, 7), "large": ServerError(500)}, AllLegsFailed, 7000),
        ({"small": FAULTS["redirect"], "large": TooManyRequests(2)}, AllLegsFailed, 2000),
        ({"small": FAULTS["redirect"], "large": FAULTS["refused_content_filter"]}, AllLegsRefused, None),
        ({"small": FAULTS["redirect"], "large": FAULTS["reset_in_body"]}, AllLegsFailed, None),
    ]
    for faults, kind, retry_after_ms in cases:
        with OpenAIServer(faults=faults) as server:
            models = {"small": served(server), "large": dearer(server, backend={"model": "large"})}
            with population(models, policy=BUDGET | DIRECT) as ecology:
                told = asked(ecology, way)
                assert type(told.error) is kind, (faults, told.error)
                assert len(told.legs) == 2
                assert getattr(told.error, "retry_after_ms", None) == retry_after_ms
                balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_burst_ends_and_nothing_of_it_is_charged(way: str) -> None:
    with OpenAIServer() as server, population({"small": served(server)}, policy=BUDGET) as ecology:
        server.script(ServerError(503, times=5))
        told = [asked(ecology, way) for _ in range(6)]
        assert [each.leg["outcome"] for each in told] == ["unavailable"] * 5 + ["ok"]
        assert [each.leg["cost_usd"] > 0 for each in told] == [False] * 5 + [True]
        balanced(ecology, *told)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_the_server_will_never_do_is_an_error_of_its_own_class(status: int) -> None:
    began = time.monotonic()
    with OpenAIServer() as server, population({"small": served(server)}, policy=BUDGET) as ecology:
        server.script(ServerError(status))
        told = asked(ecology, "answer")
        assert isinstance(told.error, AllLegsRefused) and f"status {status}" in str(told.error)
        assert told.leg["cost_usd"] == 0 and time.monotonic() - began < 10
        balanced(ecology, told)
