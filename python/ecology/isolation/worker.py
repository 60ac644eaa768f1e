"""What runs in the process of an isolated member: confined first, then the member is imported, then one leg at a time.

Started by `process.py` as `python -I -S -B -c … worker`, with what it is told in a file, and the frames of its legs on
standard input and output. Both are moved away before anything of the member is imported, so that what it prints goes
nowhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from . import frames, sandbox

__all__ = ["main"]

Function = Callable[[Any], Any]
MOST_WORDS = 2_000


def main(parent: int, told: int) -> None:
    """Serve the process `parent`, as the file `told` says, until it closes the pipe."""
    pipe = _Pipe()
    with open(told, "rb") as file:
        setup, _ = frames.unpack(*frames.split(file.read()))
    try:
        sandbox.confine(setup["limits"], parent)
    except sandbox.Refused as refused:
        return pipe.write({"refused": [refused.problem, refused.fix]})
    try:
        function = _load(setup)
    except BaseException as error:  # noqa: BLE001  # told to the parent, whatever it is
        fix = getattr(error, "fix", "") or "repair it"
        return pipe.write({"refused": [getattr(error, "problem", "") or _words(error), fix]})
    pipe.write({"ready": os.getpid()})
    while (leg := pipe.read()) is not None:
        message, raw = leg
        sandbox.leg_begins(setup["limits"]["cpu_s"])
        pipe.write(*_answer(function, frames.value(message["leg"], raw, dtypes=None)))
    return None


def _load(setup: dict[str, Any]) -> Function:
    """The member's function; an async one runs on a loop of this process."""
    from ..backends import kinds
    from ..backends.protocol import is_async

    if setup["registered"] is not None:
        module, _, name = setup["registered"].partition(":")
        target: Any = import_module(module)
        for part in name.split("."):
            target = getattr(target, part)
        backend = target.model_validate(setup["backend"])
    else:
        backend = kinds.read(setup["backend"])
    function: Function = backend.function(Path(setup["root"]))
    if not is_async(function):
        return function
    import asyncio

    loop = asyncio.new_event_loop()

    def waited(data: Any) -> Any:
        return loop.run_until_complete(function(data))

    return waited


def _answer(function: Function, data: Any) -> tuple[dict[str, Any], bytes]:
    try:
        reply = function(data)
        facts: dict[str, Any] = {}
        if type(reply).__name__ == "Reply" and hasattr(reply, "output"):
            names = ("confidence", "tokens_in", "tokens_out")
            facts = {name: _plain(getattr(reply, name)) for name in names}
            reply = reply.output
        shown, raw = frames.tree(reply, "<f4")
        frames.pack({"reply": shown})  # what cannot be sent is this leg's fault
    except BaseException as error:  # noqa: BLE001  # told to the parent, whatever it is
        return {"fault": _words(error)}, b""
    return {"reply": shown} | facts, raw


def _plain(number: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return number.item() if hasattr(number, "item") else number


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:MOST_WORDS]
    except Exception:  # noqa: BLE001  # of an exception that cannot be shown
        return type(error).__name__


class _Pipe:
    """The frames, on descriptors of their own; 0, 1 and 2 go nowhere."""

    def __init__(self) -> None:
        self._in, self._out = os.dup(0), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        os.close(nowhere)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  # as long as the process

    def read(self) -> tuple[dict[str, Any], bytes] | None:
        """The next frame; `None` when the parent is gone."""
        head = self._exactly(frames.HEAD.size)
        if head is None:
            return None
        text, raw = frames.HEAD.unpack(head)
        body = self._exactly(text + raw)
        return None if body is None else frames.unpack(body[:text], body[text:])

    def write(self, message: dict[str, Any], raw: bytes = b"") -> None:
        left = memoryview(frames.pack(message, raw))
        while left:
            left = left[os.write(self._out, left) :]

    def _exactly(self, count: int) -> bytes | None:
        parts: list[bytes] = []
        while count:
            part = os.read(self._in, min(count, 1 << 20))
            if not part:
                return None
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
