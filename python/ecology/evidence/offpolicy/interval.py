"""How far an estimate could be off: by its influence, by resampling, or for certain."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...routing.metrics import Interval
from .estimators import Ratio

__all__ = ["Method", "bernstein", "bootstrapped", "normal"]

Method = Literal["normal", "bootstrap", "bernstein"]
MOST_DRAWN = 5_000_000  # numbers in memory at once


def normal(value: float, influence: npt.NDArray[np.float64], level: float) -> Interval:
    """value ± z · deviation of the influence / √n. NaN of fewer than two rows.

    >>> print(normal(0.5, np.array([-0.5, 0.5, -0.5, 0.5]), 0.95))
    0.500 [-0.066, 1.066]
    """
    n = len(influence)
    if n < 2 or not math.isfinite(value):
        return Interval(value, float("nan"), float("nan"))
    error = math.sqrt(float(influence @ influence) / (n - 1) / n)
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return Interval(value, value - half, value + half)


def bootstrapped(ratio: Ratio, level: float, seed: int, resamples: int) -> Interval:
    """Percentiles over resampled decisions (Efron & Tibshirani 1993, chapter 13). The guesses are kept as they are."""
    n = len(ratio.top)
    if n < 2 or not math.isfinite(ratio.value):
        return Interval(ratio.value, float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    top, bottom = ratio.stands * ratio.top, ratio.stands * ratio.bottom
    found: list[npt.NDArray[np.float64]] = []
    done = 0
    while done < resamples:
        count = min(resamples - done, max(1, MOST_DRAWN // n))
        rows = generator.integers(0, n, (count, n))
        below = bottom[rows].sum(axis=1)
        found.append(np.divide(top[rows].sum(axis=1), below, out=np.full(count, np.nan), where=below > 0))
        done += count
    drawn = np.concatenate(found)
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, (tail, 1 - tail))
    return Interval(ratio.value, float(low), float(high))


def bernstein(ratio: Ratio, span: float, level: float) -> Interval:
    """The empirical Bernstein bound (Maurer & Pontil 2009, theorem 4) on both sides: no normality, any n from 2.

    `span` is the range that a row's term may have. Not defined for SNIPS, whose bottom is drawn too: NaN.
    """
    n = len(ratio.top)
    if n < 2 or np.ptp(ratio.bottom) > 0:
        return Interval(ratio.value, float("nan"), float("nan"))
    tail = math.log(4 / (1 - level))
    influence = ratio.influence
    variance = float(influence @ influence) / (n - 1)
    half = math.sqrt(2 * variance * tail / n) + 7 * span * float(ratio.stands.max()) * tail / (3 * (n - 1))
    return Interval(ratio.value, ratio.value - half, ratio.value + half)
