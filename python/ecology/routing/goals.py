"""From a goal to a plan: the cheapest point of all lines that keeps it, on validation rows.

A quality target is kept in the mean, and by default as *non-inferiority* too: walking each line from its safest setting
down, as long as the lower end of the paired one-sided 95 % interval of the difference stays above −margin. The first
setting that does not pass ends the walk (fixed sequence testing), so the number of settings costs nothing; the number
of lines does, a little, and is not corrected for. One model alone is a line as well: so there is always an answer,
and it is stated when nothing cheaper than the large model keeps the target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..errors import OutcomesError, Violation
from ..policy import Cascade, Direct, ErrorBound, MaxCost, QualityTarget, Utility
from ..stats import paired_interval, paired_lower
from .alternatives import Line, Point, lines_of, single_point
from .bound import Promise, error_bound
from .threshold import SLACK
from .validation import Validation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Goal", "Solved", "solve_goal", "walk"]

Goal = QualityTarget | ErrorBound | MaxCost | Utility
Fail = Literal["expensive", "closed", "abstain"]


@dataclass(frozen=True)
class Solved:
    """The point that keeps the goal; where none does, the best possible one, and `reached` is False.

    `gap` is the mean difference to the best single model by row, with its 95 % interval; `reason` says in words what
    was found, and what to do where the goal is not reached.
    """

    goal: Goal
    point: Point
    reached: bool
    reason: str
    rows: int
    best_single: str
    gap: tuple[float, float, float]


def solve_goal(goal: Goal, rows: Validation, *, money: bool = True) -> Solved:
    """The plan and its settings for a goal.

    Args:
        rows: where every model was observed; costs in US dollars if `money`, else in milliseconds.

    Raises:
        OutcomesError: the goal names a model without outcomes, or money where no cost is known.
    """
    if isinstance(goal, MaxCost | Utility) and not money:
        needs_money = isinstance(goal, MaxCost) or goal.lambda_cost_per_usd > 0
        if needs_money:
            raise OutcomesError(
                [Violation("cost_usd", "the goal is in money, and costs are unknown", "add the column")]
            )
    best = int(rows.score.mean(axis=0).argmax())
    if isinstance(goal, QualityTarget):
        found = _quality_target(goal, rows, best, money=money)
    elif isinstance(goal, ErrorBound):
        found = _error_bound(goal, rows, best)
    elif isinstance(goal, MaxCost):
        found = _max_cost(goal, rows)
    else:
        found = _utility(goal, rows, money=money)
    point, reached, reason = found
    gap = paired_interval(point.scores.tolist(), rows.score[:, best].tolist())
    return Solved(goal, point, reached, reason, len(rows.score), rows.models[best], gap)


Found = tuple[Point, bool, str]


def _quality_target(goal: QualityTarget, rows: Validation, best: int, *, money: bool) -> Found:
    of = best if goal.of is None else _column(rows, goal.of)
    reference = goal.share * rows.score[:, of]
    target, n = float(reference.mean()), len(rows.score)
    candidates: list[Point] = []
    nearest: tuple[float, Point] | None = None
    for line in lines_of(rows, reference, money=money):
        kept = [int(at) for at in (line.scores >= target - SLACK).nonzero()[0]]
        itself = line.kind == "single" and line.point(0).name == rows.models[of] and goal.share <= 1.0
        if goal.method == "non_inferiority" and not itself:  # no model is worse than itself, however few the rows
            walked = walk(line, n, goal.margin)
            kept = [at for at in kept if at < walked]
        if kept:
            candidates.append(line.point(min(kept, key=lambda at: (line.costs[at], -line.scores[at]))))
        top = int(line.scores.argmax())
        if nearest is None or line.scores[top] > nearest[0] + SLACK:
            nearest = float(line.scores[top]), line.point(top)
    asked = f"{goal.share:.1%} of {rows.models[of]}'s score ({target:.4f})"
    way = "in the mean" if goal.method == "mean" else f"(and with 95 % confidence to within {goal.margin:g})"
    if not candidates:
        assert nearest is not None, "one model is a line"
        said = f"nothing keeps {asked} {way} on {n} rows; the best possible is {nearest[0]:.4f}"
        return nearest[1], False, f"{said}: lower the share, collect more outcomes, or add a better model"
    chosen = min(candidates, key=lambda point: (point.cost, -point.score))
    if chosen.kind == "single" and chosen.share.get(rows.models[of]):
        return chosen, True, f"no threshold keeps {asked} {way} for less: use {rows.models[of]} alone"
    return chosen, True, f"{chosen.name} keeps {asked} {way}"


def walk(line: Line, n: int, margin: float) -> int:
    """How many settings pass before the first one that does not."""
    for at in range(len(line.scores)):
        if paired_lower(float(line.total[at]), float(line.squares[at]), n) < -margin:
            return at
    return len(line.scores)


def _error_bound(goal: ErrorBound, rows: Validation, best: int) -> Found:
    import numpy as np

    promised: list[tuple[Point, Promise]] = []
    refused = []
    # Not one that does not say how sure it is, nor one with nobody to escalate to.
    asked = [
        at
        for at in range(len(rows.models))
        if not np.isnan(rows.leg[:, at]).any() and (at != best or goal.fail != "expensive")
    ]
    for at in asked:
        # One of several models is chosen by what it promises, so they share delta: else the luckiest would be chosen.
        found = error_bound(rows.leg[:, at], rows.score[:, at], goal.alpha, goal.delta / len(asked))
        found = replace(found, delta=goal.delta)
        if isinstance(found, Promise):
            promised.append((_bounded(rows, at, best, found.threshold, goal.fail), found))
        else:
            refused.append(found)
    if promised:
        point, promise = min(promised, key=lambda pair: (-pair[1].coverage, pair[0].cost))
        return point, True, f"{point.name}: {promise}"
    alone = single_point(rows, best)
    if not refused:
        why = "no model but the best says how sure it is (column leg_confidence)"
        return alone, False, f"an error of {goal.alpha:.1%} cannot be promised: {why}; collect leg confidences"
    nearest = min(refused, key=lambda each: (each.rows_needed is None, each.rows_needed or 0, each.error))
    return alone, False, str(nearest)


def _bounded(rows: Validation, at: int, best: int, threshold: float, fail: Fail) -> Point:
    import numpy as np

    model, then = rows.models[at], rows.models[best]
    direct = rows.leg[:, at] >= threshold
    if fail == "expensive":
        plan = Cascade(first=model, then=then, leg_confidence=threshold)
        scores = np.where(direct, rows.score[:, at], rows.score[:, best])
        costs = rows.costs[:, at] + np.where(direct, 0.0, rows.costs[:, best])
        latencies = rows.latencies[:, at] + np.where(direct, 0.0, rows.latencies[:, best])
        share = {model: 1.0, then: float(1.0 - direct.mean())}
        return Point("cascade", f"{model} → {then}", plan, {}, scores, costs, latencies, share)
    alone = Direct(model=model, fail=fail, answer_confidence=threshold)
    name = f"{model}, or {'an error' if fail == 'closed' else 'no answer'}"
    scores = np.where(direct, rows.score[:, at], 0.0)
    return Point("single", name, alone, {}, scores, rows.costs[:, at], rows.latencies[:, at], {model: 1.0})


def _max_cost(goal: MaxCost, rows: Validation) -> Found:
    import numpy as np

    most = goal.usd_per_request
    candidates: list[Point] = []
    for line in lines_of(rows, np.zeros(len(rows.score)), money=True):
        affordable = np.flatnonzero(line.costs <= most + SLACK)
        if len(affordable):
            candidates.append(line.point(int(affordable[line.scores[affordable].argmax()])))
        solved = None if line.within is None else line.within(most)
        if solved is not None:
            candidates.append(solved)
    if not candidates:
        lines = lines_of(rows, np.zeros(len(rows.score)), money=True)
        least = min((line.point(int(line.costs.argmin())) for line in lines), key=lambda point: point.cost)
        said = f"nothing costs ${most:g} a request or less; the cheapest is {least.name} at ${least.cost:g}"
        return least, False, f"{said}: allow more, or add a cheaper model"
    chosen = max(candidates, key=lambda point: (point.score, -point.cost))
    return chosen, True, f"{chosen.name} is the best at ${most:g} a request or less"


def _utility(goal: Utility, rows: Validation, *, money: bool) -> Found:
    import numpy as np

    per_ms = goal.lambda_latency_per_s / 1e3
    weight = goal.lambda_cost_per_usd if money else 0.0
    candidates = []
    for line in lines_of(rows, np.zeros(len(rows.score)), money=money):
        worth = line.scores - weight * line.costs - per_ms * line.latencies
        at = int(worth.argmax())
        candidates.append((float(worth[at]), line.point(at)))
    worth, chosen = max(candidates, key=lambda each: (each[0], -each[1].cost))
    return chosen, True, f"{chosen.name} has the highest utility ({worth:.4f})"


def _column(rows: Validation, name: str) -> int:
    for at, model in enumerate(rows.models):
        if name in (model, model.partition("@")[0]):
            return at
    known = ", ".join(rows.models)
    raise OutcomesError([Violation("model", f"the goal names {name}, which has no outcomes", f"there are: {known}")])
