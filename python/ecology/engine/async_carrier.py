"""Carries a flight on the caller's event loop.

Async members run as tasks of this loop with the caller's context variables; everything else runs where the core says.
There is one await per request, and none at all when every leg is inline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .. import _core
from .loop_thread import deliver

__all__ = ["carry"]

Begin = Callable[[Callable[[], None]], _core.Flight]


async def carry(begin: Begin) -> _core.Answer:
    """Drive the flight that `begin(notify)` gives to its end.

    When the awaiting task is cancelled, its legs are cancelled and settled.
    """
    loop = asyncio.get_running_loop()
    post = asyncio.Event()

    def notify() -> None:
        # Called from other threads. A loop that was closed meanwhile has nobody left to tell.
        if not loop.is_closed():
            loop.call_soon_threadsafe(post.set)

    flight = begin(notify)
    answer, wait_s = flight.start()
    if answer is not None:
        return answer
    tasks: dict[int, asyncio.Task[Any]] = {}
    try:
        while answer is None:
            for number, function, data, slot in flight.take_legs():
                tasks[number] = loop.create_task(deliver(function, data, slot))
            timer = loop.call_later(wait_s, post.set)
            try:
                await post.wait()
            finally:
                timer.cancel()
            post.clear()
            answer, wait_s = flight.poll()
            for number in flight.take_cancels():
                if number in tasks:
                    tasks.pop(number).cancel()
        return answer
    finally:
        flight.cancel()
        for task in tasks.values():
            task.cancel()
