"""Does the log hold what is asked of it? How much of the other policy it saw, and on how few rows that rests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Caution", "Overlap", "cautions_of", "overlap_of"]

Floats = npt.NDArray[np.float64]

FEW_ROWS = 100
HEAVY_SHARE = 0.05
THIN_MASS = 0.05
LEAST_STRAY = 0.02
"""A mean weight this near to 1 is no matter, however sure it is."""
SURE = 3.0  # standard errors


@dataclass(frozen=True)
class Overlap:
    """What the importance weights say.

    `effective_rows` is Kish's (Σw)² / Σw² (1965, section 11.7). `mean_weight` is 1 in expectation if the propensities
    are right and the log chose, now and then, whatever the policy would. `unsupported` is the share of the policy's
    choices that the log never made on such prompts, if the propensities are right: 1 − the mean weight. `thin_mass` is
    the share of its choices that the log made with a propensity below `floor`. `largest_share` is the share of all
    weight that one row has.
    """

    rows: int
    effective_rows: float
    mean_weight: float
    mean_weight_error: float
    max_weight: float
    largest_share: float
    thin_mass: float
    floor: float
    unsupported: float
    least_propensity: float


@dataclass(frozen=True)
class Caution:
    """Why an estimate is not to be taken as it is. `code` is for programs."""

    code: str
    reason: str

    def __str__(self) -> str:
        return self.reason


def overlap_of(weight: Floats, propensity: Floats, stands: Floats, floor: float) -> Overlap:
    """Of the weights π/p and the propensities of each row, [n].

    >>> two = np.array([2.0, 0.0, 2.0, 0.0])
    >>> found = overlap_of(two, np.full(4, 0.5), np.ones(4), 0.02)
    >>> found.effective_rows, found.mean_weight, found.unsupported
    (2.0, 1.0, 0.0)
    """
    n = len(weight)
    total = stands * weight
    mean = float(total.sum()) / n
    error = float(np.std(total, ddof=1)) / math.sqrt(n) if n > 1 else float("inf")
    squares = float(total @ total)
    return Overlap(
        rows=n,
        effective_rows=float(total.sum()) ** 2 / squares if squares > 0 else 0.0,
        mean_weight=mean,
        mean_weight_error=error,
        max_weight=float(weight.max()),
        largest_share=float(total.max() / total.sum()) if squares > 0 else 0.0,
        thin_mass=float(total[propensity < floor].sum()) / n,
        floor=floor,
        unsupported=min(1.0, max(0.0, 1 - mean)),
        least_propensity=float(propensity.min()),
    )


def cautions_of(overlap: Overlap) -> list[Caution]:
    """What of it speaks against the estimates."""
    found = []
    stray = overlap.mean_weight - 1
    sure = abs(stray) > max(LEAST_STRAY, SURE * overlap.mean_weight_error)
    if overlap.effective_rows == 0:
        found.append(Caution("unsupported", "the log never did what this policy would do"))
    elif sure and stray < 0:
        found.append(
            Caution(
                "unsupported",
                f"about {-stray:.0%} of this policy's choices were never made by the log on such prompts; what they "
                "would have brought is guessed (dm, dr, switch-dr) or ignored (ips, snips). Explore while you log",
            )
        )
    elif sure:
        found.append(
            Caution(
                "propensities",
                f"the weights have a mean of {overlap.mean_weight:.2f}, which is 1 where propensities are those that "
                "models were drawn with; check how they are logged",
            )
        )
    if 0 < overlap.effective_rows < FEW_ROWS:
        found.append(
            Caution(
                "few_rows",
                f"{overlap.rows} decisions tell as much about this policy as {overlap.effective_rows:.0f} of its own; "
                "intervals are too short for so few. Take a longer window",
            )
        )
    if overlap.largest_share > HEAVY_SHARE:
        share = f"one decision has {overlap.largest_share:.0%} of all weight ({overlap.max_weight:.0f} of its own)"
        found.append(Caution("heavy", f"{share}; prefer switch-dr"))
    if overlap.thin_mass > THIN_MASS:
        found.append(
            Caution(
                "thin",
                f"{overlap.thin_mass:.0%} of this policy's choices were logged with a propensity below "
                f"{overlap.floor:g}; raise the exploration floor",
            )
        )
    return found
