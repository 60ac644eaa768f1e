"""Runs something in a forked process, so that whatever it does ends there. Bounded: who hangs is killed, by its id."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Ended", "in_child"]

MOST_BYTES = 8_000  # fits a pipe, so that a child never waits for its parent to read


@dataclass(frozen=True, slots=True)
class Ended:
    """What a child said; empty, with the reason in `died`, when it said nothing."""

    said: str
    died: str = ""


def in_child(work: Callable[[], str], limit_s: float) -> Ended:
    """The text that `work` gives in a child of this process, within `limit_s`."""
    mine, its = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tried here
        pid = os.fork()
    if pid == 0:
        try:
            os.close(mine)
            os.write(its, work().encode(errors="replace")[:MOST_BYTES])
        except BaseException as error:  # noqa: BLE001  # nothing may leave this process but by _exit
            with contextlib.suppress(OSError):
                os.write(its, f"!{type(error).__name__}: {error}".encode(errors="replace")[:MOST_BYTES])
        finally:
            os._exit(0)
    os.close(its)
    said, ends = b"", time.monotonic() + limit_s
    try:
        while (left := ends - time.monotonic()) > 0 and select.select([mine], [], [], left)[0]:
            part = os.read(mine, MOST_BYTES)
            if not part:
                break
            said += part
        hung = time.monotonic() >= ends
        if hung:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(mine)
    if said:
        return Ended(said.decode(errors="replace"))
    code = os.waitstatus_to_exitcode(status)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return Ended("", f"it hung for {limit_s:g} s" if hung else f"the process ended with {how}")
