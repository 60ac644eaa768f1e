"""What another policy would have cost and scored, as one value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ...routing.metrics import Interval
from ...stats import plain
from .estimators import Estimator
from .interval import Method
from .overlap import Caution, Overlap

__all__ = ["Measure", "OffPolicy", "Verdict"]

FORMAT = "ecology.off_policy.v1"
Verdict = Literal["supported", "doubtful", "unsupported"]


@dataclass(frozen=True)
class Measure:
    """One of score, cost and latency, per decision.

    `logged` is what the log's own policy got, over the same rows; `estimates` what the other would have got, by
    estimator; `change` is the chosen estimator minus `logged`, with the (normal) interval of
    the difference. `switch` is τ.
    """

    name: str
    rows: int
    logged: Interval
    estimates: dict[str, Interval]
    change: Interval
    switch: float


@dataclass(frozen=True)
class OffPolicy:
    """The value of `evaluate_off_policy`.

    `verdict` is "supported" without cautions, "unsupported" if a good part of the policy was never seen (or nothing of
    it), else "doubtful". `window` is the first and last timestamp. `lost` decisions were in gaps, and `on_gaps` says
    what was made of them. Intervals hold with probability `level`, one at a time.
    """

    policy: str
    estimator: Estimator
    rows: int
    prompts: int
    window: tuple[float, float] | None
    measures: dict[str, Measure]
    overlap: Overlap
    cautions: list[Caution]
    verdict: Verdict
    lost: int
    on_gaps: str
    method: Method
    level: float
    seed: int
    slices: dict[str, OffPolicy] = field(default_factory=dict)

    def __getitem__(self, measure: str) -> Interval:
        """The chosen estimator's `score`, `cost_usd` or `latency_ms`."""
        return self.measures[measure].estimates[self.estimator]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it; what is undefined or infinite is None."""
        return {"format": FORMAT, **plain(asdict(self))}

    def __repr__(self) -> str:
        told = "; ".join(
            f"{name} {self[name].value:.4g} [{self[name].low:.4g}, {self[name].high:.4g}], {each.change.value:+.3g}"
            for name, each in self.measures.items()
        )
        seen = f"{self.overlap.effective_rows:.0f} effective of {self.rows} rows"
        return f"OffPolicy({self.policy}: {told}; {seen}, {self.verdict})"
