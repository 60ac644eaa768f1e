"""Members that are scripted in Python, and the populations around them."""

from __future__ import annotations

import asyncio
import time

import pytest

from ecology import Adaptive, Cascade, Direct, Policy, Reply
from ecology.errors import AllLegsFailed, DeadlineExceeded, InvalidPopulation
from ecology.testing import mock, population
from ecology.testing.held import HELD

ASK = "Where is my money?"


def test_models_are_asked_in_the_order_in_which_they_are_written() -> None:
    first, second = mock("a"), mock("b")
    with population({"first": first, "second": second}) as ecology:
        answer = ecology.answer(ASK)
    assert (answer.output, first.calls, second.calls) == ("a", [ASK], [])


def test_who_fails_is_followed_by_the_next() -> None:
    with population({"first": mock(faults="raise"), "second": mock("b")}) as ecology:
        answer = ecology.answer(ASK)
        assert answer.output == "b"
        assert ecology.savings().share == {"first@1": 0.5, "second@1": 0.5}


def test_a_cascade_reads_the_confidence_of_each_reply() -> None:
    small = mock(Reply("sure", 0.9), Reply("unsure", 0.1), tokens_out=3)
    large = mock("large", confidence=1.0)
    policy = {"default_plan": Cascade(leg_confidence=0.5)}
    with population({"small": small, "large": large}, policy) as ecology:
        assert [ecology.answer(ASK).output for _ in range(3)] == ["sure", "large", "sure"]
    assert len(large.calls) == 1


def test_a_policy_may_be_the_packages_own_value() -> None:
    policy = Policy(default_plan=Direct(max_fallbacks=0), plans={"x": Adaptive(decision_confidence=0.5)})
    with population({"first": mock(faults="raise"), "second": mock("b")}, policy) as ecology:
        assert ecology.description.policy == policy


def test_functions_serve_sync_and_async_and_know_their_place() -> None:
    async def on_the_loop(text: str) -> str:
        await asyncio.sleep(0)
        return text.upper()

    assert (mock(on_the_loop).place, mock(str.upper).place) == ("loop", "thread")
    with population({"a": on_the_loop}) as ecology:
        assert ecology.answer("hi").output == "HI"
    with population({"a": str.upper}) as ecology:
        assert ecology.answer("hi").output == "HI"


async def test_an_async_mock_that_hangs_is_cancelled_at_its_timeout() -> None:
    slow = mock("late", faults=["hang", "none"], place="loop", hang_ms=60_000, timeout_ms=50)
    with population({"slow": slow}) as ecology:
        began = time.monotonic()
        with pytest.raises((AllLegsFailed, DeadlineExceeded)):
            await ecology.aanswer(ASK)
        assert time.monotonic() - began < 10
        assert (await ecology.aanswer(ASK)).output == "late"


def test_what_a_model_is_may_be_said_beside_what_it_says() -> None:
    contract = {"tasks": ["support"], "output": "label", "labels": ["refund"]}
    members = {
        "liar": mock(faults="wrong_label", contract=contract, tier="large"),
        "plain": {"backend": {"kind": "mock", "replies": ["refund"]}, "timeout_ms": 100},
    }
    with population(members) as ecology:
        assert ecology.answer(ASK, task="support").output == "refund"
        assert ecology.description.models[0].tier.value == "large"


def test_a_misspelt_fact_is_a_violation_and_nothing_stays_held() -> None:
    with pytest.raises(InvalidPopulation, match="teir"), population({"a": mock("x", teir="small")}):
        pass
    assert vars(HELD) == {}


def test_two_populations_of_the_same_names_do_not_meet_and_digests_are_stable() -> None:
    with population({"a": mock("1")}) as one, population({"a": mock("2")}) as two:
        assert (one.answer(ASK).output, two.answer(ASK).output) == ("1", "2")
        digest = one.digest
    with population({"a": mock("3")}) as again:
        assert again.digest == digest
    assert vars(HELD) == {}
