"""What routing is to reach, stated by the person who wants it; how it is reached is solved from outcomes.

Nobody knows what a leg confidence of 0.83 means, but everybody knows "as good as the large model". So a description
states a goal, `ecology fit` finds the cheapest way to it on validation rows, and a threshold that is typed is an
override.

    [policy.routing]
    objective = { kind = "quality_target", of = "large", share = 0.98 }

>>> QualityTarget(of="large", share=0.98).goal
True
>>> Cheapest().goal
False
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ..config import Config

__all__ = ["Cheapest", "ErrorBound", "MaxCost", "Objective", "QualityTarget", "Utility"]

Share = Annotated[float, Field(gt=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0)]

MARGIN = 0.01
"""What counts as no worse where nobody says: one point of score."""


class _Goal(Config):
    goal: ClassVar[bool] = True
    """Whether `ecology fit` solves it; the others take the thresholds that are typed beside them."""


class Cheapest(_Goal):
    """The cheapest model that reaches `min_decision_confidence`, as it is typed; no goal."""

    goal: ClassVar[bool] = False
    kind: Literal["cheapest"] = "cheapest"


class QualityTarget(_Goal):
    """At the least cost, at least `share` of the mean score of the model `of` (by default the best one).

    `mean` asks that the mean on validation rows reaches it. `non_inferiority` asks, besides, that the lower end of a
    one-sided 95 % interval of the difference, paired by row, is no more than `margin` below it, so that few rows do
    not promise what the next rows break.
    """

    kind: Literal["quality_target"] = "quality_target"
    of: str | None = None
    share: Annotated[float, Field(gt=0, le=1.5)] = 1.0
    method: Literal["non_inferiority", "mean"] = "non_inferiority"
    margin: Annotated[float, Field(ge=0, lt=1)] = MARGIN


class ErrorBound(_Goal):
    """Of what is answered directly, at most the share `alpha` is wrong, with probability 1 − `delta` over the
    validation rows. What is less sure goes where `fail` says: to the best model (`expensive`), to an error
    (`closed`), or to an answer that says that there is none (`abstain`).

    It holds for requests that are drawn as the validation rows were, and for no others.
    """

    kind: Literal["error_bound"] = "error_bound"
    alpha: Share
    delta: Share = 0.05
    fail: Literal["expensive", "closed", "abstain"] = "expensive"


class MaxCost(_Goal):
    """The best mean score at a mean price of `usd_per_request` or less."""

    kind: Literal["max_cost"] = "max_cost"
    usd_per_request: NotNegative


class Utility(_Goal):
    """The highest mean of score − `lambda_cost_per_usd` · US dollars − `lambda_latency_per_s` · seconds."""

    kind: Literal["utility"] = "utility"
    lambda_cost_per_usd: NotNegative = 0.0
    lambda_latency_per_s: NotNegative = 0.0


def _kind_alone(value: Any) -> Any:
    """`objective = "cheapest"` is short for `objective = { kind = "cheapest" }`."""
    return {"kind": value} if isinstance(value, str) else value


Objective = Annotated[
    Annotated[Cheapest | QualityTarget | ErrorBound | MaxCost | Utility, Field(discriminator="kind")],
    BeforeValidator(_kind_alone),
]
