"""What moved between then and now, as one value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ...routing.metrics import Interval
from ...stats import plain

__all__ = ["CalibrationShift", "Drift", "InputShift", "SliceDrift", "Verdict"]

FORMAT = "ecology.drift.v1"
Verdict = Literal["stable", "drifted", "too little data"]


@dataclass(frozen=True)
class InputShift:
    """One thing about prompts, then and now.

    `what` is a signal, or "vocabulary". `size` is, for a signal, the population stability index less what chance alone
    makes of it; for the vocabulary the area under the ROC of a classifier that tells then from now, 0.5 if it cannot.
    `p` is corrected for everything that was tested in the call. The means are of the signal; NaN for the vocabulary.
    """

    what: str
    size: float
    p: float
    before: float
    after: float
    drifted: bool


@dataclass(frozen=True)
class CalibrationShift:
    """The confidence in one model against its scores, in the window.

    `gap` is the mean of score − confidence: 0 where confidences are right on average, below where they promise too
    much. `before` is the same in the reference, NaN where that has no rows; then the gap is held against 0. `ece`
    goes with what a perfect confidence would have measured: the mean and the 95 % quantile.
    """

    model: str
    rows: int
    confidence: float
    score: float
    gap: Interval
    before: float
    ece: float
    ece_floor: tuple[float, float]
    p: float
    verdict: Verdict


@dataclass(frozen=True)
class SliceDrift:
    """All prompts (`name` is None), or those of one value."""

    name: str | None
    reference: int
    window: int
    verdict: Verdict
    reason: str
    inputs: list[InputShift]
    calibration: list[CalibrationShift]


@dataclass(frozen=True)
class Drift:
    """The value of `measure_drift`: drifted if the whole or any slice is. `slices` begins with the whole.

    If nothing changed, "drifted" is said with a chance of at most `alpha`, however many slices, signals and models.
    """

    verdict: Verdict
    reason: str
    slices: list[SliceDrift]
    by: str | None
    alpha: float
    tests: int

    @property
    def whole(self) -> SliceDrift:
        """All prompts."""
        return self.slices[0]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it; what is undefined is None."""
        return {"format": FORMAT, **plain(asdict(self))}

    def __repr__(self) -> str:
        whole = self.whole
        return f"Drift({self.verdict}: {self.reason}; {whole.window} prompts against {whole.reference})"
