"""Carries a flight on the caller's event loop.

Async members run as tasks of this loop with the caller's context variables; everything else runs where the core says.
There is one await per request, and none at all when every leg is inline. All requests of a loop share one `Bridge`: one
wake-up brings the post of all of them, and one timer keeps all their deadlines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, ref

from .. import _core
from .loop_thread import deliver

__all__ = ["carry"]

Begin = Callable[[_core.Bridge], _core.Flight]


class LoopBridge:
    """The bridge of one loop, and its timer. It does not keep the loop alive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)
        # A timer knows its loop, and what is kept here outlives loops that nobody else keeps.
        self._timer: ref[asyncio.TimerHandle] | None = None
        self.core = _core.Bridge(self._wake)
        fileno = self.core.fileno()
        if fileno is not None:
            loop.add_reader(fileno, self._drain)

    def arm(self, seconds: float | None) -> None:
        """Have the core look at the clock in so many seconds; None leaves the timer as it is."""
        if seconds is None:
            return
        timer = None if self._timer is None else self._timer()
        if timer is not None:
            timer.cancel()
        self._timer = ref(asyncio.get_running_loop().call_later(seconds, self._tick))

    def _drain(self) -> None:
        self.arm(self.core.drain())

    def _tick(self) -> None:
        self._timer = None
        self.arm(self.core.tick())

    def _wake(self) -> None:
        # Called from other threads, where the loop cannot watch a descriptor.
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._drain)


class Here:
    """Where a leg of the caller's own loop goes: its flight takes it in at once, without any wake-up."""

    __slots__ = ("_bridge", "_flight", "_leg")

    def __init__(self, bridge: LoopBridge, flight: _core.Flight, leg: int) -> None:
        self._bridge, self._flight, self._leg = bridge, flight, leg

    def done(self, result: Any) -> None:
        """It returned this."""
        self._bridge.arm(self._flight.done(self._leg, result))

    def failed(self, error: BaseException) -> None:
        """It raised this."""
        self._bridge.arm(self._flight.failed(self._leg, error))


_bridges: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopBridge] = WeakKeyDictionary()


def _bridge(loop: asyncio.AbstractEventLoop) -> LoopBridge:
    bridge = _bridges.get(loop)
    if bridge is None:
        bridge = _bridges[loop] = LoopBridge(loop)
    return bridge


async def carry(begin: Begin) -> _core.Answer:
    """Drive the flight that `begin(bridge)` gives to its end.

    When the awaiting task is cancelled, its legs are cancelled and settled.
    """
    loop = asyncio.get_running_loop()
    bridge = _bridge(loop)
    flight = begin(bridge.core)
    answer = flight.start()
    if answer is not None:
        return answer
    tasks: dict[int, asyncio.Task[Any]] = {}
    try:
        while answer is None:
            for number, function, data in flight.take_legs():
                tasks[number] = loop.create_task(deliver(function, data, Here(bridge, flight, number)))
            future: asyncio.Future[_core.Answer | None] = loop.create_future()
            bridge.arm(flight.wait(future))
            answer = await future
            for number in flight.take_cancels():
                if number in tasks:
                    tasks.pop(number).cancel()
        return answer
    finally:
        if answer is None:
            flight.cancel()
        for task in tasks.values():
            task.cancel()
