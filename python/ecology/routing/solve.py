"""Thresholds from outcomes: the cheapest plan that reaches a quality target on validation rows.

Nobody knows what leg confidence of 0.83 means, but everybody knows "as good as the large model". So the target is
stated, and the threshold is found. When no threshold reaches the target, that is said, and the nearest one is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cascades import cascade_curve
from .threshold import SLACK, cheapest
from .validation import Validation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["WEIGHTS", "Solution", "solve_adaptive", "solve_averaged", "solve_cascade"]

WEIGHTS = tuple(step / 20 for step in range(21))

MOST_THRESHOLDS = 512


@dataclass(frozen=True)
class Solution:
    """A threshold, and what it gives on the validation rows.

    `kind` is `cascade`, `averaged` (a cascade whose answer after an escalation is both votes together, with `weights`
    for the first and the second) or `adaptive`. `share_then` is the share of rows on which the dear model runs;
    `reached` whether `score` ≥ `target`.
    """

    kind: str
    threshold: float
    score: float
    cost: float
    share_then: float
    target: float
    reached: bool
    weights: tuple[float, float] | None = None


def solve_cascade(rows: Validation, first: str, then: str, quality_target: float = 1.0) -> Solution:
    """The cheapest leg-confidence threshold whose mean score is at least `quality_target` × that of `then`.

    Exact: only the confidences that occur can be thresholds that differ.
    """
    target = quality_target * float(rows.score[:, rows.of(then)].mean())
    curve = cascade_curve(rows, first, then)
    best = cheapest(curve.scores, curve.costs, curve.allowed, target)
    found = curve.scores[best], curve.costs[best], curve.shares[best]
    return _solution("cascade", curve.threshold(best), *found, target)


def solve_averaged(
    rows: Validation,
    first: str,
    then: str,
    votes_first: Floats,
    votes_then: Floats,
    truth: npt.NDArray[np.integer[Any]],
    quality_target: float = 1.0,
) -> Solution:
    """Threshold and weights of the cheapest averaged cascade that reaches `quality_target` × the score of `then`.

    Every threshold, and weights in steps of a twentieth; of equal ones those nearest to a half.

    Args:
        votes_first: float [n, labels], probabilities of the same labels in the same order as `votes_then`.
        truth: the column of the right label of each row, [n].
    """
    import numpy as np

    target = quality_target * float(rows.score[:, rows.of(then)].mean())
    found: tuple[tuple[bool, float, float, float], Solution] | None = None
    for weight in sorted(WEIGHTS, key=lambda weight: abs(weight - 0.5)):
        picked = (weight * votes_first + (1.0 - weight) * votes_then).argmax(axis=1)
        curve = cascade_curve(rows, first, then, after=(picked == truth).astype(np.float64))
        at = cheapest(curve.scores, curve.costs, curve.allowed, target)
        reached = bool(curve.scores[at] >= target - SLACK)
        score, cost = float(curve.scores[at]), float(curve.costs[at])
        key = (not reached, cost if reached else -score, -score if reached else cost, abs(weight - 0.5))
        if found is None or key < found[0]:
            share, weights = float(curve.shares[at]), (weight, round(1.0 - weight, 10))
            found = key, _solution("averaged", curve.threshold(at), score, cost, share, target, weights)
    assert found is not None, "there are weights"
    return found[1]


def solve_adaptive(rows: Validation, then: str, quality_target: float = 1.0) -> Solution | None:
    """The cheapest decision-confidence threshold, as the core carries `adaptive` out: the cheapest model that
    reaches it runs alone; when none does, the two most confident run and the surer reply is taken. None without a
    router.

    The target is `quality_target` × the score of `then`.
    """
    import numpy as np

    if rows.decision is None:
        return None
    b = rows.of(then)
    target = quality_target * float(rows.score[:, b].mean())
    at = np.arange(len(rows.score))
    by_cost = np.argsort(rows.cost, kind="stable")
    top_two = np.argsort(-rows.decision, axis=1, kind="stable")[:, :2]
    legs = np.take_along_axis(rows.leg, top_two, axis=1)
    surer = top_two[at, legs.argmax(axis=1)]
    candidates = np.unique(rows.decision)
    if len(candidates) > MOST_THRESHOLDS:
        candidates = np.quantile(candidates, np.linspace(0, 1, MOST_THRESHOLDS))
    if candidates[-1] < 1.0:
        candidates = np.append(candidates, 1.0)  # always two
    scores, costs, shares = [], [], []
    for threshold in candidates:
        reaches = rows.decision[:, by_cost] >= threshold
        alone = by_cost[reaches.argmax(axis=1)]
        one = reaches.any(axis=1)
        chosen = np.where(one, alone, surer)
        scores.append(float(rows.score[at, chosen].mean()))
        costs.append(float(np.where(one, rows.cost[alone], rows.cost[top_two].sum(axis=1)).mean()))
        shares.append(float(np.where(one, alone == b, (top_two == b).any(axis=1)).mean()))
    best = cheapest(np.array(scores), np.array(costs), np.ones(len(scores), dtype=bool), target)
    return _solution("adaptive", float(candidates[best]), scores[best], costs[best], shares[best], target)


def _solution(
    kind: str,
    threshold: float,
    score: float,
    cost: float,
    share: float,
    target: float,
    weights: tuple[float, float] | None = None,
) -> Solution:
    reached = bool(score >= target - SLACK)
    return Solution(kind, min(threshold, 1.0), float(score), float(cost), float(share), target, reached, weights)
