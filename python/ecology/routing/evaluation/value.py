"""What a router is worth, as one value: metrics with intervals, the rivals, curves, slices, and what to beware of."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ...stats import plain
from .definitions import DEFINITIONS

if TYPE_CHECKING:
    from ..metrics import Interval

__all__ = ["Evaluation", "ModelCalibration", "Policy", "Slice"]

FORMAT = "ecology.evaluation.v1"


@dataclass(frozen=True)
class Policy:
    """A way to choose on these prompts. `below` is the router's score minus this one's, on the same prompts.

    `cost` is per prompt, in the evaluation's `cost_unit`; None where costs are not known.
    """

    name: str
    what: str
    score: Interval
    cost: Interval | None
    below: Interval | None


@dataclass(frozen=True)
class ModelCalibration:
    """Confidence against score for one model, or all pooled: ECE by equal mass, its floor, and the diagram's bins."""

    model: str
    ece: float
    floor: float
    floor_high: float
    brier: float
    confidence: list[float]
    score: list[float]
    count: list[int]


@dataclass(frozen=True)
class Slice:
    """Some of the prompts. `gain` is the router as served minus the best single model of all prompts, paired."""

    name: str
    prompts: int
    score: float
    best_single: float
    gain: Interval
    cost: float | None
    apgr: float
    ece: float
    ece_floor: float


@dataclass(frozen=True)
class Evaluation:
    """The value of `evaluate`. Rates, shares and scores are 0 to 1; costs are per prompt in `cost_unit`.

    `metrics` has an interval for each name that `definitions` explains; NaN is undefined (a pair
    without a gap, a target that is never reached, costs without a spread). `floors` has the mean and the 95 % quantile
    of what the two ECEs measure for a perfectly calibrated score. `curves` is what the report draws: name → columns.
    """

    router: str
    models: list[str]
    prompts: int
    rows: str
    strong: str
    weak: str
    cost_unit: str | None
    cost_basis: str
    metrics: dict[str, Interval]
    floors: dict[str, tuple[float, float]]
    policies: list[Policy]
    calibration: list[ModelCalibration]
    singletons: int
    by: str | None
    slices: list[Slice]
    curves: dict[str, dict[str, list[Any]]]
    warnings: list[str]
    seed: int
    resamples: int
    definitions: dict[str, str] = field(default_factory=lambda: {k: v.text for k, v in DEFINITIONS.items()})

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it; what is undefined is None."""
        return {"format": FORMAT, **plain(asdict(self))}

    def to_html(self) -> str:
        """A page that needs nothing else: no network, no script; `to_dict` is in it as JSON."""
        from .report import page

        return page(self)

    def policy(self, name: str) -> Policy | None:
        """The policy of that name, if it was measured."""
        return next((policy for policy in self.policies if policy.name == name), None)

    def __repr__(self) -> str:
        served = self.policies[0].score
        shown = [f"score {served}"] + [
            f"{DEFINITIONS[name].label} {self.metrics[name]}"
            for name in ("apgr", "aiq_gain", "ece_mass")
            if math.isfinite(self.metrics[name].value)
        ]
        return f"Evaluation({self.prompts} prompts, {len(self.models)} models: {'; '.join(shown)})"

    def _repr_html_(self) -> str:
        from .report import fragment

        return fragment(self)
