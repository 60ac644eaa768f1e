"""What a router has to beat: policies that read no prompt.

A router that is not above the best fixed mixture has learned nothing that a coin and a price list do not know.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .hull import score_at
from .inputs import Floats, Inputs

__all__ = ["best_single", "mixture_score", "random_score"]


def best_single(scores: Any, cost: Any) -> int:
    """The column of the model with the highest mean score; of equals the cheaper, then the first.

    Args:
        scores: [prompts, models].
        cost: [models] or [prompts, models].

    >>> best_single([[1, 1, 0], [0, 0, 1]], [3, 2, 1])
    2

    Raises:
        MetricsError: shapes that do not fit, NaN, no rows.
    """
    inputs = Inputs()
    truth = inputs.matrix("scores", scores)
    costs = inputs.costs("cost", cost, truth)
    inputs.done()
    return int(np.lexsort((costs.mean(axis=0), -truth.mean(axis=0)))[0])


def mixture_score(cost: Any, score: Any, budget: Any) -> Floats:
    """What the best fixed mixture of models scores at mean cost `budget` or less; the shape of `budget`.

    A fixed mixture sends constant shares of the traffic, blindly. Two models are enough: it is the hull of the single
    models (RouterBench's Zero router, arXiv:2403.12031, section 3.2); the shares are the best in hindsight.

    Args:
        cost: mean cost of each model, [models], 0 or more.
        score: mean score of each model, [models].
        budget: mean cost, 0 or more; any shape.

    >>> float(mixture_score([1, 3, 4], [0.25, 0.75, 0.5], 2))
    0.5

    Raises:
        MetricsError: as `frontier`.
    """
    return score_at(cost, score, budget)


def random_score(cost: Any, score: Any, budget: float) -> float:
    """What a random choice scores on average that knows the prices and nothing else, at mean cost `budget`.

    Of all mixtures of that mean cost it is the one of the greatest entropy (Jaynes 1957): shares proportional to
    exp(−t · cost), t solved by bisection. Of two models it is RouteLLM's random router, the straight line between
    them. A budget outside of the models' costs is the cheapest or the dearest; equal costs give equal shares.

    Args:
        cost, score: as in `mixture_score`.
        budget: mean cost.

    >>> round(random_score([1, 3], [0.4, 0.8], 2.5), 6)
    0.7
    >>> round(random_score([1, 2, 3], [0.2, 0.9, 0.4], 2), 6)
    0.5

    Raises:
        MetricsError: shapes that do not fit, NaN, a cost below 0.
    """
    inputs = Inputs()
    costs, scores = inputs.vector("cost", cost, low=0.0), inputs.vector("score", score)
    inputs.number("budget", budget, 0.0, np.inf)
    inputs.done()
    return float(_shares(costs, budget) @ scores)


def _shares(cost: Floats, budget: float) -> Floats:
    low, high = float(cost.min()), float(cost.max())
    if low == high:
        return np.full(len(cost), 1.0 / len(cost))
    scaled = (cost - low) / (high - low)
    wanted = (budget - low) / (high - low)
    if wanted <= 0 or wanted >= 1:
        end = scaled == (0.0 if wanted <= 0 else 1.0)
        return np.asarray(end / end.sum())

    def shares(t: float) -> Floats:
        raised = np.exp(-t * scaled - (-t * scaled).max())
        return np.asarray(raised / raised.sum())

    # The mean cost falls with t; bracket it, then halve.
    left, right = -1.0, 1.0
    while shares(left) @ scaled < wanted and left > -1e6:
        left *= 2
    while shares(right) @ scaled > wanted and right < 1e6:
        right *= 2
    for _ in range(80):
        middle = (left + right) / 2
        left, right = (middle, right) if shares(middle) @ scaled > wanted else (left, middle)
    return shares((left + right) / 2)
