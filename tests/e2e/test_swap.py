"""A population is swapped while it serves: nobody notices, nothing that was spent is forgotten, a bad one changes
nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.populations import describe, held, members, model, serve, write

import ecology as eco
from ecology.errors import InvalidPopulation

BROKEN = """
[[models]]
name = "a"
timout_ms = 5
backend = { kind = "callable", target = "models:nothing_like_this" }

[[models]]
name = "b"
timeout_ms = 0
backend = { kind = "onnx", path = "absent.onnx" }

[policy]
baseline = "c"
"""


def test_a_broken_file_changes_nothing_and_everything_in_it_is_told(tmp_path: Path) -> None:
    with serve(tmp_path, model("echo")) as ecology:
        before = (ecology.digest, ecology.generation, ecology.snapshot, ecology.description)
        (tmp_path / "ecology.toml").write_text(BROKEN)
        with pytest.raises(InvalidPopulation) as caught:
            ecology.reload()
        places = {violation.place for violation in caught.value.violations}
        assert places >= {"models.0.timout_ms (a@1)", "models.1.timeout_ms (b@1)", "policy.baseline"}
        assert all(violation.fix for violation in caught.value.violations)
        assert (ecology.digest, ecology.generation, ecology.snapshot, ecology.description) == before
        assert ecology.answer("hi").output == "hi"
        (tmp_path / "ecology.toml").unlink()
        with pytest.raises(InvalidPopulation, match="no such file"):
            ecology.reload()
        assert ecology.answer("hi").attribution["snapshot"]["digest"] == before[0]


def test_a_model_that_cannot_be_loaded_changes_nothing(tmp_path: Path) -> None:
    with serve(tmp_path, model("echo")) as ecology:
        before = ecology.digest
        (tmp_path / "models.py").write_text("raise RuntimeError('half written')")
        with pytest.raises(InvalidPopulation, match="half written"):
            ecology.reload()
        assert (ecology.digest, ecology.generation) == (before, 1)
        assert ecology.answer("hi").output == "hi"


def test_a_swap_takes_the_new_file_and_its_new_functions(tmp_path: Path) -> None:
    with serve(tmp_path, model("echo")) as ecology:
        before = ecology.digest
        (tmp_path / "models.py").write_text("def echo(text):\n    return text[::-1]\n")
        write(tmp_path, [model("echo", version="2")])
        assert ecology.reload() == ecology.generation == 2
        answer = ecology.answer("abc")
        assert (answer.output, answer.model) == ("cba", "echo@2")
        assert answer.attribution["snapshot"] == {"name": "test", "generation": 2, "digest": ecology.digest}
        assert ecology.digest != before
        # The digest is over content: the same file again is the same snapshot of another generation.
        again = ecology.digest
        assert (ecology.reload(), ecology.digest) == (3, again)


def test_a_request_in_flight_ends_under_the_snapshot_it_began_with(tmp_path: Path) -> None:
    with serve(tmp_path / "a", model("hung", "hang", timeout_ms=30_000)) as ecology, ThreadPoolExecutor(1) as pool:
        module, before = members(ecology), ecology.digest
        answer = pool.submit(ecology.answer, "hi")
        module.STARTED.wait()
        ecology.reload(describe(tmp_path / "b", model("echo")))
        assert ecology.answer("hi").model == "echo@1"
        module.RELEASE.set()
        assert answer.result().output == "late"
        assert answer.result().attribution["snapshot"]["digest"] == before != ecology.digest


def while_swapping(
    ecology: eco.Ecology, described: list[eco.Description], ask: Callable[[int], eco.Answer]
) -> list[eco.Answer]:
    """Answers of four threads that never stop asking while the population is swapped again and again.

    Every thread asks at least twice under each population before the next one comes.
    """
    done = threading.Event()
    asked = threading.Condition()
    found: list[list[eco.Answer]] = [[] for _ in range(4)]

    def keep_asking(thread: int) -> None:
        try:
            while not done.is_set():
                found[thread].append(ask(len(found[thread])))
                with asked:
                    asked.notify()
        finally:
            done.set()  # one that fails ends the test

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(keep_asking, thread) for thread in range(4)]
        try:
            for swap in range(30):
                ecology.reload(described[swap % len(described)])
                before = [len(answers) for answers in found]
                with asked:
                    asked.wait_for(lambda before=before: done.is_set() or on_by_two(found, before), timeout=30)
        finally:
            done.set()
        for one in asking:
            one.result()
    return [answer for answers in found for answer in answers]


def on_by_two(found: list[list[eco.Answer]], before: list[int]) -> bool:
    return all(len(answers) >= n + 2 for answers, n in zip(found, before, strict=True))


@pytest.mark.parametrize("blocking", [True, False], ids=["answer", "aanswer"])
def test_four_threads_notice_nothing_of_a_swap(tmp_path: Path, blocking: bool) -> None:
    priced = {"price": {"usd_per_call": 0.001}}
    one = describe(tmp_path / "one", model("echo", **priced), budgets={"team": {"usd": 1000}})
    two = describe(tmp_path / "two", model("sure", **priced), model("echo", **priced), budgets={"team": {"usd": 2000}})
    digests = set()
    for described in (one, two):
        with eco.Ecology(described) as alone:
            digests.add(alone.digest)
    with eco.Ecology(one) as ecology:

        def ask(_: int) -> eco.Answer:
            if blocking:
                return ecology.answer("hi", account="team")
            return asyncio.run(ecology.aanswer("hi", account="team"))

        answers = while_swapping(ecology, [two, one], ask)
        assert {answer.attribution["snapshot"]["digest"] for answer in answers} == digests
        for answer in answers:
            assert answer.output in ("hi", "sure")
        assert sum(row["nano_usd"] for row in ecology.counters()) == len(answers) * 1_000_000
        [team] = [row for row in ecology.accounts() if row["resource"] == "nano_usd"]
        assert team["committed"] == len(answers) * 1_000_000
        assert held(ecology) == 0


def test_async_members_may_come_with_a_swap(tmp_path: Path) -> None:
    sync = describe(tmp_path / "sync", model("m", "echo"))
    loop = describe(tmp_path / "loop", model("m", "echo_async"))
    with eco.Ecology(sync) as ecology:
        answers = while_swapping(ecology, [loop, sync], lambda n: ecology.answer(f"{n}"))
        assert len({answer.attribution["snapshot"]["digest"] for answer in answers}) == 2


class SwapsWhenRead:
    """An array that swaps the population in the middle of a request, when its size is asked for."""

    __array_interface__: dict[str, Any] = {}
    nbytes = 8

    def __init__(self, swap: Callable[[], object]) -> None:
        self.swap = swap

    @property
    def size(self) -> int:
        self.swap()
        return 1


def test_async_members_may_come_between_the_reading_of_a_request_and_its_start(tmp_path: Path) -> None:
    arrays = {"modalities": ["array"]}
    loop = describe(tmp_path / "loop", model("m", "label_async", contract=arrays))
    with serve(tmp_path / "sync", model("m", "label", contract=arrays)) as ecology:
        answer = ecology.answer(SwapsWhenRead(lambda: ecology.reload(loop)))
        assert (answer.output, answer.attribution["snapshot"]["generation"]) == ("refund", 2)


def test_what_was_spent_survives_a_swap(tmp_path: Path) -> None:
    def described(usd: float | None) -> eco.Description:
        budgets = {} if usd is None else {"budgets": {"team": {"usd": usd}}}
        return describe(tmp_path, model("echo", price={"usd_per_call": 0.25}), **budgets)

    with eco.Ecology(described(1.0)) as ecology:
        for _ in range(3):
            ecology.answer("hi", account="team")
        events = len(ecology.take_events())
        ecology.reload(described(2.0))

        def standing() -> tuple[int | None, int]:
            [row] = [row for row in ecology.accounts() if row["resource"] == "nano_usd"]
            return row["limit"], row["committed"]

        assert standing() == (2_000_000_000, 750_000_000)
        assert (ecology.savings().requests, events, ecology.event_counts()) == (3, 3, (3, 0))
        ecology.reload(described(None))
        ecology.answer("hi", account="team")
        assert standing() == (None, 1_000_000_000)
        ecology.reload(described(1.0))
        with pytest.raises(eco.EcologyError, match=r"\$1 of \$1 are"):
            ecology.answer("hi", account="team")


def test_it_shows_what_it_serves_until_it_is_closed(tmp_path: Path) -> None:
    with serve(tmp_path, model("echo")) as ecology:
        ecology.reload()
        name = ecology.description.name
        assert repr(ecology) == f"Ecology({name}: 1 model, generation {ecology.generation})"
    assert repr(ecology) == "Ecology(closed)"
