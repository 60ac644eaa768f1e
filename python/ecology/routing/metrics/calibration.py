"""Does a confidence of 0.8 mean right in 80 of 100? And how wrong would a perfect one look on so few rows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .inputs import Floats, Inputs

__all__ = ["Binning", "Bins", "bin_of", "brier", "ece", "ece_floor", "reliability"]

Binning = Literal["mass", "width"]
BINS = 15  # as Guo et al. 2017


@dataclass(frozen=True)
class Bins:
    """The reliability diagram: mean confidence, mean outcome and number of rows of each bin that has any, [bins]."""

    confidence: Floats
    outcome: Floats
    count: npt.NDArray[np.intp]


def reliability(confidence: Any, outcome: Any, bins: int = BINS, binning: Binning = "mass") -> Bins:
    """Mean outcome against mean confidence, by bins of confidence.

    Bins are of equal *mass* (so many rows each; Nguyen & O'Connor 2015, arXiv:1508.05154, section 3) or of equal
    *width* on [0, 1] (Guo et al. 2017, arXiv:1706.04599, section 2). Equal confidences are never parted, so that the
    order of rows does not count; a bin may then hold more than its share, or none.

    Args:
        confidence: P(good), [rows] in [0, 1].
        outcome: what happened, [rows] in [0, 1]: 0 or 1, or a score.
        bins: 1 or more.
        binning: "mass" or "width".

    >>> reliability([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], bins=2)
    Bins(confidence=array([0.15, 0.85]), outcome=array([0., 1.]), count=array([2, 2]))

    Raises:
        MetricsError: shapes that do not fit, NaN, numbers outside [0, 1], no rows, no bins.
    """
    given, happened = _read(confidence, outcome, bins, binning)
    at = bin_of(given, bins, binning)
    order = np.lexsort((happened, given))  # summed in one order, whatever the order of the rows
    count, confidences, outcomes = _sums(at[order], given[order], happened[order], bins)
    some = count > 0
    return Bins(confidences[some] / count[some], outcomes[some] / count[some], count[some])


def ece(confidence: Any, outcome: Any, bins: int = BINS, binning: Binning = "mass") -> float:
    """Expected calibration error: mean |mean confidence − mean outcome| of the bins, weighted by their rows.

    From 0 to 1; 0 is perfect and is not reached on a finite sample: see `ece_floor`. Naeini et al. 2015 (AAAI,
    equation 3) with equal widths; equal mass by default, since a router's confidences crowd in few places. All equal
    confidences are one bin: the distance between the two means.

    >>> round(ece([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], bins=2), 3)
    0.15

    Arguments and errors are those of `reliability`.
    """
    table = reliability(confidence, outcome, bins, binning)
    return float((np.abs(table.confidence - table.outcome) * table.count).sum() / table.count.sum())


def ece_floor(
    confidence: Any, bins: int = BINS, binning: Binning = "mass", rounds: int = 200, seed: int = 0
) -> tuple[float, float]:
    """What `ece` measures for a perfectly calibrated score with these confidences: its mean and its 95 % quantile.

    By simulation: outcomes are drawn from the confidences themselves, `rounds` times. An ECE at or below the mean is as
    good as can be told from so many rows; only above the quantile is it evidence against calibration (the consistency
    resampling of Bröcker & Smith 2007, doi:10.1175/WAF993.1). Outcomes are taken as 0 or 1 and independent: scores in
    between vary less, rows of one prompt more.

    Args:
        confidence: [rows] in [0, 1].
        bins, binning: as in `ece`.
        rounds: samples, 1 or more.
        seed: of the samples.

    >>> mean, high = ece_floor([0.5] * 100)
    >>> 0.03 < mean < 0.05 < high < 0.12  # the mean of |binomial(100, 0.5) / 100 − 0.5| is 0.0398
    True

    Raises:
        MetricsError: as `reliability`, or no rounds.
    """
    given, _ = _read(confidence, confidence, bins, binning)
    if rounds < 1:
        inputs = Inputs()
        inputs.wrong("rounds", f"{rounds} samples", "give 1 or more")
        inputs.done()
    given = np.sort(given)
    at = bin_of(given, bins, binning)
    generator = np.random.default_rng(seed)
    starts = np.flatnonzero(np.diff(at, prepend=-1))  # sorted by confidence, so bins are runs
    expected = np.add.reduceat(given, starts)
    measured = np.empty(rounds)
    for number in range(rounds):
        drawn = np.add.reduceat((generator.random(len(given)) < given).astype(np.float64), starts)
        measured[number] = np.abs(drawn - expected).sum() / len(given)
    return float(measured.mean()), float(np.quantile(measured, 0.95))


def brier(confidence: Any, outcome: Any) -> float:
    """Mean squared distance of confidence and outcome, from 0 (perfect) to 1 (Brier 1950, for one of two events).

    It rewards being sure where one can be, not only being calibrated. For scores between 0 and 1 it is their mean
    squared error, and even the best forecast keeps their noise.

    >>> round(brier([0.8, 0.6], [1, 0]), 3)
    0.2

    Args:
        confidence, outcome: [rows] in [0, 1].

    Raises:
        MetricsError: shapes that do not fit, NaN, numbers outside [0, 1], no rows.
    """
    given, happened = _read(confidence, outcome, 1, "mass")
    return float(np.sort((given - happened) ** 2).mean())


def _read(confidence: Any, outcome: Any, bins: int, binning: str) -> tuple[Floats, Floats]:
    inputs = Inputs()
    given, happened = inputs.vector("confidence", confidence, 0.0, 1.0), inputs.vector("outcome", outcome, 0.0, 1.0)
    if bins < 1:
        inputs.wrong("bins", f"{bins} bins", "give 1 or more")
    if binning not in ("mass", "width"):
        inputs.wrong("binning", f"{binning!r} is neither", 'give "mass" or "width"')
    inputs.done()
    return given, happened


def bin_of(confidence: Floats, bins: int = BINS, binning: Binning = "mass") -> npt.NDArray[np.intp]:
    """The bin of each row, [rows], 0 to bins − 1; of values that were checked already.

    >>> bin_of(np.array([0.9, 0.1, 0.1, 0.5]), 2).tolist(), bin_of(np.array([0.9, 0.1, 1.0]), 2, "width").tolist()
    ([1, 0, 0, 1], [1, 0, 1])
    """
    if binning == "width":
        return np.minimum((confidence * bins).astype(np.intp), bins - 1)
    before = np.searchsorted(np.sort(confidence), confidence, side="left")
    return np.asarray(before * bins // len(confidence), dtype=np.intp)


def _sums(
    at: npt.NDArray[np.intp], confidence: Floats, outcome: Floats, bins: int
) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    sums = [np.asarray(np.bincount(at, of, bins), dtype=np.float64) for of in (confidence, outcome)]
    return np.bincount(at, minlength=bins), sums[0], sums[1]
