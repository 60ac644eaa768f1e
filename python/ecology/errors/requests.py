"""Requests that are refused before any model is asked, and processes that cannot ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .base import Never, Violation

__all__ = [
    "Closed",
    "EmptyInput",
    "Forked",
    "InputTooLarge",
    "InvalidDeadline",
    "InvalidRequest",
    "InvalidUtf8",
    "NoEligibleModel",
    "RunningLoop",
    "UnknownAccount",
    "UnknownTask",
]


@dataclass(eq=False)
class InvalidRequest(Never):
    """The request itself is wrong; `problem` says how."""

    problem: str = ""

    def __str__(self) -> str:
        return self.problem


@dataclass(eq=False)
class EmptyInput(InvalidRequest):
    """Nothing to answer."""

    problem: str = field(default="the input is empty; send some text", kw_only=True)


@dataclass(eq=False)
class InputTooLarge(InvalidRequest):
    """The input passes the policy's bound."""

    problem: str = field(default="", kw_only=True)
    input_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        return (
            f"the input has {self.input_bytes} bytes, the limit is {self.limit_bytes}; "
            "send less text or raise `limits.input_bytes` in the policy"
        )


@dataclass(eq=False)
class InvalidUtf8(InvalidRequest):
    """The input is not valid Unicode text."""

    problem: str = field(default="", kw_only=True)
    position: int

    def __str__(self) -> str:
        return (
            f"the input is not valid UTF-8 at position {self.position}; "
            "decode it first, for example with errors='replace'"
        )


@dataclass(eq=False)
class InvalidDeadline(InvalidRequest):
    """A deadline must lie in the future."""

    problem: str = field(default="", kw_only=True)
    deadline_ms: float

    def __str__(self) -> str:
        return f"deadline_ms is {self.deadline_ms}; give a number above 0"


@dataclass(eq=False)
class UnknownTask(InvalidRequest):
    """No model accepts this task."""

    problem: str = field(default="", kw_only=True)
    task: str
    known: Sequence[str]

    def __str__(self) -> str:
        known = ", ".join(self.known)
        advice = f"ask for one of: {known}" if known else "leave the task out"
        return f"no model accepts the task {self.task!r}; {advice}"


@dataclass(eq=False)
class UnknownAccount(InvalidRequest):
    """Accounts are declared, and this one has another root."""

    problem: str = field(default="", kw_only=True)
    account: str
    known: Sequence[str]

    def __str__(self) -> str:
        return (
            f"the account {self.account!r} has another root than those declared: {', '.join(self.known)}; "
            "name one of these or one below, or add it under [policy.budgets]"
        )


@dataclass(eq=False)
class NoEligibleModel(Never):
    """Admission excluded every model; `reasons` maps each model to the names of the clauses it fails."""

    reasons: Mapping[str, Sequence[str]]

    def __str__(self) -> str:
        lines = "".join(f"\n  {model}: {', '.join(why)}" for model, why in self.reasons.items())
        fix = "loosen the request, the policy or a contract"
        if self.reasons and all(any(each.startswith("not_asked") for each in why) for why in self.reasons.values()):
            fix = f"ask for one of: {', '.join(self.reasons)}"
        return f"no model may serve this request:{lines}\n{fix}"


@dataclass(eq=False)
class RunningLoop(Never):
    """A blocking call was made on a thread that runs an event loop."""

    call: str = "answer"

    def __str__(self) -> str:
        return f"{self.call}() would block the running event loop; use `await a{self.call}(…)` here"


@dataclass(eq=False)
class Closed(Never):
    """The ecology was closed."""

    def __str__(self) -> str:
        return "this ecology is closed; open it again with Ecology.open(…)"


@dataclass(eq=False)
class Forked(Never):
    """A forked child opens for itself what does not survive a fork, and something cannot be opened again."""

    source: str = ""
    violations: Sequence[Violation] = ()

    def __str__(self) -> str:
        lines = "".join(f"\n  {v}" for v in self.violations)
        return (
            f"{self.source}: it was opened before a fork and cannot be opened again in this process:"
            f"{lines}\nrestore these, or call Ecology.open(…) after the fork, in each worker"
        )
