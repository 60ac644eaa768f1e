"""How a turn is timed."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from collections.abc import Awaitable, Callable
from statistics import median

__all__ = ["calls", "cpu_us", "flood", "one_by_one"]


def calls(call: Callable[[], object], count: int) -> float:
    """The median µs of one blocking call."""
    spent = []
    gc.disable()
    for _ in range(count):
        began = time.perf_counter_ns()
        call()
        spent.append(time.perf_counter_ns() - began)
    gc.enable()
    return median(spent) / 1e3


async def one_by_one(call: Callable[[], Awaitable[object]], count: int) -> float:
    """The median µs of one await, one at a time."""
    spent = []
    gc.disable()
    for _ in range(count):
        began = time.perf_counter_ns()
        await call()
        spent.append(time.perf_counter_ns() - began)
    gc.enable()
    return median(spent) / 1e3


def cpu_us() -> float:
    """Processor time of this process so far, all threads, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


async def flood(call: Callable[[], Awaitable[object]], count: int, at_once: int) -> tuple[float, float]:
    """µs of the wall and of the processor for one of `count` calls with `at_once` in flight."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await call()

    began, before = time.perf_counter(), cpu_us()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return (time.perf_counter() - began) / count * 1e6, (cpu_us() - before) / count
