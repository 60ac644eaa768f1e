"""The prompts that a router is judged on, with all that is needed to measure any resample of them quickly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import metrics
from ..metrics.inputs import Floats

__all__ = ["Sample"]

GRID = 33


@dataclass
class Sample:
    """Everything is [prompts, models] unless said otherwise; no NaN in it.

    `cost` is what was paid, `expected` what the router reckons with; both None where nobody knows. `gain` [prompts]
    ranks the prompts by what the strong model adds; `served` [prompts] is the column that the router chose.
    """

    models: list[str]
    scores: Floats
    confidence: Floats
    cost: Floats | None
    expected: Floats | None
    gain: Floats
    served: npt.NDArray[np.intp]
    strong: int
    weak: int

    def __post_init__(self) -> None:
        n, m = self.scores.shape
        rows = np.arange(n)
        free = np.zeros((n, m))
        cost = free if self.cost is None else self.cost
        expected = free if self.expected is None else self.expected
        self.spread = bool(np.ptp(cost.mean(axis=0)) > 0)
        # One set of rates for both, from what was paid: the router is not helped by rates of its own.
        rates = metrics.exchange_rates(cost)
        self.trade = metrics.trade(self.confidence, expected, self.scores, cost, rates)
        self.oracle = metrics.trade(self.scores, cost, self.scores, cost, rates)
        self.served_score, self.served_cost = self.scores[rows, self.served], cost[rows, self.served]
        self.served_confidence = self.confidence[rows, self.served]
        alone = metrics.singletons(self.scores)
        self.alone = alone.astype(np.float64)
        self.found = (alone & (self.served_score >= 0.5)).astype(np.float64)
        self.squared = ((self.confidence - self.scores) ** 2).mean(axis=1)
        self.gaps = {name: self._gaps(name) for name in ("mass", "width")}
        singles = cost.mean(axis=0)
        self.grid = np.linspace(float(singles.min()), float(singles.max()), GRID)
        self._cost = cost

    def _gaps(self, binning: Any) -> Floats:
        """Confidence − score of each prompt, summed by the bin that it falls into, [prompts, bins]."""
        n, m = self.scores.shape
        at = metrics.bin_of(self.confidence.ravel(), 15, binning)
        flat = np.repeat(np.arange(n), m) * 15 + at
        gaps = np.bincount(flat, (self.confidence - self.scores).ravel(), n * 15)
        return np.asarray(gaps, dtype=np.float64).reshape(n, 15)

    def measure(self, rows: npt.NDArray[np.intp]) -> Mapping[str, float]:
        """All metrics of `rows`; policies as `score:…`, `cost:…`, `below:…`; the curve above mixtures as `above:…`."""
        n, m = self.scores.shape
        share = np.bincount(rows, minlength=n) / len(rows)
        curve = metrics.pair_curve(self.gain[rows], self.scores[rows, self.strong], self.scores[rows, self.weak])
        found = {"apgr": curve.area}
        for percent in (20, 50, 80):
            found[f"cpt_{percent}"] = curve.share_to_recover(percent / 100)
        found |= self._money(rows, share)
        found["ece_mass"], found["ece_width"] = (float(np.abs(share @ gaps).sum() / m) for gaps in self.gaps.values())
        found["brier"] = float(share @ self.squared)
        sure, right = self.served_confidence[rows], self.served_score[rows]
        _, risk = metrics.risk_coverage(sure, right)
        found["aurc"], found["aurc_best"] = float(risk.mean()), metrics.aurc(right, right)
        for percent in (50, 80):  # `metrics.selective_score`, off the curve that is there already
            found[f"selective_{percent}"] = float(1.0 - risk[math.ceil(percent / 100 * len(risk) - 1e-9) - 1])
        alone = float(share @ self.alone)
        found["singleton_recall"] = float(share @ self.found) / alone if alone > 0 else float("nan")
        return found

    def _money(self, rows: npt.NDArray[np.intp], share: Floats) -> dict[str, float]:
        singles, prices = share @ self.scores, share @ self._cost
        best = int(np.lexsort((prices, -singles))[0])
        (cost, score), (oracle_cost, oracle_score) = self.trade.points(rows), self.oracle.points(rows)
        served, paid = float(share @ self.served_score), float(share @ self.served_cost)
        policies = {
            "router": (served, paid),
            "most confident": (float(score[0]), float(cost[0])),
            "best single": (float(singles[best]), float(prices[best])),
            "oracle": (float(oracle_score[0]), float(oracle_cost[0])),
        }
        names = ("aiq", "aiq_singles", "aiq_gain", "aiq_oracle", "cost_at_95", "cost_at_98", "cost_at_100")
        found = dict.fromkeys(names, float("nan"))
        low, high = float(prices.min()), float(prices.max())
        if self.spread and low < high:
            found["aiq"] = metrics.aiq(cost, score, low, high)
            found["aiq_singles"] = metrics.aiq(prices, singles, low, high)
            found["aiq_gain"] = _minus(found["aiq"], found["aiq_singles"])
            found["aiq_oracle"] = metrics.aiq(oracle_cost, oracle_score, low, high)
            for percent in (95, 98, 100):
                reached = metrics.cost_to_reach(cost, score, percent / 100 * singles[best])
                found[f"cost_at_{percent}"] = reached / prices[best] if prices[best] > 0 else float("nan")
            policies["mixture"] = (float(metrics.mixture_score(prices, singles, paid)), paid)
            policies["random"] = (metrics.random_score(prices, singles, paid), paid)
            policies["oracle at equal cost"] = (float(metrics.score_at(oracle_cost, oracle_score, paid)), paid)
            # Above the mixtures at each budget, paired: how hard the prompts are moves both alike.
            above = metrics.score_at(cost, score, self.grid) - metrics.mixture_score(prices, singles, self.grid)
            found |= {f"above:{at}": float(value) for at, value in enumerate(above)}
        for name, (scored, spent) in policies.items():
            found |= {f"score:{name}": scored, f"cost:{name}": spent, f"below:{name}": _minus(served, scored)}
        return found


def _minus(a: float, b: float) -> float:
    """The difference, without what rounding left of equal numbers: nothing may be beaten by a last bit."""
    return a - b if abs(a - b) > 1e-12 else 0.0
