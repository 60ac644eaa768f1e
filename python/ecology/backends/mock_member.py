"""Runs a `mock`: decides what a call gets from its number alone, then waits and says it.

>>> from .mock import MockBackend
>>> member = MockMember(MockBackend(kind="mock", answers={"ping": "pong"}, replies=("a", "b")), 1000)
>>> [member.answer(text).output for text in ("x", "ping", "x", "x")]
['a', 'pong', 'b', 'a']
"""

from __future__ import annotations

import asyncio
import inspect
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..messages import Reply, read_input
from .mock import MockBackend, MockFault

__all__ = ["MockMember"]

STEP_S = 0.01


class Turn(NamedTuple):
    """What one call gets: how long it takes, what goes wrong, and the output."""

    wait_s: float
    fault: MockFault
    output: Any


class MockMember:
    """Answers as its backend says. Safe to share between threads: a call's number is all that it changes.

    In Python a mock may say what TOML cannot write: `answers` and `replies` stand for the backend's, and `computed` for
    both of them and the echo; on a loop it may be async.
    """

    def __init__(
        self,
        backend: MockBackend,
        timeout_ms: int,
        *,
        answers: Mapping[str, Any] | None = None,
        replies: Sequence[Any] | None = None,
        computed: Callable[[Any], Any] | None = None,
    ) -> None:
        self.backend = backend
        self._hang_ms = 2.0 * timeout_ms if backend.hang_ms is None else backend.hang_ms
        self._answers = backend.answers if answers is None else answers
        self._replies = backend.replies if replies is None else replies
        self._computed = computed
        self._lock = threading.Lock()
        self._calls = 0
        self._replied = 0

    def answer(self, data: Any) -> Any:
        """One call on a thread. It sleeps in small steps and to a bound, so that a hung call never keeps its thread."""
        turn = self._turn(data)
        end = time.monotonic() + turn.wait_s
        while (left := end - time.monotonic()) > 0:
            # Once the interpreter is ending nobody waits for the reply, and the thread would hold the exit up.
            if not threading.main_thread().is_alive():
                break
            time.sleep(min(left, STEP_S) if turn.fault is MockFault.HANG else left)
        return self._said(turn)

    async def answer_async(self, data: Any) -> Any:
        """One call on a loop; it may be cancelled at any time."""
        turn = self._turn(data)
        if turn.wait_s:
            await asyncio.sleep(turn.wait_s)
        if inspect.isawaitable(turn.output):
            turn = turn._replace(output=await turn.output)
        return self._said(turn)

    def _turn(self, data: Any) -> Turn:
        backend = self.backend
        text = _text(data) if self._answers else ""
        known = text in self._answers
        with self._lock:
            call, self._calls = self._calls, self._calls + 1
            reply = self._replied
            self._replied += not known
        # A generator of the call's own: what a call draws does not depend on which thread came first.
        draw = random.Random(backend.seed * 1_000_003 + call)
        fault = backend.faults[call % len(backend.faults)] if backend.faults else MockFault.NONE
        if fault is not MockFault.NONE and draw.random() >= backend.fault_share:
            fault = MockFault.NONE
        wait_ms = backend.latency_ms + (draw.random() * backend.jitter_ms if backend.jitter_ms else 0.0)
        if fault is MockFault.HANG:
            wait_ms += self._hang_ms
        if fault is MockFault.NONE and self._computed is not None:
            return Turn(wait_ms / 1000, fault, self._computed(data))
        if known:
            return Turn(wait_ms / 1000, fault, self._answers[text])
        replies = self._replies
        if not replies:
            return Turn(wait_ms / 1000, fault, data)
        if backend.after == "raise" and reply >= len(replies):
            raise LookupError(f"this mock has {len(replies)} replies, and all are said")
        return Turn(wait_ms / 1000, fault, replies[reply % len(replies)])

    def _said(self, turn: Turn) -> Any:
        """The reply with its fault in it."""
        backend, fault, output = self.backend, turn.fault, turn.output
        if fault is MockFault.RAISE:
            raise ConnectionError("this mock was told to fail")
        if fault is MockFault.HANG:
            raise TimeoutError(f"this mock was told to hang, and did for {self._hang_ms:g} ms")
        if fault is MockFault.NAN:
            import numpy as np

            output = np.array([0.5, np.nan], dtype=np.float32)
        elif fault is MockFault.WRONG_LABEL:
            output = "no-such-label"
        elif fault is MockFault.WRONG_TYPE:
            output = object()
        if isinstance(output, Reply):
            return output
        confidence = float("nan") if fault is MockFault.NAN_CONFIDENCE else backend.confidence
        tokens_out = -1 if fault is MockFault.WRONG_TOKENS else backend.tokens_out
        return Reply(output, confidence, backend.tokens_in, tokens_out)


def _text(data: Any) -> str:
    return data if isinstance(data, str) else read_input(data)[0]
