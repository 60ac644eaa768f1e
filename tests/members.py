"""Members as a user would write them: copied beside a description as its `models.py` (see `populations.py`).

Whatever a test has to steer (when a slow one may go on, what a scripted one says) is a global of this module, and
every population has a copy of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ecology import Reply

RELEASE = threading.Event()
"""Set it, and everything that hangs goes on."""

STARTED = threading.Event()
"""Set by the first member that hangs."""

CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("CALLER", default="nobody")
SEEN: list[Any] = []
"""What members noted, in order."""

SCRIPT: dict[str, Callable[[Any], Any]] = {}
"""What `scripted_a` … say."""


# --- answers of every kind ---------------------------------------------------------------------------------


def echo(data: Any) -> Any:
    """The input again."""
    return data


def label(_: Any) -> str:
    """A label."""
    return "refund"


def json_object(_: Any) -> dict[str, Any]:
    """JSON of every kind."""
    return {"orders": ["A-1", "A-2"], "paid": True, "sum": 12.5, "count": 2, "note": None, "deep": {"ä": []}}


def array(_: Any) -> Any:
    """An array of two rows."""
    return np.array([[0.5, -1.0, 2.0], [3.0, 4.0, 5.5]], dtype=np.float32)


def sure(_: Any) -> Reply:
    """Sure of itself; tells its tokens."""
    return Reply("sure", confidence=0.9375, tokens_in=7, tokens_out=5)


def unsure(_: Any) -> Reply:
    """Not sure of itself."""
    return Reply("unsure", confidence=0.25)


def silent(_: Any) -> str:
    """Does not say how sure it is."""
    return "silent"


def kind_of(data: Any) -> dict[str, Any]:
    """What it was given."""
    shape = list(data.shape) if isinstance(data, np.ndarray) else None
    return {"type": type(data).__name__, "shape": shape}


def length(data: str) -> Reply:
    """Counts words, and says how sure it is by the script, when there is one."""
    return Reply(str(len(data.split())), confidence=0.5)


# --- faults ------------------------------------------------------------------------------------------------


def fails(_: Any) -> Any:
    """Raises."""
    raise LookupError("nothing to say")


def exits(_: Any) -> Any:
    """Tries to end the process."""
    raise SystemExit(3)


async def fails_async(_: Any) -> Any:
    """Raises on the loop."""
    raise LookupError("nothing to say")


async def exits_async(_: Any) -> Any:
    """Tries to end the process, on the loop."""
    raise SystemExit(3)


async def gives_up(_: Any) -> Any:
    """Raises what asyncio raises for a cancelled task, though nobody cancelled it."""
    raise asyncio.CancelledError


def nan_output(_: Any) -> Any:
    """An array with NaN."""
    return np.array([1.0, np.nan], dtype=np.float32)


def nan_in_json(_: Any) -> Any:
    """JSON with NaN."""
    return {"score": float("nan")}


def wrong_label(_: Any) -> str:
    """A label that no contract here has."""
    return "something else"


def overconfident(_: Any) -> Reply:
    """More than certain."""
    return Reply("refund", confidence=1.5)


def nan_confidence(_: Any) -> Reply:
    """As sure as NaN."""
    return Reply("refund", confidence=float("nan"))


def unspeakable(_: Any) -> Any:
    """Neither text, JSON nor an array."""
    return object()


def bottomless(_: Any) -> Any:
    """JSON that contains itself."""
    loop: list[Any] = []
    loop.append(loop)
    return loop


def negative_tokens(_: Any) -> Reply:
    """A count below zero."""
    return Reply("refund", tokens_out=-1)


def hang(_: Any) -> str:
    """Blocks its thread until the test lets it go."""
    STARTED.set()
    RELEASE.wait(60)
    return "late"


async def hang_async(_: Any) -> str:
    """Never comes back; notes that it was cancelled."""
    STARTED.set()
    SEEN.append("started")
    try:
        await asyncio.Event().wait()
    finally:
        SEEN.append("cancelled")
    return "never"


# --- async -------------------------------------------------------------------------------------------------


async def where_am_i(data: Any) -> str:
    """Notes the loop, the thread and the caller's context; lets others go first."""
    await asyncio.sleep(0)
    SEEN.append((asyncio.get_running_loop(), threading.current_thread(), CALLER.get()))
    return str(data)


async def label_async(_: Any) -> str:
    """A label."""
    return "refund"


async def echo_async(data: Any) -> Any:
    """The input again, one turn of the loop later."""
    await asyncio.sleep(0)
    return data


async def scripted_async(data: Any) -> Any:
    """Awaits what the test told it to."""
    return await SCRIPT["async"](data)


# --- scripted ----------------------------------------------------------------------------------------------


def scripted_a(data: Any) -> Any:
    """Says what the test told it to."""
    return SCRIPT["a"](data)


def scripted_b(data: Any) -> Any:
    """Says what the test told it to."""
    return SCRIPT["b"](data)


# --- for `outcomes collect` --------------------------------------------------------------------------------


def even_odd(text: str) -> Reply:
    """Right about short texts."""
    return Reply("short" if len(text) < 20 else "unknown", confidence=0.9 if len(text) < 20 else 0.1)


def always_long(_: str) -> Reply:
    """Right about long texts."""
    return Reply("long", confidence=0.6)


def strict_scorer(_prompt: str, output: Any, expected: str | None) -> float:
    """A scorer: half a point for a guess."""
    return 1.0 if output == expected else 0.5


def bad_scorer(_prompt: str, _output: Any, _expected: str | None) -> float:
    """A scorer that does not keep to [0, 1]."""
    return 7.0


def judge(case: Any) -> str:
    """A judge: good when the output is what was expected."""
    return "good" if case["output"] == case["expected"] else "bad"
