"""One request, as a value: what is asked, under which constraints, and who pays.

>>> Request(input="Where is my card?", task="support", budget={"usd": 0.002}).arguments()["limits"]
{'nano_usd': 2000000}
"""

from __future__ import annotations

import math
from typing import Any, get_args

from ..config import Config
from ..errors import InputTooLarge, InvalidDeadline, InvalidRequest
from ..messages import read_input
from ..policy import Budget, Risk

__all__ = ["Request", "bounded_input", "core_arguments"]

RISKS = get_args(Risk)
WORDS = ("task", "language", "data_class", "jurisdiction", "model", "account")


class Request(Config):
    """What `answer(…)` takes as keywords, for those who keep or send requests. Units: milliseconds, US dollars.

    Unstated constraints take the policy's default; without one only models that declare `any` are eligible.
    """

    input: Any
    task: str | None = None
    language: str | None = None
    data_class: str | None = None
    jurisdiction: str | None = None
    risk: Risk | None = None
    model: str | None = None
    account: str | None = None
    budget: Budget | None = None
    deadline_ms: float | None = None
    seed: int | None = None

    def arguments(self) -> dict[str, Any]:
        """The constraints as the core takes them.

        Raises:
            InvalidDeadline: not above 0.
        """
        stated = {name: getattr(self, name) for name in type(self).model_fields if name != "input"}
        return core_arguments(**stated)


def core_arguments(*, budget: Budget | None = None, deadline_ms: float | None = None, **stated: Any) -> dict[str, Any]:
    """Keywords of `answer` as the core takes them; every key is there.

    Raises:
        InvalidDeadline: the deadline is not a number above 0.
        InvalidRequest: something is of another type.
    """
    if deadline_ms is None and budget is not None:
        deadline_ms = budget.deadline_ms
    if deadline_ms is not None and not (deadline_ms > 0 and math.isfinite(deadline_ms)):
        raise InvalidDeadline(deadline_ms=deadline_ms)
    for name in WORDS:
        if not isinstance(stated.get(name), str | None):
            raise InvalidRequest(problem=f"{name} is {stated[name]!r}; give a string")
    risk = stated.get("risk")
    if risk is not None and risk not in RISKS:
        raise InvalidRequest(problem=f"risk is {risk!r}; give one of: {', '.join(RISKS)}")
    seed = stated.get("seed")
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < 2**64):
        raise InvalidRequest(problem=f"seed is {seed!r}; give an integer from 0 to 2**64 - 1")
    return {
        "task": stated.get("task"),
        "language": stated.get("language"),
        "modality": stated.get("modality"),
        "data_class": stated.get("data_class"),
        "jurisdiction": stated.get("jurisdiction"),
        "risk": risk,
        "model": stated.get("model"),
        "account": stated.get("account"),
        "limits": None if budget is None else budget.limits(),
        "deadline_ms": deadline_ms,
        "seed": stated.get("seed"),
        "input_bytes": stated.get("input_bytes"),
    }


def bounded_input(data: Any, limit_bytes: int) -> tuple[str, str, int]:
    """`read_input`, inside the policy's bound.

    Raises:
        InputTooLarge: the input passes the bound.
    """
    text, modality, size = read_input(data)
    if size > limit_bytes:
        raise InputTooLarge(input_bytes=size, limit_bytes=limit_bytes)
    return text, modality, size
