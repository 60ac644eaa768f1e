"""The estimators: what another policy would have got, from what this one did. Plain functions of arrays.

All of them are ratios of means, `sum(c · top) / sum(c · bottom)`, so that one rule gives the value, the influence
of each row and any resample. With weights w = π(a|x) / propensity, outcomes y, and guesses q̂:

| name | top | bottom | |
|---|---|---|---|
| `dm` | Σₐ π(a|x) q̂(x, a) | 1 | direct method: as right as the guesses |
| `ips` | w y | 1 | Horvitz & Thompson 1952: right if the propensities are, and seldom calm |
| `snips` | w y | w | Swaminathan & Joachims 2015: bias of 1/n for far less variance |
| `dr` | Σₐ π q̂ + w (y − q̂) | 1 | Dudík, Langford & Li 2011: right if either is |
| `switch-dr` | Σₐ π q̂ + w [w ≤ τ] (y − q̂) | 1 | Wang, Agarwal & Dudík 2017: the guesses alone where weights are huge |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["ESTIMATORS", "Estimator", "Ratio", "Terms", "ratio", "switch_threshold"]

Floats = npt.NDArray[np.float64]
Estimator = Literal["dm", "ips", "snips", "dr", "switch-dr"]

ESTIMATORS: tuple[Estimator, ...] = ("dm", "ips", "snips", "dr", "switch-dr")
CANDIDATES = 21  # as section 4.1 of Wang et al.


@dataclass(frozen=True)
class Terms:
    """Of each row [n]: the importance weight, what happened, the guess for the model that answered, the guess for the
    policy, and for how many decisions it stands."""

    weight: Floats
    outcome: Floats
    fitted: Floats
    expected: Floats
    stands: Floats

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, rows: npt.NDArray[np.bool_]) -> Terms:
        """Some rows."""
        return Terms(*(each[rows] for each in (self.weight, self.outcome, self.fitted, self.expected, self.stands)))


@dataclass(frozen=True)
class Ratio:
    """`value` is the ratio of the weighted means of `top` and `bottom`, both [n]."""

    top: Floats
    bottom: Floats
    stands: Floats

    @property
    def value(self) -> float:
        """The estimate; NaN where all weights are 0."""
        below = float(self.stands @ self.bottom)
        return float(self.stands @ self.top) / below if below > 0 else float("nan")

    @property
    def influence(self) -> Floats:
        """How each row moves the value, [n], of mean 0 (the delta method)."""
        mean = float(self.stands @ self.bottom) / len(self.bottom)
        return np.asarray(self.stands * (self.top - self.value * self.bottom) / mean)


def ratio(name: Estimator, terms: Terms, threshold: float = np.inf) -> Ratio:
    """The estimator of that name; `threshold` is τ of `switch-dr`.

    >>> one = np.ones(2)
    >>> terms = Terms(np.array([2.0, 0.0]), np.array([1.0, 0.0]), 0.5 * one, 0.5 * one, one)
    >>> [ratio(name, terms).value for name in ESTIMATORS]
    [0.5, 1.0, 1.0, 1.0, 1.0]
    """
    ones = np.ones(len(terms))
    weight = terms.weight
    if name == "dm":
        return Ratio(terms.expected, ones, terms.stands)
    if name in ("ips", "snips"):
        return Ratio(weight * terms.outcome, ones if name == "ips" else weight, terms.stands)
    if name == "switch-dr":
        weight = np.where(weight <= threshold, weight, 0.0)
    return Ratio(terms.expected + weight * (terms.outcome - terms.fitted), ones, terms.stands)


def switch_threshold(terms: Terms, largest_error: float) -> float:
    """τ of `switch-dr`: the one of 21 with the least estimated variance + (bound of the bias)².

    Section 4.1 of Wang et al. 2017. Beyond τ only the guesses speak, which are wrong by at most `largest_error` there;
    how much of the policy lies there is measured as the mean of w [w > τ]. Candidates are spaced evenly in log w
    between the smallest and the largest weight above 0; infinity, which is plain DR, is the first.
    """
    positive = terms.weight[terms.weight > 0]
    if not len(positive):
        return float("inf")
    candidates = np.geomspace(positive.max(), positive.min(), CANDIDATES) if np.ptp(positive) > 0 else positive[:0]
    best, least = float("inf"), np.inf
    for threshold in (np.inf, *candidates):
        influence = ratio("switch-dr", terms, float(threshold)).influence
        beyond = np.where(terms.weight > threshold, terms.weight, 0.0)
        bias = largest_error * float(terms.stands @ beyond) / len(terms)
        loss = float(influence @ influence) / len(terms) ** 2 + bias**2
        if loss < least * (1 - 1e-12):
            best, least = float(threshold), loss
    return best
