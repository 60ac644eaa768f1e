"""Thresholds from outcomes: the cheapest plan that reaches a quality target on validation rows.

Nobody knows what leg confidence of 0.83 means, but everybody knows "as good as the large model". So the target is
stated, and the threshold is found. When no threshold reaches the target, that is said, and the nearest one is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .matrix import Matrix, split_by_prompt
from .outcome import Outcome
from .outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Solution", "Validation", "cascade_from_outcomes", "solve_adaptive", "solve_cascade"]

MOST_THRESHOLDS = 512
SLACK = 1e-12


@dataclass(frozen=True)
class Validation:
    """Models on the same validation rows; arrays are [n, models].

    `score` in [0, 1]; `leg` is the leg confidence; `decision` the decision confidence of a router, if there is one;
    `cost` [models] the mean cost of one call, in any one unit.
    """

    models: tuple[str, ...]
    score: Floats
    leg: Floats
    cost: Floats
    decision: Floats | None = None

    def of(self, model: str) -> int:
        """The column of a model."""
        return self.models.index(model)


@dataclass(frozen=True)
class Solution:
    """A threshold, and what it gives on the validation rows.

    `share_then` is the share of rows on which the dear model runs; `reached` whether `score` ≥ `target`.
    """

    kind: str
    threshold: float
    score: float
    cost: float
    share_then: float
    target: float
    reached: bool


def solve_cascade(rows: Validation, first: str, then: str, quality_target: float = 1.0) -> Solution:
    """The cheapest leg-confidence threshold whose mean score is at least `quality_target` × that of `then`.

    Exact: only the confidences that occur can be thresholds that differ.
    """
    import numpy as np

    a, b = rows.of(first), rows.of(then)
    target = quality_target * float(rows.score[:, b].mean())
    order = np.argsort(rows.leg[:, a], kind="stable")
    # Row k: the k least confident rows escalate.
    gains = (rows.score[:, b] - rows.score[:, a])[order]
    scores = float(rows.score[:, a].mean()) + np.concatenate([[0.0], np.cumsum(gains)]) / len(order)
    confidences = rows.leg[order, a]
    # A threshold cannot separate equal confidences, and none turns away a reply that is certain.
    edges = np.concatenate([[True], confidences[1:] > confidences[:-1], [confidences[-1] < 1.0]])
    shares = np.arange(len(order) + 1) / len(order)
    costs = rows.cost[a] + shares * rows.cost[b]
    best = _cheapest(scores, costs, edges, target)
    return _solution("cascade", _between(confidences, best), scores[best], costs[best], shares[best], target)


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
    best = _cheapest(np.array(scores), np.array(costs), np.ones(len(scores), dtype=bool), target)
    return _solution("adaptive", float(candidates[best]), scores[best], costs[best], shares[best], target)


def _solution(kind: str, threshold: float, score: float, cost: float, share: float, target: float) -> Solution:
    reached = bool(score >= target - SLACK)
    return Solution(kind, min(threshold, 1.0), float(score), float(cost), float(share), target, reached)


def _cheapest(scores: Floats, costs: Floats, allowed: npt.NDArray[np.bool_], target: float) -> int:
    """The cheapest allowed row that reaches the target; if none does, the best one, the cheapest of equals."""
    import numpy as np

    reaching = np.flatnonzero(allowed & (scores >= target - SLACK))
    if len(reaching):
        return int(reaching[np.argmin(costs[reaching])])
    possible = np.flatnonzero(allowed)
    top = possible[scores[possible] >= scores[possible].max() - SLACK]
    return int(top[np.argmin(costs[top])])


def _between(confidences: Floats, escalated: int) -> float:
    """A threshold that the `escalated` least confident rows miss and the others reach."""
    n = len(confidences)
    if escalated == 0:
        return 0.0
    if escalated == n:
        return 1.0
    below, above = float(confidences[escalated - 1]), float(confidences[escalated])
    between = (below + above) / 2
    return between if between > below else above  # neighbouring floats have nothing between them


def cascade_from_outcomes(
    outcomes: Sequence[Outcome], quality_target: float, seed: int, validation_share: float = 0.2
) -> tuple[str, str, Solution] | None:
    """A cascade from the cheapest model that states leg confidences to the best model, solved on validation prompts.

    Cheap by mean cost, or by mean latency where no cost is known. None when nothing can be solved: no confidences,
    or the best model is the cheapest too.
    """
    import numpy as np

    table = Outcomes.read(outcomes)
    _, validation = split_by_prompt(table, validation_share, seed)
    legs = Matrix.of(table.split(validation_share, seed)[1], validation.models, "leg_confidence")
    whole = ~np.isnan(validation.scores).any(axis=1)
    price = validation.cost_usd if np.nansum(validation.cost_usd) > 0 else validation.latency_ms
    if not whole.any() or np.isnan(price[whole]).all(axis=0).any():
        return None
    cost = np.nanmean(price[whole], axis=0)
    then = int(validation.scores[whole].mean(axis=0).argmax())
    stated = [at for at in range(len(cost)) if cost[at] < cost[then] and not np.isnan(legs.scores[whole, at]).all()]
    if not stated:
        return None
    first = min(stated, key=lambda at: cost[at])
    leg = np.nan_to_num(legs.scores[whole], nan=0.0)
    rows = Validation(tuple(validation.models), validation.scores[whole].astype(np.float64), leg, cost)
    names = validation.models[first], validation.models[then]
    return *names, solve_cascade(rows, *names, quality_target)
