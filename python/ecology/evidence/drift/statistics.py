"""The tests behind a verdict on drift: plain functions of arrays, each with its source."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["auc", "holm", "kolmogorov_smirnov", "moved_residuals", "stability_index"]

Floats = npt.NDArray[np.float64]
BINS = 10


def kolmogorov_smirnov(a: Floats, b: Floats) -> tuple[float, float]:
    """The largest distance of two samples' distribution functions, and its p-value.

    The asymptotic series with Stephens's correction for small samples (1970; Numerical Recipes, section 14.3). Ties, of
    which counts are full, make it err on the side of no drift.

    >>> kolmogorov_smirnov(np.arange(100.0), np.arange(100.0))
    (0.0, 1.0)
    >>> distance, p = kolmogorov_smirnov(np.arange(100.0), np.arange(100.0) + 50)
    >>> distance, p < 1e-9
    (0.5, True)
    """
    both = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(np.sort(each), both, side="right") / len(each) for each in (a, b)]
    distance = float(np.abs(below[0] - below[1]).max())
    size = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    return distance, _kolmogorov((size + 0.12 + 0.11 / size) * distance)


def _kolmogorov(x: float) -> float:
    """P(K > x) of Kolmogorov's distribution."""
    if x < 0.2:  # 1 to ten digits, and the series converges slowly
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def stability_index(reference: Floats, window: Floats, bins: int = BINS) -> float:
    """The population stability index, the sum of (p − q) ln(p / q) over bins: Jeffreys' divergence (1946).

    Bins hold equal shares of the reference, equal values in one; half a row is added to each count, so that an empty
    bin is not infinite. By the convention of credit scoring (Siddiqi 2006) 0.1 is a shift and 0.25 a large one. On
    samples of n and m of the same population it is about (bins − 1) (1/n + 1/m), not 0.

    >>> x = np.arange(1000.0)
    >>> stability_index(x, x), round(stability_index(x, x + 300), 1) > 0.25
    (0.0, True)
    """
    edges = np.unique(np.quantile(reference, np.arange(1, bins) / bins, method="inverted_cdf"))
    # Where most values are equal, quantiles may not tell the few others apart: what is above the last edge is a bin.
    shares = []
    for sample in (reference, window):
        counts = np.bincount(np.searchsorted(edges, sample, side="left"), minlength=len(edges) + 1) + 0.5
        shares.append(counts / counts.sum())
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def auc(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The chance that a positive row has the higher score, ties counted half, and the p-value of more than 1/2.

    Mann and Whitney's U (1947) by its normal approximation with ties.

    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))[0]
    0.75
    """
    _, code, counts = np.unique(score, return_inverse=True, return_counts=True)
    upto = np.cumsum(counts)
    rank = (upto - (counts - 1) / 2)[code]
    n, m = int(positive.sum()), int((~positive).sum())
    area = (float(rank[positive].sum()) - n * (n + 1) / 2) / (n * m)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / ((n + m) * (n + m - 1))
    deviation = math.sqrt((n + m + 1 - ties) / (12 * n * m)) if n + m + 1 > ties else 0.0
    return area, 0.5 * math.erfc((area - 0.5) / deviation / math.sqrt(2)) if deviation > 0 else 1.0


def moved_residuals(reference: tuple[Floats, Floats] | None, window: tuple[Floats, Floats]) -> float:
    """The p-value of: score minus confidence is in the window what it was in the reference, on average and in slope.

    Each side is (confidence, score). A test of the mean of r = score − confidence and of r · (confidence − its mean)
    together (the two directions of a recalibration: Cox 1958), as a difference of two samples, χ² with two degrees of
    freedom; with one where all confidences are equal. Without a reference r is held against 0.

    >>> c = np.linspace(0, 1, 200)
    >>> moved_residuals((c, c), (c, c)), moved_residuals((c, c), (c, c - 0.2)) < 1e-6
    (1.0, True)
    """
    centre = float(np.mean(np.concatenate([window[0]] if reference is None else [reference[0], window[0]])))
    means, spreads = np.zeros(2), np.zeros((2, 2))
    for sign, side in ((1.0, window), (-1.0, reference)):
        if side is None:
            continue
        confidence, score = side
        r = score - confidence
        both = np.stack([r, r * (confidence - centre)])
        means += sign * both.mean(axis=1)
        spreads += np.atleast_2d(np.cov(both)) / len(r)
    if spreads[0, 0] <= 1e-18:
        return 1.0 if abs(means[0]) < 1e-12 else 0.0
    # Two directions that are nearly one (all confidences alike) are tested as one.
    if np.linalg.det(spreads) <= 1e-9 * spreads[0, 0] * max(spreads[1, 1], 1e-30):
        return math.erfc(abs(float(means[0])) / math.sqrt(2 * float(spreads[0, 0])))
    statistic = float(means @ np.linalg.solve(spreads, means))
    return math.exp(-statistic / 2)


def holm(p_values: list[float]) -> list[float]:
    """The p-values, corrected for how many there are (Holm 1979): below alpha for any false one with chance alpha.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    found = [1.0] * len(p_values)
    least = 0.0
    for passed, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - passed) * p_values[at]))
        found[at] = least
    return found
