"""A scripted member in Python: what `kind = "mock"` is in a description, and it notes what it was asked.

>>> from ecology.testing import mock
>>> unsure = mock("refund", confidence=0.2)
>>> unsure.answer("Where is my money?")
Reply(output='refund', confidence=0.2, tokens_in=None, tokens_out=None)
>>> unsure.calls
['Where is my money?']
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from ..backends.mock import MockBackend, MockFault
from ..backends.mock_member import MockMember

__all__ = ["Mock", "mock"]

TIMEOUT_MS = 1000


class Mock:
    """A member that says what it was told; `calls` has the inputs that it was given, in order.

    `facts` are keys of a model in a description (`tier`, `role`, `price`, `contract`, `timeout_ms`, …). Made by `mock`.
    """

    def __init__(self, member: MockMember, place: str, facts: Mapping[str, Any]) -> None:
        self._member = member
        self.place = place
        self.facts = dict(facts)
        self.calls: list[Any] = []

    def answer(self, data: Any) -> Any:
        """One call on a thread."""
        self.calls.append(data)
        return self._member.answer(data)

    async def answer_async(self, data: Any) -> Any:
        """One call on a loop."""
        self.calls.append(data)
        return await self._member.answer_async(data)


def mock(
    *replies: Any,
    answers: Mapping[str, Any] | None = None,
    after: Literal["cycle", "raise"] = "cycle",
    confidence: float | None = None,
    tokens_in: int | None = None,
    tokens_out: int | None = None,
    latency_ms: float = 0.0,
    jitter_ms: float = 0.0,
    faults: MockFault | str | Iterable[MockFault | str] = (),
    fault_share: float = 1.0,
    hang_ms: float | None = None,
    place: Literal["thread", "loop"] | None = None,
    seed: int = 0,
    **facts: Any,
) -> Mock:
    """A member for `population`.

    It says `answers[text]`, else the next of `replies`, else its input. A reply is an output, or a `Reply` when one of
    them has a confidence of its own; a single function is called with the input, and an async one runs on the loop.
    Everything else is as in `MockBackend`, and `facts` as in a description.

    Raises:
        ValidationError: a number out of its range, or a fault that there is not.
    """
    computed: Callable[[Any], Any] | None = None
    if len(replies) == 1 and callable(replies[0]):
        computed, replies = replies[0], ()
    where = place or ("loop" if computed is not None and inspect.iscoroutinefunction(computed) else "thread")
    backend = MockBackend(
        kind="mock",
        replies=("",) * len(replies),  # the member holds what they are; here their number is checked
        after=after,
        confidence=confidence,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        latency_ms=latency_ms,
        jitter_ms=jitter_ms,
        faults=tuple(MockFault(each) for each in ((faults,) if isinstance(faults, str) else faults)),
        fault_share=fault_share,
        hang_ms=hang_ms,
        place=where,
        seed=seed,
    )
    timeout_ms = facts.get("timeout_ms", TIMEOUT_MS)
    member = MockMember(
        backend,
        timeout_ms if isinstance(timeout_ms, int) else TIMEOUT_MS,
        answers=dict(answers or {}),
        replies=replies,
        computed=computed,
    )
    return Mock(member, where, {"timeout_ms": TIMEOUT_MS} | facts)
