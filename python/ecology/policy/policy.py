"""What the operator allows, denies and requires; grants of privileges; plans; bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..config import Config
from .budget import Budget
from .plans import Direct, Plan
from .routing import Risk, Routing

__all__ = ["Defaults", "Limits", "Network", "Policy"]


class Defaults(Config):
    """What a request that leaves something unstated is taken to mean.

    Without a default only models that declare `any` are eligible for such a request.
    """

    task: str | None = None
    language: str | None = None
    data_class: str | None = None
    jurisdiction: str | None = None
    risk: Risk = "low"
    deadline_ms: Annotated[float, Field(gt=0)] = 30_000.0


class Limits(Config):
    """Bounds on a request and on what is kept about it."""

    input_bytes: Annotated[int, Field(gt=0, le=1_000_000_000)] = 10_000_000
    events: Annotated[int, Field(ge=0, le=10_000_000)] = 4096


class Network(Config):
    """Which servers may be called. It is the resolved address that counts, each time that a connection is made.

    Link-local addresses and the metadata services of clouds are never called, and this machine only by a base URL
    that says so. `private_networks` lets servers in private networks (RFC 1918, RFC 6598, RFC 4193) be called.
    """

    private_networks: bool = False


class Policy(Config):
    """The whole of what is allowed.

    `allow` and `deny` hold patterns over `name@version`, a family or a licence (see `policy/pattern.py`). `deny`
    wins. `grants` maps a pattern to the privileges that the models it matches may use. `plans` binds a plan to a
    task, `budgets` a limit to an account. `baseline` names the model that savings are counted against; without
    one it is the dearest large model, or else the fallback.
    """

    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    network: Network = Network()
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    grants: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    routing: Routing = Routing()
    plans: dict[str, Plan] = Field(default_factory=dict)
    default_plan: Plan = Direct()
    budgets: dict[str, Budget] = Field(default_factory=dict)
    baseline: str | None = None
    log_text: Literal["none", "features", "full"] = "features"
