"""Does a population pay for itself? Every way to serve, on the same rows, against the best single model.

A single model is right where routing has no signal, where nothing cheaper is as good, or where the savings are those
that a coin buys too. So an alternative is advised only if all of this holds on the validation rows:

1. its mean score is no lower than the best single model's, and with 95 % confidence not lower by more than a margin;
2. it costs less, what it takes to choose included;
3. it scores above the best fixed mixture of two models at the same cost, beyond noise, with the interval widened for
   the number of alternatives that were tried (Bonferroni), and for the thresholds of each, which were looked at on the
   same rows.

A cascade reads what its members say of rows that they were not trained on, so the training rows of a router are fresh
rows for it where outcomes on them are out-of-fold: given as `fresh`, and at least as many, they decide the third
question. No threshold was chosen on them; which of the alternatives is, so the interval is widened for their number
only.

Otherwise the verdict is one model, with the reason. Plans of other kinds are further lines of
`routing/alternatives.py`; what a portfolio costs in memory or upkeep is for the rooms above to add.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from ..policy import Cascade
from ..routing.alternatives import Line, Point, lines_of, single_point
from ..routing.goals import walk
from ..routing.guard import best_mixture
from ..routing.threshold import SLACK
from ..routing.validation import Validation
from ..stats import paired_interval, paired_lower

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Advice", "Alternative", "advise_on"]

MARGIN = 0.01
SETTINGS = 29
"""As how many alternatives the settings of one line count that was searched on the rows that judge it. The largest of
neighbouring statistics over the middle nine tenths of a line passes 3.13 in 5 of 100 cases (Andrews 1993, table I, one
parameter, π₀ = 0.05), as the largest of 29 unrelated ones does."""

SHOWN = 3
"""Rows of the table for each kind: a table of all pairs of thirty models helps nobody."""


@dataclass(frozen=True)
class Alternative:
    """A row of the table. Intervals are 95 %; `cost` and `compute_ms` are means per request, choosing included.

    `against_best` is the paired difference to the best single model, `against_mixture` that to the best fixed mixture
    at the same cost, each (mean, low, high).
    """

    kind: str
    name: str
    score: float
    score_low: float
    score_high: float
    cost: float
    compute_ms: float | None
    against_best: tuple[float, float, float]
    against_mixture: tuple[float, float, float]
    share: dict[str, float]
    plan: dict[str, Any] | None = None


@dataclass(frozen=True)
class Advice:
    """The verdict (`one model`, `a cascade`, `the router`, `a fixed mixture`), what exactly, why, and the table.

    `unit` is that of the costs: `usd`, or `ms` where no cost is known. `tried` counts the alternatives beside single
    models.
    """

    verdict: str
    use: str
    reason: str
    rows: int
    unit: str
    tried: int
    table: tuple[Alternative, ...]


def advise_on(
    rows: Validation,
    *,
    money: bool = True,
    margin: float = MARGIN,
    orchestration: float = 0.0,
    max_cost: float | None = None,
    fresh: Validation | None = None,
) -> Advice:
    """The verdict on the validation rows.

    Args:
        rows: as `routing.validation.validation_rows` gives them.
        money: whether costs are US dollars; otherwise milliseconds.
        margin: what counts as no worse, in score.
        orchestration: what it takes to choose, in the unit of the costs; charged to all but single models.
        max_cost: the most that a request may cost on the average. Then the question is what buys most for it, and a
            fixed mixture may be the answer.
        fresh: further rows of the same models, on which the members' outcomes are out-of-fold.
    """
    import numpy as np

    means = rows.score.mean(axis=0)
    best = int(np.flatnonzero(means >= means.max() - SLACK)[rows.cost[means >= means.max() - SLACK].argmin()])
    reference = rows.score[:, best]
    lines = [line for line in lines_of(rows, reference, money=money) if line.kind != "single"]
    judge = _Judge(rows, best, orchestration, max(1, len(lines)), fresh)
    singles = [single_point(rows, at) for at in range(len(rows.models))]
    if max_cost is not None:
        return _within(judge, singles, lines, max_cost, money=money)
    found = [point for line in lines if (point := _keeps(line, judge, margin)) is not None]
    shown = [_most_like_it(line, judge, margin) for line in lines]
    cheap = [point for at, point in enumerate(singles) if at == best or judge.as_good(point, margin)]
    single = min(cheap, key=lambda point: (point.cost, -point.score))
    better = [point for point in found if judge.cost(point) < single.cost - SLACK and judge.above_mixture(point)[1] > 0]
    if better:
        chosen = min(better, key=lambda point: (judge.cost(point), -point.score))
        saved = 1 - judge.cost(chosen) / judge.singles[best].cost if judge.singles[best].cost else 0.0
        gap, gain = judge.against_best(chosen), judge.above_mixture(chosen)
        reason = (
            f"{chosen.name} scores {_interval(gap)} against {rows.models[best]} alone and costs {saved:.0%} less, "
            f"{_interval(gain)} above a fixed mixture at that cost"
        )
        verdict, use = _VERDICTS[chosen.kind], chosen.name
    else:
        chosen, verdict, use = single, "one model", single.name
        reason = _why_one(judge, single, lines, found, shown)
    return Advice(
        verdict, use, reason, judge.n, "usd" if money else "ms", len(lines), judge.table([*singles, *shown], chosen)
    )


_VERDICTS = {"cascade": "a cascade", "router": "the router", "adaptive": "the router", "single": "one model"}


def _interval(interval: tuple[float, float, float]) -> str:
    mean, low, high = interval
    return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"


def _cautious(gaps: Floats, z: float) -> tuple[float, float, float]:
    """The paired interval that also holds where a plan differs from a coin on a few rows only, and luckily on all."""
    total, squares, n = float(gaps.sum()), float((gaps**2).sum()), len(gaps)
    mean, low, high = paired_interval(gaps.tolist(), [0.0] * n, z)
    return mean, min(low, paired_lower(total, squares, n, z)), max(high, -paired_lower(-total, squares, n, z))


def _can_judge(fresh: Validation, plan: Cascade, rows: int) -> bool:
    """Whether the plan can be carried out on these rows (averaging takes votes), and they say more than the interval on
    the rows that it was chosen on, which allows for the choice: fewer of them would be the wider one."""
    votes = plan.combine == "last" or {plan.first, plan.then} <= set(fresh.votes or {})
    return votes and len(fresh.score) >= rows


class _Judge:
    """What every comparison needs: the rows, the best single model, and how much noise is allowed for."""

    def __init__(
        self, rows: Validation, best: int, orchestration: float, tried: int, fresh: Validation | None = None
    ) -> None:
        self.rows, self.best, self.orchestration, self.fresh = rows, best, orchestration, fresh
        self.n = len(rows.score)
        self.means = rows.score.mean(axis=0)
        self.singles = [single_point(rows, at) for at in range(len(rows.models))]
        self.mean_costs = rows.costs.mean(axis=0)
        # Of rows that were not looked at, and of those that settings were chosen on.
        self.z_fresh, self.z = (NormalDist().inv_cdf(1 - 0.025 / tests) for tests in (tried, tried * SETTINGS))

    def cost(self, point: Point) -> float:
        """Mean cost, choosing included."""
        return point.cost + (0.0 if point.kind in ("single", "mixture") else self.orchestration)

    def against_best(self, point: Point) -> tuple[float, float, float]:
        """Paired with the best single model."""
        return paired_interval(point.scores.tolist(), self.rows.score[:, self.best].tolist())

    def above_mixture(self, point: Point) -> tuple[float, float, float]:
        """Paired with the best fixed mixture at the same cost: on fresh rows where there are enough, and otherwise on
        those that it was chosen on, with an interval that allows for all that was tried."""
        if self.fresh is not None and isinstance(point.plan, Cascade) and _can_judge(self.fresh, point.plan, self.n):
            return self._on_fresh_rows(point.plan, self.fresh)
        blind = self.mixture(self.cost(point)).scores
        if point.kind in ("single", "mixture"):
            return paired_interval(point.scores.tolist(), blind.tolist())
        return _cautious(point.scores - blind, self.z)

    def _on_fresh_rows(self, plan: Cascade, fresh: Validation) -> tuple[float, float, float]:
        import numpy as np

        assert plan.first is not None and plan.then is not None, "a line names its models"
        a, b = fresh.of(plan.first), fresh.of(plan.then)
        direct = fresh.leg[:, a] >= plan.leg_confidence
        averaged = plan.combine == "average"
        after = fresh.averaged(plan.first, plan.then, plan.weights) if averaged else fresh.score[:, b]
        scores = np.where(direct, fresh.score[:, a], after)
        costs = fresh.costs[:, a] + np.where(direct, 0.0, fresh.costs[:, b])
        spent = float(costs.mean()) + self.orchestration
        one, other, share = best_mixture(spent, fresh.costs.mean(axis=0), fresh.score.mean(axis=0))
        blind = (1 - share) * fresh.score[:, one] + share * fresh.score[:, other]
        return _cautious(scores - blind, self.z_fresh)

    def mixture(self, budget: float) -> Point:
        """The best fixed mixture at this cost, row by row in expectation."""
        a, b, share = best_mixture(budget, self.mean_costs, self.means)
        one, other = self.singles[a], self.singles[b]
        if a == b:
            return one
        shares = {one.name: 1 - share, other.name: share}
        name = f"{1 - share:.0%} {one.name}, {share:.0%} {other.name}"
        mixed = [
            (1 - share) * getattr(one, each) + share * getattr(other, each) for each in ("scores", "costs", "latencies")
        ]
        return Point("mixture", name, one.plan, {}, mixed[0], mixed[1], mixed[2], shares)

    def as_good(self, point: Point, margin: float) -> bool:
        """No lower in the mean, nor by more than the margin for sure."""
        gaps = point.scores - self.rows.score[:, self.best]
        total = float(gaps.sum())
        return total >= -SLACK and paired_lower(total, float((gaps**2).sum()), self.n) >= -margin

    def table(self, points: Sequence[Point], chosen: Point) -> tuple[Alternative, ...]:
        """Single models, then the best few of each kind, then the mixture and chance at the cost of what was chosen."""
        kept: list[Point] = []
        for kind in ("single", "cascade", "router", "adaptive"):
            of_kind = [point for point in points if point.kind == kind and point.name != chosen.name]
            most = 2 * SHOWN if kind == "single" else SHOWN
            kept += sorted(of_kind, key=lambda point: -point.score)[:most]
        budget = self.cost(chosen) if chosen.kind != "single" else self.mean_costs.mean()
        blind = self.mixture(float(budget))
        ends = int(self.mean_costs.argmin()), int(self.mean_costs.argmax())
        rows = [chosen, *kept] + ([blind] if blind.kind == "mixture" else [])
        alternatives = [self.alternative(point) for point in rows]
        return (*alternatives, self.alternative(self._random(ends, float(budget))))

    def _random(self, ends: tuple[int, int], budget: float) -> Point:
        cheap, dear = (self.singles[at] for at in ends)
        spread = dear.cost - cheap.cost
        share = 0.0 if spread <= 0 else min(1.0, max(0.0, (budget - cheap.cost) / spread))
        mixed = [
            (1 - share) * getattr(cheap, each) + share * getattr(dear, each)
            for each in ("scores", "costs", "latencies")
        ]
        name = f"{share:.0%} {dear.name} at random"
        return Point(
            "mixture", name, cheap.plan, {}, mixed[0], mixed[1], mixed[2], {cheap.name: 1 - share, dear.name: share}
        )

    def alternative(self, point: Point) -> Alternative:
        """A row of the table."""
        zeros = [0.0] * self.n
        _, low, high = paired_interval(point.scores.tolist(), zeros)
        latency = float(point.latencies.mean())
        planned = point.kind not in ("mixture", "single")
        return Alternative(
            kind=point.kind,
            name=point.name,
            score=point.score,
            score_low=max(0.0, low),
            score_high=min(1.0, high),
            cost=self.cost(point),
            compute_ms=latency or None,
            against_best=self.against_best(point),
            against_mixture=self.above_mixture(point),
            share=point.share,
            plan=point.plan.model_dump(mode="json", exclude_none=True) | point.routing if planned else None,
        )


def _keeps(line: Line, judge: _Judge, margin: float) -> Point | None:
    """The cheapest setting of a line that is as good as the best single model."""
    import numpy as np

    good = np.flatnonzero(line.scores >= judge.means[judge.best] - SLACK)
    good = good[good < walk(line, judge.n, margin)]
    return line.point(int(good[line.costs[good].argmin()])) if len(good) else None


def _most_like_it(line: Line, judge: _Judge, margin: float) -> Point:
    """What a line is shown as: the setting that keeps the quality, or else comes nearest."""
    return _keeps(line, judge, margin) or line.point(int(line.scores.argmax()))


def _why_one(judge: _Judge, single: Point, lines: list[Line], found: list[Point], shown: list[Point]) -> str:
    best = judge.rows.models[judge.best]
    if single.name != best:
        gap = judge.against_best(single)
        return f"{single.name} alone is no worse than {best} ({_interval(gap)}), and cheaper"
    if not lines:
        return (
            "there is nothing to choose by: no cheaper model says how sure it is, and no router was given; "
            f"{best} scores {judge.means[judge.best]:.4f}"
        )
    if not found:
        nearest = max(shown, key=lambda point: point.score)
        gap = judge.against_best(nearest)
        return (
            f"of {len(lines)} alternatives none is shown to be as good as {best} alone; the nearest, {nearest.name}, "
            f"scores {_interval(gap)} against it"
        )
    nearest = min(found, key=lambda point: (judge.cost(point), -point.score))
    if judge.cost(nearest) >= single.cost - SLACK:
        return f"what is as good as {best} alone costs as much, choosing included"
    gain = judge.above_mixture(nearest)
    said = (
        f"{nearest.name} is as good as {best} and cheaper, but not beyond noise above a fixed mixture at its cost "
        f"({_interval(gain)} after {len(lines)} tries)"
    )
    if gain[0] <= 0:
        return f"{said}: a coin saves as much"
    needed = math.ceil(judge.n * ((gain[0] - gain[1]) / gain[0]) ** 2)
    return f"{said}: about {needed} rows would tell"


def _within(judge: _Judge, singles: list[Point], lines: list[Line], most: float, *, money: bool) -> Advice:
    """What buys most for so much a request."""
    import numpy as np

    shown: list[Point] = []
    for line in lines:
        fits = np.flatnonzero(line.costs + judge.orchestration <= most + SLACK)
        point = line.within(most - judge.orchestration) if line.within is not None else None
        if len(fits):
            point = point or line.point(int(fits[line.scores[fits].argmax()]))
        if point is not None:
            shown.append(point)
    affordable = [point for point in singles if point.cost <= most + SLACK]
    single = max(affordable or [min(singles, key=lambda p: p.cost)], key=lambda point: (point.score, -point.cost))
    blind = judge.mixture(most)
    winners = [point for point in shown if judge.above_mixture(point)[1] > 0]
    if winners:
        chosen = max(winners, key=lambda point: (point.score, -point.cost))
        gain = judge.above_mixture(chosen)
        verdict = _VERDICTS[chosen.kind]
        reason = f"{chosen.name} is {_interval(gain)} above a fixed mixture at its cost"
    elif blind.kind == "mixture" and paired_interval(blind.scores.tolist(), single.scores.tolist())[1] > 0:
        chosen, verdict = blind, "a fixed mixture"
        reason = f"nothing chooses better than a coin, and {blind.name} buys more than {single.name} alone"
    else:
        chosen, verdict = single, "one model"
        reason = f"nothing at this cost beats {single.name} beyond noise"
    unit = "usd" if money else "ms"
    table = judge.table([*singles, *shown], chosen)
    return Advice(verdict, chosen.name, reason, judge.n, unit, len(lines), table)
