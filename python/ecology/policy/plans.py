"""How a request is carried out, as values: `direct`, `cascade`, `adaptive`.

Every threshold names the confidence that it reads: a *decision* confidence comes from the prompt before any
answer, a *leg* confidence from a member's own output.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..config import Config

__all__ = ["Adaptive", "Cascade", "Direct", "Plan"]

Probability = Annotated[float, Field(ge=0, le=1)]


class Direct(Config):
    """The best eligible model; on failure the next in rank, at most `max_fallbacks` times."""

    kind: Literal["direct"] = "direct"
    max_fallbacks: Annotated[int, Field(ge=0, le=8)] = 1


class Cascade(Config):
    """`first` answers; below `leg_confidence` the request goes on to `then`.

    Without names, the cheapest eligible model is first and the best-ranked dearer one is second.
    """

    kind: Literal["cascade"] = "cascade"
    first: str | None = None
    then: str | None = None
    leg_confidence: Probability


class Adaptive(Config):
    """At `decision_confidence` or above the best model runs alone.

    Below it the top `coalition` run in parallel, and the reply with the highest leg confidence is taken.
    """

    kind: Literal["adaptive"] = "adaptive"
    decision_confidence: Probability
    coalition: Annotated[int, Field(ge=2, le=8)] = 2
    max_fallbacks: Annotated[int, Field(ge=0, le=8)] = 1


Plan = Annotated[Direct | Cascade | Adaptive, Field(discriminator="kind")]
