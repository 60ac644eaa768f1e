"""Where a population of `ecology.testing` finds the members that were made in Python, as `…held:HELD.m_small`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

__all__ = ["HELD", "hold", "let_go"]

HELD = SimpleNamespace()
_LOCK = threading.Lock()


def hold(name: str, function: Callable[[Any], Any]) -> str:
    """Keep `function` until it is let go; gives the target that names it.

    The same name gives the same target, and so the same digest, unless another population holds it meanwhile.
    """
    stem = "m_" + re.sub(r"\W", "_", name, flags=re.ASCII)
    with _LOCK:
        key, number = stem, 1
        while hasattr(HELD, key):
            number += 1
            key = f"{stem}__{number}"
        setattr(HELD, key, function)
    return f"{__name__}:HELD.{key}"


def let_go(targets: list[str]) -> None:
    """Forget the functions of these targets."""
    with _LOCK:
        for target in targets:
            delattr(HELD, target.rpartition(".")[2])
