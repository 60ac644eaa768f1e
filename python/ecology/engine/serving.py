"""What serves in one process, and how a forked child comes to its own.

A child of `fork` has a copy of the parent's engine and none of its threads; a lock that one of them held stays held
in the copy for ever. So a child never touches that engine. At its first use it makes one of its own from what was
compiled: weights and functions are kept (their memory stays shared with the parent), and what holds threads or locks
of its own, such as an onnxruntime session, is opened afresh. Money, counters and events begin at zero.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from .. import _core
from ..errors import Forked, InvalidPopulation
from .handle import Compiled, engine_of, reopened

__all__ = ["Serving", "of_this_process", "opening"]


@dataclass(frozen=True, slots=True)
class Serving:
    """One value, so that nobody sees the engine of one population beside the description of another."""

    engine: _core.Engine
    compiled: Compiled
    generation: int
    process: int

    @classmethod
    def begin(cls, compiled: Compiled, generation: int = 1) -> Serving:
        """A new engine, in this process."""
        return cls(engine_of(compiled, generation), compiled, generation, os.getpid())


def of_this_process(serving: Serving) -> Serving:
    """The same population under the same generation, for a child.

    Raises:
        Forked: something that has to be opened afresh cannot be, or is not what it was.
    """
    try:
        compiled = reopened(serving.compiled)
    except InvalidPopulation as error:
        raise Forked(source=error.source, violations=error.violations) from error
    return Serving.begin(compiled, serving.generation)


_opening = threading.Lock()


def opening() -> threading.Lock:
    """Held while a child opens its own; a lock of this process, whoever held it at the fork."""
    return _opening


def _renew() -> None:
    global _opening
    _opening = threading.Lock()
    _core.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
