"""Notices that a client has left while nothing is read from its socket.

A server that hangs before it reads cannot learn it by reading. Linux tells by `EPOLLRDHUP`; elsewhere nothing does.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable

__all__ = ["Departures"]


class Departures:
    """A second epoll inside the loop's own; calls back with whether the client reset the connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[int, Callable[[bool], None]] = {}
        if sys.platform == "linux":
            self._epoll = select.epoll()
            loop.add_reader(self._epoll.fileno(), self._look)

    def watch(self, descriptor: int, left: Callable[[bool], None]) -> bool:
        """Call `left` when the client goes; whether that is possible here."""
        if sys.platform != "linux":
            return False
        self._watched[descriptor] = left
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLONESHOT)
        return True

    def close(self) -> None:
        """Watch nothing any more."""
        if sys.platform == "linux":
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _look(self) -> None:
        if sys.platform == "linux":
            for descriptor, events in self._epoll.poll(0):
                left = self._watched.pop(descriptor, None)
                if left is not None:
                    left(bool(events & select.EPOLLERR))
