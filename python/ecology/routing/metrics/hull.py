"""The trade of money for quality as one curve, and one number.

Points of cost and score that can be had can be mixed: sending a share of the traffic one way and the rest another buys
every point on the line between. So what a set of points is worth is their *non-decreasing convex hull*: no point of
it costs more and scores less than another. RouterBench (Hu et al. 2024, arXiv:2403.12031, section 3) calls the hull of
the single models the Zero router, and the area under a router's hull its AIQ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .inputs import Floats, Inputs

__all__ = ["aiq", "cost_to_reach", "frontier", "score_at"]


def frontier(cost: Any, score: Any) -> tuple[Floats, Floats]:
    """The corners of the non-decreasing upper convex hull, by rising cost, from the cheapest point to the best.

    Args:
        cost: mean cost of each point, [points], 0 or more.
        score: mean score of each point, [points].

    >>> cost, score = frontier([1, 2, 3, 4, 5], [0.2, 0.3, 0.8, 0.7, 0.9])
    >>> cost.tolist(), score.tolist()
    ([1.0, 3.0, 5.0], [0.2, 0.8, 0.9])

    Raises:
        MetricsError: shapes that do not fit, no points, NaN, a cost below 0.
    """
    cost, score = _points(cost, score)
    order = np.lexsort((-score, cost))
    corners: list[tuple[float, float]] = []
    for x, y in zip(cost[order].tolist(), score[order].tolist(), strict=True):
        if corners and y <= corners[-1][1]:
            continue  # dearer, or as dear, and no better
        while len(corners) > 1 and _below(corners[-2], corners[-1], (x, y)):
            corners.pop()
        corners.append((x, y))
    hull = np.array(corners)
    return hull[:, 0], hull[:, 1]


def score_at(cost: Any, score: Any, budget: Any) -> Floats:
    """What the best mixture of the points scores at a mean cost of `budget` or less; the shape of `budget`.

    Above the dearest corner the score stays. Below the cheapest point not all prompts can be paid for: the line to
    (0, 0), where nothing is answered at no cost.

    >>> score_at([1, 3], [0.25, 0.75], [0.5, 1, 2, 9]).tolist()
    [0.125, 0.25, 0.5, 0.75]

    Raises:
        MetricsError: as `frontier`.
    """
    corners, scores = frontier(cost, score)
    return _interpolate(corners, scores, np.asarray(budget, dtype=np.float64))


def aiq(cost: Any, score: Any, low: float | None = None, high: float | None = None) -> float:
    """Average improvement in quality: the area under the hull of the points over [low, high] ÷ (high − low).

    So it is the mean score over all budgets of that range, each as likely as the other. RouterBench's code
    (`evaluation/AIQ.py` at 30e0925) starts at the router's own cheapest point and divides by the dearest cost of all
    routers that are compared; here the range is given and the same for all: by the paper's formula, from the cheapest
    to the dearest single model. Outside of its points a router's hull continues as in `score_at`.

    Args:
        cost: mean cost of each operating point of the router, [points], 0 or more.
        score: mean score of each, [points].
        low, high: the range of budgets; by default that of the points.

    >>> round(aiq([1, 3], [0.4, 0.8]), 3)
    0.6
    >>> round(aiq([1, 3], [0.4, 0.8], low=1, high=5), 3)
    0.7

    Raises:
        MetricsError: as `frontier`, or there is no spread in cost (high ≤ low), where an area has no width.
    """
    costs, scores = _points(cost, score)
    start, end = float(costs.min()) if low is None else low, float(costs.max()) if high is None else high
    inputs = Inputs()
    if not (np.isfinite([start, end]).all() and 0 <= start < end):
        inputs.wrong("cost", f"there is no spread: from {start:g} to {end:g}", "compare scores at equal cost instead")
    inputs.done()
    corners, heights = frontier(costs, scores)
    inside = corners[(corners > start) & (corners < end)]
    at = np.concatenate([[start], inside, [end]])
    return float(np.trapezoid(_interpolate(corners, heights, at), at) / (end - start))


def cost_to_reach(cost: Any, score: Any, target: float) -> float:
    """The least mean cost at which a mixture of the points scores `target`; NaN when none does.

    Cost at 98 % of best single is `cost_to_reach(cost, score, 0.98 * best)`. The mixture is the best in hindsight on
    these rows; who has to choose it beforehand will pay more, or miss the target.

    >>> cost_to_reach([1, 3], [0.25, 0.75], 0.5)
    2.0
    >>> cost_to_reach([1, 3], [0.25, 0.75], 0.9)
    nan

    Raises:
        MetricsError: as `frontier`.
    """
    corners, scores = frontier(cost, score)
    if scores[-1] < target - 1e-12:
        return float("nan")
    return float(np.interp(target, scores, corners))


def _points(cost: Any, score: Any) -> tuple[Floats, Floats]:
    inputs = Inputs()
    costs, scores = inputs.vector("cost", cost, low=0.0), inputs.vector("score", score)
    inputs.done()
    return costs, scores


def _below(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or below the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def _interpolate(corners: Floats, scores: Floats, at: Floats) -> Floats:
    inside = np.interp(at, corners, scores)
    if corners[0] <= 0:
        return inside
    return np.where(at < corners[0], scores[0] * at / corners[0], inside)
