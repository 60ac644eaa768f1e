"""What the operator allows, denies and requires; grants of privileges; plans; bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..config import Config
from .budget import Budget
from .plans import Direct, Plan
from .routing import Routing

__all__ = ["Defaults", "Limits", "Policy"]


class Defaults(Config):
    """What a request that leaves something unstated is taken to mean.

    Without a default only models that declare `any` are eligible for such a request.
    """

    task: str | None = None
    language: str | None = None
    data_class: str | None = None
    jurisdiction: str | None = None
    deadline_ms: Annotated[float, Field(gt=0)] = 30_000.0


class Limits(Config):
    """Bounds on a request and on what is kept about it."""

    input_bytes: Annotated[int, Field(gt=0)] = 10_000_000
    events: Annotated[int, Field(ge=0)] = 4096


class Policy(Config):
    """The whole of what is allowed.

    `allow` and `deny` hold patterns over `name@version` (`fnmatch`: `*` and `?`), or over a family or licence as
    `family:llama-*`, `licence:*-NC`. `deny` wins. `grants` maps a pattern to the privileges given to it.
    """

    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    grants: dict[str, tuple[str, ...]] = {}
    routing: Routing = Routing()
    plans: dict[str, Plan] = {}
    default_plan: Plan = Direct()
    budgets: dict[str, Budget] = {}
    baseline: str | None = None
    log_text: Literal["none", "features", "full"] = "features"
