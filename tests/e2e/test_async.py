"""Async members: on the caller's loop with the caller's context, many at once, and cancelled with their caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.populations import held, members, model, ranked_by_price, serve

import ecology as eco
from ecology.errors import RunningLoop

LONG_MS = 30_000
DOUBT = {"kind": "adaptive", "decision_confidence": 1.0}


def row_of(ecology: eco.Ecology, name: str) -> dict[str, Any]:
    [row] = [row for row in ecology.counters() if row["model"] == name]
    return row


async def test_members_run_on_the_callers_loop_with_the_callers_context(tmp_path: Path) -> None:
    with serve(tmp_path, model("where-am-i")) as ecology:
        module = members(ecology)
        module.CALLER.set("somebody")
        answer = await ecology.aanswer("hi")
        assert answer.output == "hi"
        assert [(asyncio.get_running_loop(), threading.current_thread(), "somebody")] == module.SEEN


async def test_each_caller_has_a_context_of_its_own(tmp_path: Path) -> None:
    with serve(tmp_path, model("where-am-i")) as ecology:
        module = members(ecology)

        async def call(name: str) -> None:
            module.CALLER.set(name)
            await ecology.aanswer(name)

        await asyncio.gather(*(call(f"caller {n}") for n in range(50)))
        assert sorted(caller for _, _, caller in module.SEEN) == sorted(f"caller {n}" for n in range(50))
        assert module.CALLER.get() == "nobody"


async def test_several_hundred_at_once_all_get_their_own_answer(tmp_path: Path) -> None:
    models = ranked_by_price(model("echo-async"), model("echo"))
    with serve(tmp_path, *models, default_plan=DOUBT, budgets={"team": {"usd": 10}}) as ecology:
        answers = await asyncio.gather(*(ecology.aanswer(f"number {n}", account="team") for n in range(400)))
        assert [answer.output for answer in answers] == [f"number {n}" for n in range(400)]
        assert (row_of(ecology, "echo-async@1")["ok"], row_of(ecology, "echo@1")["ok"]) == (400, 400)
        assert sum(round(answer.cost_usd * 1e9) for answer in answers) == 400 * 3_000_000
        assert held(ecology) == 0
        assert len(asyncio.all_tasks()) == 1, "a leg was left behind"


async def test_members_of_one_loop_work_while_each_other_waits(tmp_path: Path) -> None:
    """All of them have to be under way at the same time, or none comes back."""
    with serve(tmp_path, model("scripted-async", timeout_ms=LONG_MS)) as ecology:
        together = asyncio.Barrier(100)

        async def meet(data: Any) -> str:
            await together.wait()
            return str(data)

        members(ecology).SCRIPT["async"] = meet
        answers = await asyncio.gather(*(ecology.aanswer(f"{n}", deadline_ms=LONG_MS) for n in range(100)))
        assert {answer.output for answer in answers} == {f"{n}" for n in range(100)}


async def test_cancelling_the_caller_cancels_the_member_and_settles(tmp_path: Path) -> None:
    hung = model("hung", "hang_async", timeout_ms=LONG_MS, price={"usd_per_call": 0.25})
    with serve(tmp_path, hung, budgets={"team": {"usd": 1}}) as ecology:
        module = members(ecology)
        caller = asyncio.create_task(ecology.aanswer("hi", account="team"))
        while not module.SEEN:
            await asyncio.sleep(0)
        assert held(ecology) > 0
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert held(ecology) == 0
        await asyncio.sleep(0)
        assert module.SEEN == ["started", "cancelled"]
        row = row_of(ecology, "hung@1")
        assert (row["calls"], row["cancelled"], row["nano_usd"]) == (1, 1, 250_000_000)
        assert row_of(ecology, "-")["cancelled"] == 1
        [event] = ecology.take_events()
        assert (event["ending"], event["legs"][0]["outcome"]) == ("failed", "cancelled")
        assert len(asyncio.all_tasks()) == 1


async def test_a_caller_with_a_timeout_of_its_own_is_obeyed(tmp_path: Path) -> None:
    with serve(tmp_path, model("hung", "hang_async", timeout_ms=LONG_MS)) as ecology:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await ecology.aanswer("hi")
        await asyncio.sleep(0)
        assert members(ecology).SEEN == ["started", "cancelled"]
        assert held(ecology) == 0


async def test_sync_members_do_not_block_the_loop(tmp_path: Path) -> None:
    with serve(tmp_path, model("hung", "hang", timeout_ms=LONG_MS)) as ecology:
        module = members(ecology)
        caller = asyncio.create_task(ecology.aanswer("hi"))
        while not module.STARTED.is_set():
            await asyncio.sleep(0)
        assert not caller.done()
        module.RELEASE.set()
        assert (await caller).output == "late"


async def test_aanswer_needs_no_async_member(tmp_path: Path) -> None:
    async with serve(tmp_path, *ranked_by_price(model("fails"), model("sure"))) as ecology:
        answers = await asyncio.gather(*(ecology.aanswer(f"{n}") for n in range(100)))
        assert [answer.output for answer in answers] == ["sure"] * 100
        assert row_of(ecology, "sure@1")["ok"] == 100


async def test_a_blocking_answer_on_a_loop_is_refused_only_with_async_members(tmp_path: Path) -> None:
    with serve(tmp_path / "sync", model("echo")) as ecology:
        assert ecology.answer("hi").output == "hi"
    with serve(tmp_path / "mixed", model("echo"), model("echo-async")) as ecology:
        with pytest.raises(RunningLoop, match="use `await aanswer"):
            ecology.answer("hi", model="echo-async")
        assert held(ecology) == 0 and ecology.counters() == []
        # Another thread may block, for it has no loop.
        answer = await asyncio.to_thread(ecology.answer, "hi", model="echo-async")
        assert answer.output == "hi"
        assert (await ecology.aanswer("hi", model="echo-async")).output == "hi"


def in_threads(n: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work` in `n` threads that begin together."""
    together = threading.Barrier(n)

    def begin(number: int) -> Any:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n)))


@pytest.mark.parametrize("function", ["echo", "echo_async"])
def test_eight_threads_share_one_ecology(tmp_path: Path, function: str) -> None:
    with serve(tmp_path, model("m", function, price={"usd_per_call": 0.001}), budgets={"team": {"usd": 10}}) as ecology:

        def many(thread: int) -> list[str]:
            return [ecology.answer(f"{thread}-{n}", account="team").output for n in range(50)]

        found = in_threads(8, many)
        assert found == [[f"{thread}-{n}" for n in range(50)] for thread in range(8)]
        row = row_of(ecology, "m@1")
        assert (row["calls"], row["ok"], row["nano_usd"]) == (400, 400, 400_000_000)
        assert ecology.event_counts() == (400, 0)
        assert held(ecology) == 0


def test_blocking_callers_share_one_loop_thread_of_the_package(tmp_path: Path) -> None:
    with serve(tmp_path, model("where-am-i")) as ecology:
        in_threads(4, lambda n: ecology.answer(f"{n}"))
        loops = {id(loop) for loop, _, _ in members(ecology).SEEN}
        threads = {thread.name for _, thread, _ in members(ecology).SEEN}
        assert (len(members(ecology).SEEN), len(loops), threads) == (4, 1, {"ecology-loop"})


def test_two_loops_in_two_threads_each_run_their_own_members(tmp_path: Path) -> None:
    with serve(tmp_path, model("where-am-i")) as ecology:

        def run(thread: int) -> tuple[int, threading.Thread, list[str]]:
            async def main() -> tuple[int, threading.Thread, list[str]]:
                answers = await asyncio.gather(*(ecology.aanswer(f"{thread}-{n}") for n in range(50)))
                return id(asyncio.get_running_loop()), threading.current_thread(), [a.output for a in answers]

            return asyncio.run(main())

        for thread, (loop, runner, outputs) in enumerate(in_threads(2, run)):
            assert outputs == [f"{thread}-{n}" for n in range(50)]
            assert sum((id(seen), where) == (loop, runner) for seen, where, _ in members(ecology).SEEN) == 50
