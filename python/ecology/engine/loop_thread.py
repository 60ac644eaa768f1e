"""The package's own event loop, for async members of a blocking `answer()`.

One daemon thread, started by the first leg that needs it. `aanswer` never comes here: it runs async members on the
caller's loop, with the caller's context.

An async member that blocks (a `time.sleep` in a coroutine) blocks all that share its loop. When the loop has not moved
for `BLOCKED_AFTER_S`, later legs go to another one, of at most `MOST_LOOPS`; legs that are on the blocked one wait or
time out.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Protocol

from .. import _core

__all__ = ["LoopThread", "deliver", "submit"]

Leg = tuple[int, Callable[[Any], Awaitable[Any]], Any, _core.Post]

BLOCKED_AFTER_S = 0.5
MOST_LOOPS = 4
END_WITHIN_S = 0.5
"""How long the process waits for cancelled legs when it exits."""


class Slot(Protocol):
    """Where the result of one leg goes."""

    def done(self, result: Any, /) -> object:
        """It returned this."""

    def failed(self, error: BaseException, /) -> object:
        """It raised this."""


async def deliver(function: Callable[[Any], Awaitable[Any]], data: Any, post: Slot) -> None:
    """Await one leg and post what it returned or raised; a cancelled one posts nothing, nobody waits for it."""
    try:
        result = await function(data)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        post.failed(error)  # nobody cancelled this leg: it awaited something that was
    except GeneratorExit:
        raise
    # Whatever a member raises is the fault of that leg alone; a SystemExit would end the loop that all legs share.
    except BaseException as error:
        post.failed(error)
        # On the main thread it may be a person who pressed Ctrl-C: their program has to hear of it.
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
    else:
        post.done(result)


class _Running:
    """One leg on a loop. Its coroutine is made there: one that a closed loop never came to would complain."""

    def __init__(self, owner: _Loop, leg: Leg) -> None:
        self._owner = owner
        self._loop = owner.loop
        self._leg: Leg | None = leg
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._leg is not None:
            _, function, data, post = self._leg
            self._task = self._loop.create_task(deliver(function, data, post))
            self._owner.follow(self._task)

    def cancel(self) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed: the process exits
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._leg = None
        if self._task is not None:
            self._task.cancel()


class _Loop:
    """An event loop on a daemon thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._under_way = 0
        self._moved_at = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self.loop.run_forever, name="ecology-loop", daemon=True)
        self._thread.start()

    def start(self, leg: Leg) -> _Running:
        """Start a leg."""
        running = _Running(self, leg)
        self.loop.call_soon_threadsafe(running.begin)
        return running

    def is_blocked(self) -> bool:
        """Whether legs are under way and it has not moved for a while."""
        return self._under_way > 0 and time.monotonic() - self._moved_at > BLOCKED_AFTER_S

    def follow(self, task: asyncio.Task[None]) -> None:
        """On the loop: one more leg is under way, until its task is done."""
        self._moved_at = time.monotonic()
        self._under_way += 1
        if self._under_way == 1:
            self._tick()
        task.add_done_callback(self._done)

    def end(self) -> None:
        """Cancel what runs, and stop; a loop that is blocked is left to end with the process."""
        self.loop.call_soon_threadsafe(self._cancel_all)
        self._thread.join(END_WITHIN_S)
        if not self._thread.is_alive():
            self.loop.close()

    def _done(self, _: object) -> None:
        self._moved_at = time.monotonic()
        self._under_way -= 1
        if self._under_way == 0 and self._ticking is not None:
            self._ticking.cancel()

    def _tick(self) -> None:
        self._moved_at = time.monotonic()
        self._ticking = self.loop.call_later(BLOCKED_AFTER_S / 4, self._tick)

    def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        ended = asyncio.gather(*tasks, return_exceptions=True)
        ended.add_done_callback(lambda _: self.loop.stop())


class LoopThread:
    """Starts and cancels the legs of one request on a shared loop."""

    _lock: ClassVar[threading.Lock] = threading.Lock()
    _loops: ClassVar[list[_Loop]] = []
    # A loop of the parent must not be freed in a child: closing it would take the parent's own wake-up away.
    _of_parents: ClassVar[list[_Loop]] = []

    def __init__(self) -> None:
        self._running_legs: dict[int, _Running] = {}

    def submit(self, legs: list[Leg]) -> None:
        """Start each leg."""
        loop = self._running()
        for leg in legs:
            self._running_legs[leg[0]] = loop.start(leg)

    def cancel(self, numbers: list[int]) -> None:
        """Cancel legs that nobody waits for any more."""
        for number in numbers:
            running = self._running_legs.pop(number, None)
            if running is not None:
                running.cancel()

    @classmethod
    def _running(cls) -> _Loop:
        with cls._lock:
            free = next((loop for loop in cls._loops if not loop.is_blocked()), None)
            if free is None and len(cls._loops) < MOST_LOOPS:
                if not cls._loops:
                    atexit.register(cls._end)
                free = _Loop()
                cls._loops.append(free)
            return free or cls._loops[-1]

    @classmethod
    def _end(cls) -> None:
        with cls._lock:
            loops, cls._loops = cls._loops, []
        for loop in loops:
            loop.end()

    @classmethod
    def _in_child(cls) -> None:
        """Threads do not survive a fork, and a lock that one held is never released: a child begins anew."""
        cls._lock = threading.Lock()
        cls._of_parents += cls._loops
        cls._loops = []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LoopThread._in_child)


def submit(legs: list[Leg]) -> None:
    """Start legs of a request that expected no async member: a swap brought them after the request was read.

    So rare that nothing is kept for it; a leg past its time is left to end on its own.
    """
    LoopThread().submit(legs)
