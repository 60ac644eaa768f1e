"""Many threads and many loops against one server: connections bounded and kept, nothing leaked, also of what fails."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.faults.served import ASK, BUDGET, WAYS, asked, balanced, served

from ecology.testing import FAULTS, OpenAIServer, population

linux = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts descriptors in /proc")  # noqa: PTH110

ERRORS = ["unavailable", "reset_in_body", "not_json", "close_before_headers", "refused_content_filter", "not_http"]


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  the folder itself is counted, each time


def settles(count: Callable[[], int], most: int) -> bool:
    """Whether it comes down to `most` in ten seconds; threads end a moment after they were joined."""
    waiting = threading.Event()
    for _ in range(500):
        if count() <= most:
            return True
        waiting.wait(0.02)
    return False


def test_a_connection_for_each_thread_that_blocks_and_no_more() -> None:
    with OpenAIServer() as server, population({"small": served(server, timeout_ms=20_000)}, BUDGET) as ecology:
        together = threading.Barrier(16)

        def work(_: int) -> list[object]:
            together.wait(20)
            return [asked(ecology, "answer") for _ in range(25)]

        with ThreadPoolExecutor(16) as pool:
            told = [each for many in pool.map(work, range(16)) for each in many]
        assert all(each.output == ASK for each in told)  # type: ignore[attr-defined]
        assert server.request_count == 400 and server.connection_count <= 16
        assert server.wait_for(lambda s: all(c.closed_by == "client" for c in s.connections), 10), "threads ended"
        balanced(ecology, *told)  # type: ignore[arg-type]


def test_loops_of_many_threads_share_the_connections_of_the_engine() -> None:
    with OpenAIServer() as server, population({"small": served(server, timeout_ms=20_000)}, BUDGET) as ecology:

        async def many() -> list[object]:
            answers = await asyncio.gather(*[ecology.aanswer(ASK) for _ in range(10)])
            return [answer.output for answer in answers]

        with ThreadPoolExecutor(8) as pool:
            for _ in range(3):
                for outputs in pool.map(lambda _: asyncio.run(many()), range(8)):
                    assert outputs == [ASK] * 10
        assert server.request_count == 240 and server.connection_count <= 80, "as many as were in flight"


@linux
@pytest.mark.parametrize("way", WAYS)
def test_many_calls_leave_no_descriptor_behind(way: str) -> None:
    with OpenAIServer() as server, population({"small": served(server, timeout_ms=20_000)}, BUDGET) as ecology:
        asked(ecology, way)
        before = descriptors()
        for at in range(2_000 if way == "answer" else 500):
            if at % 4 == 0:
                server.script(FAULTS[ERRORS[at // 4 % len(ERRORS)]])
            asked(ecology, way)
        assert settles(descriptors, before + 4), f"{descriptors()} of {before}"
        assert sum(c.is_open for c in server.connections) <= 2


@linux
def test_populations_that_are_closed_leave_no_descriptor_behind() -> None:
    with OpenAIServer() as server:

        def once(way: str) -> None:
            with population({"small": served(server, timeout_ms=20_000)}) as ecology:
                asked(ecology, way)

        for way in WAYS:
            once(way)
        before = descriptors()
        for _ in range(20):
            for way in WAYS:
                once(way)
        assert settles(descriptors, before + 4), f"{descriptors()} of {before}"


@linux
def test_threads_that_end_leave_no_descriptor_behind() -> None:
    with OpenAIServer() as server, population({"small": served(server, timeout_ms=20_000)}) as ecology:
        asked(ecology, "answer")
        before = descriptors()
        for _ in range(30):
            thread = threading.Thread(target=asked, args=(ecology, "answer"))
            thread.start()
            thread.join()
        assert settles(descriptors, before + 4), f"{descriptors()} of {before}"


@linux
def test_a_thread_ends_while_a_name_is_still_looked_up() -> None:
    with population({"small": served("http://no-such-host.invalid/v1", timeout_ms=50)}) as ecology:
        thread = threading.Thread(target=asked, args=(ecology, "answer"))
        thread.start()
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("way", WAYS)
def test_a_population_swapped_in_leaves_the_old_connections(way: str) -> None:
    with OpenAIServer(reply="old") as old, OpenAIServer(reply="new") as new:
        for server in (old, new):
            with population({"small": served(server, timeout_ms=20_000)}) as ecology:
                assert asked(ecology, way).output == ("old" if server is old else "new")
        assert old.wait_for(lambda s: s.connections[0].closed_by == "client", 5)
