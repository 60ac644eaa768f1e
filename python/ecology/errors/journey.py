"""Requests that were carried out and got no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .base import Never, NotYet

__all__ = ["AllLegsFailed", "AllLegsRefused", "BudgetExhausted", "DeadlineExceeded", "LowConfidence"]


@dataclass(eq=False)
class BudgetExhausted(NotYet):
    """An account on the request's path cannot hold the reservation. Amounts are in the resource's unit."""

    account: str
    resource: str
    limit: int
    held: int
    needed: int

    def __str__(self) -> str:
        amounts = (self.needed, self.held, self.limit)
        (needed, unit), (held, _), (limit, _) = (_amount(self.resource, each) for each in amounts)
        whose = "the request's own budget" if self.account == "request" else f"account {self.account!r}"
        return (
            f"{whose} cannot afford {needed}{unit}: "
            f"{held} of {limit} are spent or reserved; raise the limit or ask for less"
        )


@dataclass(eq=False)
class DeadlineExceeded(NotYet):
    """No leg finished before the deadline; `legs` describes those that were started."""

    deadline_ms: float
    legs: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        tried = ", ".join(str(leg.get("model")) for leg in self.legs) or "none"
        return (
            f"no answer within {self.deadline_ms:g} ms (started: {tried}); allow more time or route to a faster model"
        )


@dataclass(eq=False)
class AllLegsFailed(NotYet):
    """Every leg that was started failed; `legs` has each with its outcome and the text of its fault.

    `retry_after_ms` is the soonest that one of their servers named.
    """

    legs: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        if self.retry_after_ms is None:
            told = [leg["retry_after_ms"] for leg in self.legs if leg.get("retry_after_ms") is not None]
            self.retry_after_ms = min(told, default=None)

    def __str__(self) -> str:
        return f"every leg failed:{_told(self.legs)}\nmend these models, or give them a fallback that answers"


@dataclass(eq=False)
class AllLegsRefused(Never):
    """Every leg was refused: a key that is wrong, a model that is not there, content that is not served.

    `legs` has each with its outcome and what its server said.
    """

    legs: Sequence[Mapping[str, Any]]

    def __str__(self) -> str:
        told = _told(self.legs)
        return f"every leg was refused:{told}\ncorrect these models, or the request; asking again will not help"


@dataclass(eq=False)
class LowConfidence(Never):
    """There is a reply, and nobody is sure enough of it: the plan of the task says `fail = "closed"`.

    `confidence` is the answer confidence that was reached, None when nobody stated one; `legs` has the replies.
    """

    confidence: float | None
    needed: float | None
    task: str | None = None
    legs: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        reached = "no confidence" if self.confidence is None else f"a confidence of {self.confidence:.3f}"
        asked = "" if self.needed is None else f", {self.needed:g} is asked for"
        whose = "" if self.task is None else f" for the task {self.task!r}"
        return (
            f"the answer has {reached}{asked}{whose}; ask a person, or change `answer_confidence` or `fail` of the plan"
        )


def _told(legs: Sequence[Mapping[str, Any]]) -> str:
    told = (f"{leg['model']}: {leg['outcome']}" + (f": {leg['fault']}" if leg.get("fault") else "") for leg in legs)
    return "".join(f"\n  {line}" for line in told)


def _amount(resource: str, amount: int) -> tuple[str, str]:
    """An amount as a person writes it, and its unit."""
    match resource:
        case "nano_usd":
            return f"${amount / 1e9:.9f}".rstrip("0").rstrip("."), ""
        case "compute_us":
            return f"{amount / 1e3:.10g}", " ms of compute"
        case "tokens_in":
            return str(amount), " input tokens"
        case "tokens_out":
            return str(amount), " output tokens"
    return str(amount), f" {resource}"
