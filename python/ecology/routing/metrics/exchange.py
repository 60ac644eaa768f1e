"""A router that ranks many models is a whole curve: one point for each rate at which it gives quality for money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .inputs import Floats, Inputs

__all__ = ["Trade", "choose", "exchange_rates", "trade"]

RATES = 48


@dataclass(frozen=True)
class Trade:
    """What a policy scores and costs on every prompt at every rate: float64 [rates, prompts] each.

    Kept by prompt, so that resamples of the prompts need no new decisions.
    """

    rates: Floats
    score: Floats
    cost: Floats

    def points(self, rows: npt.NDArray[np.intp] | None = None) -> tuple[Floats, Floats]:
        """Mean cost and mean score at each rate, [rates] each; of the prompts `rows`, which may repeat."""
        n = self.score.shape[1]
        if rows is None:
            return self.cost.mean(axis=1), self.score.mean(axis=1)
        share = np.bincount(rows, minlength=n) / len(rows)
        return self.cost @ share, self.score @ share


def exchange_rates(cost: Any, count: int = RATES) -> Floats:
    """Rates that span all trades between models of these costs: 0, a geometric series, infinity; [count + 2].

    At the lowest the whole spread of costs outweighs a hundredth of confidence, at the highest the smallest difference
    between two models' mean costs outweighs ten. Without a spread there is one rate, 0.

    Args:
        cost: [models] or [prompts, models], 0 or more, in any unit; rates are score per that unit.
        count: rates between 0 and infinity.

    >>> exchange_rates([1.0, 2.0], count=3).tolist()
    [0.0, 0.01, 0.31622776601683794, 10.0, inf]
    >>> exchange_rates([2.0, 2.0]).tolist()
    [0.0]

    Raises:
        MetricsError: NaN, a cost below 0, no costs.
    """
    inputs = Inputs()
    read = inputs.costs("cost", cost, np.zeros(0))
    inputs.done()
    means = np.sort(read if read.ndim == 1 else read.mean(axis=0))
    gaps = np.diff(means)
    spread = float(means[-1] - means[0])
    if spread <= 0:
        return np.zeros(1)
    least = float(gaps[gaps > spread * 1e-6].min())
    return np.concatenate([[0.0], np.geomspace(0.01 / spread, 10.0 / least, count), [np.inf]])


def choose(confidence: Any, cost: Any, rate: float) -> npt.NDArray[np.intp]:
    """The model of greatest confidence − rate · cost for each prompt, [prompts].

    Of equals the cheaper, then the first. At rate 0 it is the most confident, at infinity the cheapest (of equals
    the more confident).

    Args:
        confidence: P(good) of each model, [prompts, models].
        cost: what each is expected to cost, [models] or [prompts, models], 0 or more.
        rate: score per unit of cost, 0 to infinity.

    >>> choose([[0.7, 0.9], [0.7, 0.7]], [1, 2], 0.0).tolist(), choose([[0.7, 0.9]], [1, 2], 0.5).tolist()
    ([1, 0], [0])

    Raises:
        MetricsError: shapes that do not fit, NaN, no rows.
    """
    inputs = Inputs()
    ranked = inputs.matrix("confidence", confidence)
    costs = inputs.costs("cost", cost, ranked)
    if not rate >= 0:
        inputs.wrong("rate", f"{rate!r} is below 0", "give 0 to infinity")
    inputs.done()
    return _choose(ranked, costs, rate)


def trade(confidence: Any, expected_cost: Any, scores: Any, cost: Any, rates: Any = None) -> Trade:
    """Decide every prompt at every rate by what the router expects, and account for it by what happened.

    The oracle is `trade(scores, cost, scores, cost)`: it decides by what will happen.

    Args:
        confidence: P(good) by the router, [prompts, models].
        expected_cost: by the router, [models] or [prompts, models].
        scores: what each model scored, [prompts, models].
        cost: what each model cost, [models] or [prompts, models].
        rates: [rates], 0 to infinity; by default `exchange_rates(cost)`.

    >>> t = trade([[0.2, 0.9], [0.8, 0.9]], [1, 2], [[0, 1], [1, 1]], [1, 2], rates=[0, 0.5, np.inf])
    >>> [each.tolist() for each in t.points()]
    [[2.0, 1.5, 1.0], [1.0, 1.0, 0.5]]

    Raises:
        MetricsError: shapes that do not fit, NaN, no rows.
    """
    inputs = Inputs()
    ranked, truth = inputs.matrix("confidence", confidence), inputs.matrix("scores", scores)
    if ranked.ndim == truth.ndim == 2 and ranked.shape[1] != truth.shape[1]:
        problem = f"it has {truth.shape[1]} models, confidence has {ranked.shape[1]}"
        inputs.wrong("scores", problem, "give one column a model")
    expected, paid = inputs.costs("expected_cost", expected_cost, truth), inputs.costs("cost", cost, truth)
    inputs.done()
    given = exchange_rates(paid) if rates is None else np.asarray(rates, dtype=np.float64)
    rows = np.arange(len(truth))
    score, spent = np.empty((len(given), len(rows))), np.empty((len(given), len(rows)))
    for at, rate in enumerate(given.tolist()):
        chosen = _choose(ranked, expected, rate)
        score[at], spent[at] = truth[rows, chosen], paid[rows, chosen]
    return Trade(given, score, spent)


def _choose(confidence: Floats, cost: Floats, rate: float) -> npt.NDArray[np.intp]:
    first, then = (-cost, -confidence) if np.isinf(rate) else (confidence - rate * cost, cost)
    best = first >= first.max(axis=1, keepdims=True)
    return np.asarray(np.where(best, then, np.inf).argmin(axis=1))
