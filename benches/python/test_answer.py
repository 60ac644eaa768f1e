"""From a prompt to an attributed answer, by the kind of member."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from descriptions import callables, inline

from ecology import Ecology, Reply

Opened = Callable[[str], Ecology]
DIRECT = '{ kind = "direct" }'
DOUBT = '{ kind = "adaptive", decision_confidence = 1.0 }'  # never sure: the top two run at once


@pytest.fixture
def small(linear: Path, opened: Opened, tmp_path: Path) -> Ecology:
    """One linear member."""
    shutil.copy(linear, tmp_path / "small.safetensors")
    return opened(inline("small.safetensors"))


def test_answer_of_an_inline_member(benchmark, small: Ecology, prompt: str) -> None:
    """Features, decision, 16 labels, attribution and counters, on the calling thread."""
    assert benchmark(small.answer, prompt).confidence > 0


def test_aanswer_of_an_inline_member(benchmark, small: Ecology, prompt: str) -> None:
    """The same inside a running loop: 100 awaits in a row, so that starting the loop does not count."""

    async def hundred() -> None:
        for _ in range(100):
            await small.aanswer(prompt)

    with asyncio.Runner() as runner:
        benchmark.extra_info["answers_per_round"] = 100
        benchmark(lambda: runner.run(hundred()))


def test_answer_of_a_sync_callable(benchmark, opened: Opened, prompt: str) -> None:
    """One Python function on a thread, in its time limit."""
    ecology = opened(callables("one", plan=DIRECT))
    assert benchmark(ecology.answer, prompt).output == "one"


def test_answer_of_an_adaptive_plan_over_three_callables(benchmark, opened: Opened, prompt: str) -> None:
    """Two of the three run at once, the surer reply is taken."""
    ecology = opened(callables("one", "two", "three", plan=DOUBT))
    answer = benchmark(ecology.answer, prompt)
    assert len(answer.attribution["legs"]) == 2


def test_a_bare_call_of_the_same_callable(benchmark, prompt: str) -> None:
    """What the callable itself takes, to hold beside the two above."""
    assert benchmark(lambda: Reply("one", confidence=0.9)).output == "one"
