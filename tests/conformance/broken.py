"""Backends that each break one promise, and otherwise keep them all."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import PrivateAttr, field_serializer

from ecology.backends import Backend

__all__ = ["BROKEN", "Unknown", "let_go"]

HOME = os.getpid()
_kept: list[Any] = []
_open: list[int] = []
_release = threading.Event()
LOADS: list[int] = []


def let_go() -> None:
    """Give back what leaking backends kept."""
    global _release
    _release.set()
    _release = threading.Event()
    _kept.clear()
    while _open:
        os.close(_open.pop())


class Unknown(Backend):
    """No package supplies it."""

    kind: Literal["unknown"] = "unknown"

    def load(self, root: Path) -> Callable[[Any], Any]:
        return str


class _Function(Backend):
    """The base of those that break something in what they load."""

    kind: Literal["broken"] = "broken"

    def load(self, root: Path) -> Callable[[Any], Any]:
        return self.answer

    def answer(self, data: Any) -> Any:
        return data


class Unpicklable(_Function):
    """A lock in its configuration."""

    _lock: Any = PrivateAttr(default_factory=threading.Lock)


class Forgetful(_Function):
    """Writes something else as JSON than it holds."""

    size: int = 3

    @field_serializer("size")
    def _size(self, size: int) -> int:
        return size + 1


class Speechless(_Function):
    """Returns what is neither text, JSON nor an array."""

    def answer(self, data: Any) -> Any:
        return object()


class Overconfident(_Function):
    """More than certain."""

    def answer(self, data: Any) -> Any:
        from ecology import Reply

        return Reply(data, confidence=2.0)


class Moody(_Function):
    """Never says the same twice."""

    def answer(self, data: Any) -> Any:
        return f"{data} {time.perf_counter_ns()}"


class Fragile(_Function):
    """A NUL ends the process."""

    def answer(self, data: Any) -> Any:
        if "\0" in data:
            os._exit(3)
        return data


class Patient(_Function):
    """Waits for ever for what is odd."""

    def answer(self, data: Any) -> Any:
        if "\0" in data:
            _release.wait(4)
        return data


class Blocking(_Function):
    """Async, and blocks its loop the first time."""

    def load(self, root: Path) -> Callable[[Any], Any]:
        slept: list[bool] = []

        async def answer(data: Any) -> Any:
            if not slept and threading.current_thread().name != "ecology-loop":
                slept.append(True)
                time.sleep(1.5)  # the fault that is looked for
            return data

        return answer


class Stubborn(_Function):
    """Takes a cancellation for an invitation."""

    def load(self, root: Path) -> Callable[[Any], Any]:
        async def answer(data: Any) -> Any:
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                await asyncio.sleep(3600)
            return data

        return answer


class Racing(_Function):
    """Keeps what it works on where every thread sees it."""

    def load(self, root: Path) -> Callable[[Any], Any]:
        shared: dict[str, Any] = {}

        def answer(data: Any) -> Any:
            shared["data"] = data
            time.sleep(0.002)
            return shared["data"]

        return answer


class Homebound(_Function):
    """Belongs to the first loop that it saw."""

    def load(self, root: Path) -> Callable[[Any], Any]:
        home: list[asyncio.AbstractEventLoop] = []

        async def answer(data: Any) -> Any:
            loop = asyncio.get_running_loop()
            home.append(loop)
            if home[0] is not loop:
                raise RuntimeError("attached to a different loop")
            return data

        return answer


class Aging(_Function):
    """Says something else each time that it is loaded."""

    def load(self, root: Path) -> Callable[[Any], Any]:
        LOADS.append(1)
        age = len(LOADS)
        return lambda data: f"{data} {age}"


class Parental(_Function):
    """Cannot be opened in another process."""

    def load(self, root: Path) -> Callable[[Any], Any]:
        if os.getpid() != HOME:
            raise RuntimeError("the connection belongs to the parent")
        return super().load(root)


class LeavesFiles(_Function):
    """Never closes a file."""

    def answer(self, data: Any) -> Any:
        _open.append(os.open(os.devnull, os.O_RDONLY))
        return data


class LeavesThreads(_Function):
    """Never ends a thread."""

    def answer(self, data: Any) -> Any:
        threading.Thread(target=_release.wait, args=(60,), daemon=True).start()
        return data


class LeavesMemory(_Function):
    """Never forgets."""

    def answer(self, data: Any) -> Any:
        _kept.append(b"x" * 300_000)
        return data


BROKEN: tuple[tuple[type[Backend], str, str], ...] = (
    (Unknown, "kind", "there is no such kind"),
    (Unpicklable, "config", "make locks, files and sessions in load()"),
    (Forgetful, "config", "not the same after JSON"),
    (Speechless, "replies", "return text, JSON, an array"),
    (Overconfident, "replies", "return text, JSON, an array"),
    (Moody, "deterministic", "deterministic=False"),
    (Fragile, "errors", "the process ended with exit code 3"),
    (Patient, "errors", "raise an exception in place of waiting"),
    (Blocking, "timeouts", "never block inside an async function"),
    (Stubborn, "cancel", "it goes on after it was cancelled"),
    (Racing, "threads", "in its own variables"),
    (Homebound, "loops", "attached to a different loop"),
    (Aging, "reload", "the same inputs get other replies"),
    (Parental, "fork", "the connection belongs to the parent"),
    (LeavesFiles, "leaks", "more file descriptors"),
    (LeavesThreads, "leaks", "more threads"),
    (LeavesMemory, "leaks", "more KB"),
)
