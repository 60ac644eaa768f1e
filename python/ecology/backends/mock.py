"""Configures a `mock` member: it says what is written here, and fails as is written here.

For tests of a population: its plans, thresholds and fallbacks can be tried before there is a model, and again with one
that hangs, raises or lies.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from .. import _core
from .protocol import UNBOUND, Backend, Terms

__all__ = ["MockBackend", "MockFault"]

Milliseconds = Annotated[float, Field(ge=0, le=3_600_000)]
Count = Annotated[int, Field(ge=0, le=2**62)]


class MockFault(StrEnum):
    """What goes wrong in a call."""

    NONE = "none"
    """Nothing."""
    RAISE = "raise"
    """It raises `ConnectionError`."""
    HANG = "hang"
    """It does not return until it is cancelled (on a loop) or `hang_ms` are over; then it raises `TimeoutError`."""
    NAN = "nan"
    """Its output is an array that holds NaN."""
    NAN_CONFIDENCE = "nan_confidence"
    """Its confidence is NaN."""
    WRONG_LABEL = "wrong_label"
    """Its output is `no-such-label`."""
    WRONG_TYPE = "wrong_type"
    """Its output is an object that is neither text, JSON nor an array."""
    WRONG_TOKENS = "wrong_tokens"
    """It reports fewer than no tokens."""


class MockBackend(Backend):
    """What a mock says: `answers` by the text of the input, else `replies` in turn, else the input itself.

    After the last of `replies` it begins again, or with `after = "raise"` raises. `faults` go in step with the calls,
    and round; `fault_share` is the share of calls, drawn with `seed`, that they meet at all. Each call takes
    `latency_ms` and up to `jitter_ms` more, drawn too. Unless it is written, `hang_ms` is twice the `timeout_ms` of the
    model, so that a thread that hangs is soon free again. Calls are counted from when the member was loaded.

    >>> MockBackend(kind="mock", replies=("refund", "card"), confidence=0.9).place
    'thread'

    Raises:
        ValidationError: `after = "raise"` and no replies that could end.
    """

    kind: Literal["mock"]
    answers: dict[str, JsonValue] = Field(default_factory=dict)
    replies: tuple[JsonValue, ...] = ()
    after: Literal["cycle", "raise"] = "cycle"
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    tokens_in: Count | None = None
    tokens_out: Count | None = None
    latency_ms: Milliseconds = 0.0
    jitter_ms: Milliseconds = 0.0
    faults: tuple[MockFault, ...] = ()
    fault_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    hang_ms: Milliseconds | None = None
    place: Literal["thread", "loop"] = "thread"
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    @model_validator(mode="after")
    def _something_ends(self) -> Self:
        if self.after == "raise" and not self.replies:
            raise ValueError('after = "raise" has no replies to come after; write replies = ["…"], or leave it out')
        return self

    def load(self, root: Path) -> Callable[[Any], Any]:
        """The function that answers; with `place = "loop"` an async one."""
        return self._function(UNBOUND)

    def open(self, root: Path, terms: Terms = UNBOUND) -> _core.Member:
        """The same, for a model with this timeout."""
        return _core.python_member(self._function(terms), self.place)

    def _function(self, terms: Terms) -> Callable[[Any], Any]:
        from .mock_member import MockMember

        member = MockMember(self, terms.timeout_ms)
        return member.answer if self.place == "thread" else member.answer_async
