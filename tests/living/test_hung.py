"""A member that never returns, or that blocks a loop, delays nobody for longer than its own time."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, Literal

import pytest
from tests.living.programs import population
from tests.populations import held, members, model

import ecology as eco
from ecology.backends import Backend, kinds, register
from ecology.engine import loop_thread
from ecology.errors import AllLegsFailed, DeadlineExceeded, RunningLoop

SHORT_MS = 50
LONG_MS = 60_000
THREADS_OF_A_MODEL = 64
ALONE = {"kind": "direct", "max_fallbacks": 0}
TWO = [
    model("hang", timeout_ms=SHORT_MS, price={"usd_per_call": 0.001}),
    model("echo", timeout_ms=LONG_MS),
]


def time_out(ecology: eco.Ecology, name: str) -> None:
    with pytest.raises((DeadlineExceeded, AllLegsFailed)):
        ecology.answer("hi", model=name)


def row_of(ecology: eco.Ecology, name: str) -> dict[str, Any]:
    [row] = [row for row in ecology.counters() if row["model"].partition("@")[0] == name]
    return row


def test_a_model_whose_threads_all_hang_is_refused_at_once_and_others_go_on(tmp_path: Path) -> None:
    population(tmp_path, *TWO, default_plan=ALONE, budgets={"team": {"usd": 10}})
    with eco.Ecology.open(tmp_path) as ecology:
        module = members(ecology)
        try:
            with ThreadPoolExecutor(16) as callers:
                list(callers.map(lambda _: time_out(ecology, "hang"), range(THREADS_OF_A_MODEL)))
            # Some timed out while they waited for a thread; go on until the share is lost.
            for _ in range(2 * THREADS_OF_A_MODEL):
                with pytest.raises((DeadlineExceeded, AllLegsFailed)) as caught:
                    ecology.answer("hi", model="hang", account="team")
                [leg] = caught.value.legs
                if leg["outcome"] == "occupied":
                    break
            assert "all its threads are occupied: 64 earlier calls have not returned" in leg["fault"]
            spent = [row["committed"] for row in ecology.accounts() if row["resource"] == "nano_usd"]
            with pytest.raises(AllLegsFailed):
                ecology.answer("hi", model="hang", account="team")
            assert spent == [row["committed"] for row in ecology.accounts() if row["resource"] == "nano_usd"]
            assert held(ecology) == 0
            answers = [ecology.answer(f"{n}", model="echo").output for n in range(200)]
            assert answers == [f"{n}" for n in range(200)]
        finally:
            module.RELEASE.set()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                assert ecology.answer("hi", model="hang", deadline_ms=LONG_MS).output == "late"
            except (AllLegsFailed, DeadlineExceeded):
                continue
            return
        raise AssertionError("the model is still refused after its calls returned")


def test_a_plug_in_that_hangs_on_the_pool_for_the_processor_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "_plugged", {})
    monkeypatch.setattr(kinds, "_suppliers", {})
    release = Event()

    @register
    class Busy(Backend):
        RUNS = "compute"
        kind: Literal["busy-or-hung"]

        def load(self, root: Path) -> Any:
            return lambda data: release.wait(60) if data == "hang" else data

    busy = {"backend": {"kind": "busy-or-hung"}}
    population(
        tmp_path, model("hang", timeout_ms=SHORT_MS, **busy), model("b", timeout_ms=20_000, **busy), default_plan=ALONE
    )
    with eco.Ecology.open(tmp_path) as ecology:
        try:
            for n in range((os.cpu_count() or 1) + 10):
                with pytest.raises((DeadlineExceeded, AllLegsFailed)) as caught:
                    ecology.answer("hang", model="hang")
                assert ecology.answer(f"{n}", model="b").output == f"{n}"
            assert caught.value.legs[0]["outcome"] == "occupied"
        finally:
            release.set()


def test_what_times_out_in_line_costs_nothing_and_keeps_no_input(tmp_path: Path) -> None:
    class Input(str):
        __slots__ = ("__weakref__",)

    in_line, inputs = 40, []
    price = {"usd_per_million_tokens_in": 0, "usd_per_million_tokens_out": 1}
    hung = model("hang", timeout_ms=1_000, price=price, max_output_tokens=1000)
    population(tmp_path, hung, default_plan=ALONE)

    async def ask(ecology: eco.Ecology, n: int) -> None:
        data = Input(n)
        inputs.append(weakref.ref(data))
        with pytest.raises((DeadlineExceeded, AllLegsFailed)):
            await ecology.aanswer(data)

    async def ask_all(ecology: eco.Ecology) -> None:
        await asyncio.gather(*(ask(ecology, n) for n in range(THREADS_OF_A_MODEL + in_line)))

    with eco.Ecology.open(tmp_path) as ecology:
        module = members(ecology)
        try:
            asyncio.run(ask_all(ecology))
            gc.collect()
            row = row_of(ecology, "hang")
            assert row["timed_out"] == THREADS_OF_A_MODEL + in_line
            assert row["tokens_out"] <= THREADS_OF_A_MODEL * 1000
            assert sum(each() is not None for each in inputs) <= THREADS_OF_A_MODEL
        finally:
            module.RELEASE.set()


def test_an_async_member_that_blocks_delays_no_later_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_thread, "BLOCKED_AFTER_S", 0.05)
    monkeypatch.setattr(loop_thread.LoopThread, "_loops", [])
    folder = tmp_path
    population(folder, model("blocks", timeout_ms=SHORT_MS), model("echo-async", timeout_ms=LONG_MS))
    source = (folder / "models.py").read_text() + "\nasync def blocks(_):\n    RELEASE.wait(60)\n"
    (folder / "models.py").write_text(source)
    with eco.Ecology.open(folder) as ecology:
        module = members(ecology)
        try:
            for _ in range(2):
                started = time.monotonic()
                time_out(ecology, "blocks")
                assert time.monotonic() - started < 10 * SHORT_MS / 1e3
                time.sleep(0.1)
                assert ecology.answer("hi", model="echo-async", deadline_ms=20_000).output == "hi"
            assert 2 <= len(loop_thread.LoopThread._loops) <= loop_thread.MOST_LOOPS
        finally:
            module.RELEASE.set()


async def test_inside_a_running_loop_the_blocking_call_says_what_to_use(tmp_path: Path) -> None:
    """A notebook's cell runs inside a loop."""
    population(tmp_path)
    with eco.Ecology.open(tmp_path) as ecology:
        with pytest.raises(RunningLoop, match=r"use `await aanswer"):
            ecology.answer("hi", model="echo")
        assert (await ecology.aanswer("hi", model="where-am-i")).output == "hi"
    population(tmp_path, model("echo"))
    with eco.Ecology.open(tmp_path) as ecology:
        assert ecology.answer("hi").output == "hi"


def test_many_threads_with_loops_of_their_own_share_one_ecology(tmp_path: Path) -> None:
    population(tmp_path)
    with eco.Ecology.open(tmp_path) as ecology:

        def work(thread: int) -> list[str]:
            async def main() -> list[str]:
                names = ["echo", "where-am-i", "sleepy"]
                calls = [ecology.aanswer(f"{thread}-{n}", model=names[n % 3]) for n in range(30)]
                return [answer.output for answer in await asyncio.gather(*calls)]

            return [*asyncio.run(main()), ecology.answer(f"{thread}", model="where-am-i").output]

        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(work, range(8)))
        assert found == [[f"{thread}-{n}" for n in range(30)] + [f"{thread}"] for thread in range(8)]


@pytest.mark.parametrize("name", ["panics", "panics-async", "interrupts-async", "exits", "exits-async"])
@pytest.mark.parametrize("blocking", [True, False], ids=["answer", "aanswer"])
def test_whatever_a_member_raises_is_the_fault_of_its_leg(tmp_path: Path, name: str, blocking: bool) -> None:
    if name == "interrupts-async" and not blocking:
        pytest.skip("on the caller's own main thread it is the caller who is interrupted")
    population(tmp_path, model(name, timeout_ms=LONG_MS), model("echo-async"), default_plan=ALONE)
    with eco.Ecology.open(tmp_path) as ecology:

        def ask(which: str) -> eco.Answer:
            return ecology.answer("hi", model=which) if blocking else asyncio.run(ecology.aanswer("hi", model=which))

        with pytest.raises(AllLegsFailed) as caught:
            ask(name)
        assert caught.value.legs[0]["outcome"] == "failed"
        assert ask("echo-async").output == "hi"
