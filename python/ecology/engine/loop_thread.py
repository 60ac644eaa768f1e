"""The package's own event loop, for async members of a blocking `answer()`.

One daemon thread, started by the first leg that needs it. `aanswer` never comes here: it runs async members on the
caller's loop, with the caller's context.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from .. import _core

__all__ = ["LoopThread", "deliver", "submit"]

Leg = tuple[int, Callable[[Any], Awaitable[Any]], Any, _core.Post]


async def deliver(function: Callable[[Any], Awaitable[Any]], data: Any, post: _core.Post) -> None:
    """Await one leg and post what it returned or raised; a cancelled one posts nothing, nobody waits for it."""
    try:
        result = await function(data)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        post.failed(error)  # nobody cancelled this leg: it awaited something that was
    # Whatever a member raises is the fault of that leg alone; a SystemExit would end the loop that all legs share.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        post.failed(error)
    else:
        post.done(result)


class LoopThread:
    """Starts and cancels the legs of one request on a shared loop."""

    _lock = threading.Lock()
    _loop: asyncio.AbstractEventLoop | None = None
    _process = 0

    def __init__(self) -> None:
        self._tasks: dict[int, Any] = {}

    def submit(self, legs: list[Leg]) -> None:
        """Start each leg."""
        loop = self._running()
        for number, function, data, post in legs:
            self._tasks[number] = asyncio.run_coroutine_threadsafe(deliver(function, data, post), loop)

    def cancel(self, numbers: list[int]) -> None:
        """Cancel legs that nobody waits for any more."""
        for number in numbers:
            task = self._tasks.pop(number, None)
            if task is not None:
                task.cancel()

    @classmethod
    def _running(cls) -> asyncio.AbstractEventLoop:
        with cls._lock:
            # Threads do not survive a fork: a child needs a loop of its own.
            if cls._loop is None or cls._process != os.getpid():
                loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, name="ecology-loop", daemon=True).start()
                cls._loop, cls._process = loop, os.getpid()
            return cls._loop


def submit(legs: list[Leg]) -> None:
    """Start legs of a request that expected no async member: a swap brought them after the request was read.

    So rare that nothing is kept for it; a leg past its time is left to end on its own.
    """
    LoopThread().submit(legs)
