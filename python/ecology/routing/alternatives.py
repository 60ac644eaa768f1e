"""Every way to serve that is worth a look, measured on the same rows: one model, a cascade, a router.

Each is a line of settings from the safest to the cheapest; a goal picks a point of a line (`goals.py`), and
`ecology justify` shows the points side by side. A new kind of plan is one more function here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..policy import Adaptive, Cascade, Direct, Plan
from .cascades import cascade_curve
from .exchange import picks, rate_within, rates
from .threshold import between
from .validation import Validation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Line", "Point", "lines_of", "single_point"]

MOST_ADAPTIVE = 65
WEIGHTS = ((0.5, 0.5), (0.4, 0.6), (0.3, 0.7), (0.6, 0.4))
"""Of averaged votes, what is worth a line each: every line is one more chance to be lucky."""

NEARLY = 0.02


@dataclass(frozen=True)
class Point:
    """One way to serve, row by row on the validation rows: scores and costs [n], latency in ms [n].

    `routing` holds what it sets under `policy.routing`; `share` the share of rows that each model runs on.
    """

    kind: str
    name: str
    plan: Plan
    routing: dict[str, Any]
    scores: Floats
    costs: Floats
    latencies: Floats
    share: dict[str, float]

    @property
    def score(self) -> float:
        """Mean score."""
        return float(self.scores.mean())

    @property
    def cost(self) -> float:
        """Mean cost, in the unit of the rows."""
        return float(self.costs.mean())


@dataclass(frozen=True)
class Line:
    """The settings of one kind of plan, from the safest to the cheapest.

    Arrays have one entry for each setting: mean score, cost and latency, and the sum over rows of score − reference
    and of its square. `point(at)` is one of them in full. `within(most)` is the setting that spends no more than
    `most`, where that can be solved better than by looking at each; else None.
    """

    kind: str
    scores: Floats
    costs: Floats
    latencies: Floats
    total: Floats
    squares: Floats
    point: Callable[[int], Point]
    within: Callable[[float], Point | None] | None = None


def lines_of(rows: Validation, reference: Floats, *, money: bool) -> Iterator[Line]:
    """Every line. `reference` [n] is what scores are compared with by row; `money` says that costs are US dollars,
    otherwise they are milliseconds."""
    for model in range(len(rows.models)):
        yield _of_points([single_point(rows, model)], reference)
    for first, then in _pairs(rows):
        yield _cascade(rows, first, then, reference)
        if rows.votes is not None and {first, then} <= set(rows.votes):
            for weights in WEIGHTS:
                yield _cascade(rows, first, then, reference, weights)
    if rows.decision is not None:
        yield _router(rows, reference, money=money)
        yield _adaptive(rows, reference)


def _of_points(points: list[Point], reference: Floats, within: Callable[[float], Point | None] | None = None) -> Line:
    import numpy as np

    compared = [point.scores - reference for point in points]
    return Line(
        points[0].kind,
        np.array([point.score for point in points]),
        np.array([point.cost for point in points]),
        np.array([float(point.latencies.mean()) for point in points]),
        np.array([float(each.sum()) for each in compared]),
        np.array([float((each**2).sum()) for each in compared]),
        points.__getitem__,
        within,
    )


def single_point(rows: Validation, model: int) -> Point:
    """One model for everything."""
    name = rows.models[model]
    arrays = rows.score[:, model], rows.costs[:, model], rows.latencies[:, model]
    return Point("single", name, Direct(model=name), {}, *arrays, {name: 1.0})


# --- cascades ----------------------------------------------------------------------------------------------


def _pairs(rows: Validation) -> Iterator[tuple[str, str]]:
    """A cheaper model that says how sure it is, and a dearer one that is better on the whole, or nearly so: it may be
    better just where the cheap one doubts."""
    import numpy as np

    means = rows.score.mean(axis=0)
    for a, first in enumerate(rows.models):
        if np.isnan(rows.leg[:, a]).any() or float(np.ptp(rows.leg[:, a])) == 0.0:
            continue
        for b, then in enumerate(rows.models):
            if rows.cost[a] < rows.cost[b] and means[a] < means[b] + NEARLY:
                yield first, then


def _cascade(
    rows: Validation, first: str, then: str, reference: Floats, weights: tuple[float, float] | None = None
) -> Line:
    import numpy as np

    after = rows.score[:, rows.of(then)] if weights is None else rows.averaged(first, then, weights)
    curve = cascade_curve(rows, first, then, reference=reference, after=after)
    name = f"{first} → {then}" + ("" if weights is None else ", votes averaged")
    combined: dict[str, Any] = {} if weights is None else {"combine": "average", "weights": weights}
    settings = np.flatnonzero(curve.allowed)[::-1]  # everything escalates first
    a, b = rows.of(first), rows.of(then)

    def point(at: int) -> Point:
        threshold = between(curve.confidences, int(settings[at]))
        escalated = rows.leg[:, a] < threshold
        plan = Cascade(first=first, then=then, leg_confidence=threshold, **combined)
        return Point(
            "cascade",
            name,
            plan,
            {},
            np.where(escalated, after, rows.score[:, a]),
            rows.costs[:, a] + np.where(escalated, rows.costs[:, b], 0.0),
            rows.latencies[:, a] + np.where(escalated, rows.latencies[:, b], 0.0),
            {first: 1.0, then: float(escalated.mean())},
        )

    arrays = (curve.scores, curve.costs, curve.latencies, curve.total, curve.squares)
    scores, costs, latencies, total, squares = (array[settings] for array in arrays)
    return Line("cascade", scores, costs, latencies, total, squares, point)


# --- the learned router ------------------------------------------------------------------------------------


def _router(rows: Validation, reference: Floats, *, money: bool) -> Line:
    import numpy as np

    decision = rows.decision
    assert decision is not None, "there is a router"
    each = np.arange(len(decision))

    def point(rate: float) -> Point:
        chosen = picks(decision, rows.reckoned, rate)
        weight = {"cost_weight_per_usd": rate} if money else {"latency_weight_per_ms": rate}
        share = {model: float((chosen == at).mean()) for at, model in enumerate(rows.models)}
        arrays = rows.score[each, chosen], rows.costs[each, chosen], rows.latencies[each, chosen]
        return Point("router", "the learned router", Direct(), {"objective": "utility"} | weight, *arrays, share)

    def within(most: float) -> Point | None:
        rate = rate_within(decision, rows.reckoned, rows.costs, most)
        return None if rate is None else point(rate)

    return _of_points([point(float(rate)) for rate in rates(rows.cost)], reference, within)


def _adaptive(rows: Validation, reference: Floats) -> Line:
    """As the core carries `adaptive` out: the cheapest model that reaches the threshold runs alone; when none does, the
    two most confident run and the surer reply is taken. From "always two" down."""
    import numpy as np

    decision = rows.decision
    assert decision is not None, "there is a router"
    each = np.arange(len(decision))
    by_cost = np.argsort(rows.cost, kind="stable")
    top = np.argsort(-decision, axis=1, kind="stable")[:, :2]
    legs = np.nan_to_num(np.take_along_axis(rows.leg, top, axis=1), nan=0.0)
    surer = top[each, legs.argmax(axis=1)]
    thresholds = np.unique(np.quantile(decision, np.linspace(0, 1, MOST_ADAPTIVE)))[::-1]

    def point(threshold: float) -> Point:
        reaches = decision[:, by_cost] >= threshold
        alone, one = by_cost[reaches.argmax(axis=1)], reaches.any(axis=1)
        chosen = np.where(one, alone, surer)
        both = rows.costs[each, top[:, 0]] + rows.costs[each, top[:, 1]]
        slower = np.maximum(rows.latencies[each, top[:, 0]], rows.latencies[each, top[:, 1]])
        runs = {
            model: float(np.where(one, alone == at, (top == at).any(axis=1)).mean())
            for at, model in enumerate(rows.models)
        }
        routing = {"objective": "cheapest", "min_decision_confidence": float(threshold)}
        return Point(
            "adaptive",
            "the learned router, and two where it doubts",
            Adaptive(decision_confidence=float(threshold)),
            routing,
            rows.score[each, chosen],
            np.where(one, rows.costs[each, alone], both),
            np.where(one, rows.latencies[each, alone], slower),
            runs,
        )

    return _of_points([point(float(threshold)) for threshold in thresholds], reference)
