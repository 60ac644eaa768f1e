"""The cascade solved: which models in which order, and under which thresholds.

A threshold reads the *leg* confidence of its stage, so the curve of a two-stage cascade is a sort and a cumulative
sum: only the confidences that occur are thresholds that differ, and all of them are looked at. With three stages the
second threshold is solved exactly for every first one, which is all pairs; above `MOST_PAIRS` the two are improved in
turn until neither helps (coordinate descent), and the solution says which of the two it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .threshold import SLACK, between, cheapest
from .validation import Validation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]
    Flags = npt.NDArray[np.bool_]

__all__ = ["Curve", "StagesSolution", "cascade_curve", "solve_stages"]

MOST_PAIRS = 25_000_000
"""Pairs of thresholds that are searched exhaustively: 5,000 rows, about a second."""

ROUNDS = 20


@dataclass(frozen=True)
class Curve:
    """A two-stage cascade under every threshold: row k escalates the k least confident of n rows.

    Arrays are [n + 1]. `allowed` is False where a threshold cannot separate equal confidences. `total` and `squares`
    are the sum of score − reference over the rows, and of its square: what a paired interval is made of.
    """

    confidences: Floats
    scores: Floats
    costs: Floats
    latencies: Floats
    shares: Floats
    allowed: Flags
    total: Floats
    squares: Floats

    def threshold(self, row: int) -> float:
        """The threshold that escalates the `row` least confident rows."""
        return between(self.confidences, row)


def cascade_curve(
    rows: Validation, first: str, then: str, *, reference: Floats | None = None, after: Floats | None = None
) -> Curve:
    """The curve of `first` → `then`, from no escalation to all.

    Args:
        reference: float [n], what the score is compared with by row (by default nothing: zeros).
        after: float [n], the score of the answer after an escalation where that is not the score of `then`, such as
            that of averaged votes.
    """
    import numpy as np

    a, b = rows.of(first), rows.of(then)
    n = len(rows.score)
    order = np.argsort(rows.leg[:, a], kind="stable")
    confidences = rows.leg[order, a]
    before, behind = rows.score[order, a], (rows.score[:, b] if after is None else after)[order]
    compared = np.zeros(n) if reference is None else reference[order]

    def running(escalated: Floats, kept: Floats) -> Floats:
        """The sum over rows when the first k take the one value and the others the other, for every k."""
        out: Floats = float(kept.sum()) + np.concatenate([[0.0], np.cumsum(escalated - kept)])
        return out

    nothing = np.zeros(n)
    cost, latency = rows.costs, rows.latencies
    # A threshold cannot separate equal confidences, and none turns away a reply that is certain.
    allowed = np.concatenate([[True], confidences[1:] > confidences[:-1], [confidences[-1] < 1.0]])
    return Curve(
        confidences=confidences,
        scores=running(behind, before) / n,
        costs=float(cost[:, a].mean()) + running(cost[order, b], nothing) / n,
        latencies=float(latency[:, a].mean()) + running(latency[order, b], nothing) / n,
        shares=np.arange(n + 1) / n,
        allowed=allowed,
        total=running(behind - compared, before - compared),
        squares=running((behind - compared) ** 2, (before - compared) ** 2),
    )


# --- stages ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StagesSolution:
    """A cascade of two or three stages: `models` in order, and the leg confidence that each but the last has to reach.

    `shares` is the share of rows that each model runs on; `search` is `exact` or `coordinate descent`.
    """

    models: tuple[str, ...]
    thresholds: tuple[float, ...]
    score: float
    cost: float
    shares: tuple[float, ...]
    target: float
    reached: bool
    search: str


def solve_stages(
    rows: Validation, orders: Sequence[Sequence[str]], quality_target: float = 1.0, most_pairs: int = MOST_PAIRS
) -> StagesSolution:
    """The cheapest order of two or three models that reaches `quality_target` × the score of the best model.

    Exact over all thresholds of an order while its pairs of thresholds are at most `most_pairs`.

    Raises:
        ValueError: an order that is shorter or longer, or that names a model twice.
    """
    target = quality_target * float(rows.score.mean(axis=0).max())
    solutions = []
    for order in orders:
        if len(order) not in (2, 3) or len(set(order)) < len(order):
            raise ValueError(f"{tuple(order)}: an order has two or three different models")
        solve = _two if len(order) == 2 else _three
        solutions.append(solve(rows, tuple(order), target, most_pairs))
    return min(solutions, key=_rank)


def _rank(solution: StagesSolution) -> tuple[bool, float, float]:
    """Those that reach the target by cost, the others by score."""
    if solution.reached:
        return False, solution.cost, -solution.score
    return True, -solution.score, solution.cost


def _two(rows: Validation, order: tuple[str, ...], target: float, _most_pairs: int) -> StagesSolution:
    curve = cascade_curve(rows, *order)
    at = cheapest(curve.scores, curve.costs, curve.allowed, target)
    score, shares = float(curve.scores[at]), (1.0, float(curve.shares[at]))
    reached = score >= target - SLACK
    return StagesSolution(
        order, (curve.threshold(at),), score, float(curve.costs[at]), shares, target, reached, "exact"
    )


class _Three:
    """Three stages on the same rows. A threshold is given by how many of the least confident rows of its stage, over
    all rows, do not reach it; so both are numbers in 0 … n."""

    def __init__(self, rows: Validation, order: tuple[str, ...]) -> None:
        import numpy as np

        self.columns = [rows.of(model) for model in order]
        self.n = len(rows.score)
        self.scores = [rows.score[:, at] for at in self.columns]
        self.costs = [rows.costs[:, at] for at in self.columns]
        self.by = [np.argsort(rows.leg[:, at], kind="stable") for at in self.columns[:2]]
        self.sorted = [rows.leg[order_, at] for order_, at in zip(self.by, self.columns[:2], strict=True)]
        self.allowed = [
            np.flatnonzero(np.concatenate([[True], sure[1:] > sure[:-1], [sure[-1] < 1.0]])) for sure in self.sorted
        ]
        self.rank = [np.empty(self.n, dtype=np.intp) for _ in range(2)]
        for rank, by in zip(self.rank, self.by, strict=True):
            rank[by] = np.arange(self.n)

    def line(self, stage: int, other: int) -> tuple[Floats, Floats]:
        """Mean score and cost for every threshold of `stage` (0 or 1), that of the other stage being `other`."""
        import numpy as np

        (a, b, c), (cost_a, cost_b, cost_c) = self.scores, self.costs
        ones = float(cost_a.sum())
        if stage == 1:
            gone = self.rank[0][self.by[1]] < other  # left the first stage, in the order of the second's confidence
            at = self.by[1]
            score = float(a.sum() + ((b - a) * (self.rank[0] < other)).sum())
            cost = ones + float((cost_b * (self.rank[0] < other)).sum())
            gains, costs = np.where(gone, c[at] - b[at], 0.0), np.where(gone, cost_c[at], 0.0)
        else:
            at = self.by[0]
            on = self.rank[1][at] < other  # would leave the second stage
            score, cost = float(a.sum()), ones
            gains = np.where(on, c[at], b[at]) - a[at]
            costs = cost_b[at] + np.where(on, cost_c[at], 0.0)
        scores = (score + np.concatenate([[0.0], np.cumsum(gains)])) / self.n
        return scores, (cost + np.concatenate([[0.0], np.cumsum(costs)])) / self.n

    def best(self, stage: int, other: int, target: float) -> tuple[tuple[bool, float, float], int]:
        """The best threshold of a stage and how good it is: lower is better."""
        import numpy as np

        scores, costs = self.line(stage, other)
        allowed = np.zeros(self.n + 1, dtype=bool)
        allowed[self.allowed[stage]] = True
        at = cheapest(scores, costs, allowed, target)
        score, cost = float(scores[at]), float(costs[at])
        return ((False, cost, -score) if score >= target - SLACK else (True, -score, cost)), at


def _three(rows: Validation, order: tuple[str, ...], target: float, most_pairs: int) -> StagesSolution:
    import numpy as np

    stages = _Three(rows, order)
    exact = len(stages.allowed[0]) * len(stages.allowed[1]) <= most_pairs
    if exact:
        found = min((stages.best(1, int(first), target), int(first)) for first in stages.allowed[0])
        ranked, first, second = found[0][0], found[1], found[0][1]
    else:
        first, second = int(stages.allowed[0][-1]), int(stages.allowed[1][-1])  # everything goes to the last
        ranked = (True, np.inf, np.inf)
        for _ in range(ROUNDS):
            before = ranked
            _, first = stages.best(0, second, target)
            ranked, second = stages.best(1, first, target)
            if ranked >= before:
                break
    scores, costs = stages.line(1, first)
    left = stages.rank[0] < first
    shares = (1.0, float(left.mean()), float((left & (stages.rank[1] < second)).mean()))
    thresholds = tuple(between(sure, at) for sure, at in zip(stages.sorted, (first, second), strict=True))
    search = "exact" if exact else "coordinate descent"
    score, cost = float(scores[second]), float(costs[second])
    return StagesSolution(order, thresholds, score, cost, shares, target, score >= target - SLACK, search)
