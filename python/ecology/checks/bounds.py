"""Checks of time: a leg leaves when its time is over, and a request that is given up leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from ..ecology import Ecology
from ..errors import EcologyError, NotYet
from .subject import Failed, Subject

__all__ = ["cancel", "timeouts"]

LIMIT_MS = 50
SLACK_S = 1.0  # twenty times the limit, since a machine that is busy is no fault of the backend
DELAYS_S = (0.0, 0.005, 0.02)
ADVICE = "never block inside an async function: await, or write a plain function, which has a thread of its own"


def timeouts(subject: Subject) -> None:
    """Past its time a leg is over, whatever its member does."""
    _at_its_own_pace(subject, blocking=False)
    _at_its_own_pace(subject, blocking=True)
    # What runs in a process of its own cannot be made to hang from here; it is killed when its time is over.
    if not subject.backend.NATIVE and subject.manifest.isolation == "none":
        _hung(subject, blocking=False)
        _hung(subject, blocking=True)


def cancel(subject: Subject) -> None:
    """A request that is cancelled ends its member's work on the loop, and the next request is answered."""
    with subject.serve() as ecology:

        async def scenario() -> None:
            before = asyncio.all_tasks()
            for delay_s in DELAYS_S:
                asked = asyncio.ensure_future(subject.aask(ecology, subject.inputs[0]))
                await asyncio.sleep(delay_s)
                asked.cancel()
                await asyncio.wait([asked])
                ends = time.monotonic() + SLACK_S
                while (left := asyncio.all_tasks() - before) and time.monotonic() < ends:
                    await asyncio.sleep(0.01)
                if left:
                    raise Failed("it goes on after it was cancelled; let CancelledError pass, and only clean up")
            try:
                await subject.aask(ecology, subject.inputs[0])
            except EcologyError as error:
                raise Failed(f"after a cancelled request the next one fails: {error}") from error

        asyncio.run(scenario())
        reserved = sum(row["reserved"] for row in ecology.accounts())
        if reserved:
            raise Failed(f"{reserved} stay reserved after a cancelled request")


def _at_its_own_pace(subject: Subject, *, blocking: bool) -> None:
    with subject.serve() as ecology:
        took_s = _timed(subject, ecology, blocking, deadline_ms=LIMIT_MS)
    if took_s > SLACK_S:
        call = "answer" if blocking else "aanswer"
        raise Failed(f"{call} with {LIMIT_MS} ms of time took {took_s * 1e3:.0f} ms; {ADVICE}")


def _hung(subject: Subject, *, blocking: bool) -> None:
    backend, gate = subject.slowed()
    try:
        with subject.serve(backend=backend, timeout_ms=LIMIT_MS) as ecology:
            took_s = _timed(subject, ecology, blocking)
            late = sum(row.get("timed_out", 0) for row in ecology.counters())
    finally:
        gate.set()
    if took_s > SLACK_S or not late:
        raise Failed(f"a call that hangs, with {LIMIT_MS} ms of time, took {took_s * 1e3:.0f} ms; {ADVICE}")


def _timed(subject: Subject, ecology: Ecology, blocking: bool, **stated: float) -> float:
    """Seconds that one request takes, however it ends."""
    started = time.monotonic()

    async def once() -> float:
        with suppress(NotYet):
            await subject.aask(ecology, subject.inputs[0], **stated)
        return time.monotonic() - started  # on the loop, before its closing waits for anybody

    if not blocking:
        return asyncio.run(once())
    with suppress(NotYet):
        subject.ask(ecology, subject.inputs[0], **stated)
    return time.monotonic() - started
