"""What an evaluation's charts show: reliability diagrams and curves, as columns of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import metrics
from ..metrics import Interval
from .sample import Sample
from .value import ModelCalibration

__all__ = ["calibration_of", "curves_of"]


def calibration_of(sample: Sample, seed: int) -> list[ModelCalibration]:
    columns = [("all models", sample.confidence.ravel(), sample.scores.ravel())]
    columns += [(model, sample.confidence[:, at], sample.scores[:, at]) for at, model in enumerate(sample.models)]
    found = []
    for name, confidence, outcome in columns:
        floor, high = metrics.ece_floor(confidence, seed=seed)
        bins = metrics.reliability(confidence, outcome, bins=10)
        ece, brier = metrics.ece(confidence, outcome), metrics.brier(confidence, outcome)
        table = bins.confidence.tolist(), bins.outcome.tolist(), bins.count.tolist()
        found.append(ModelCalibration(name, ece, floor, high, brier, *table))
    return found


def curves_of(sample: Sample, found: Mapping[str, Interval]) -> dict[str, dict[str, list[Any]]]:
    """What the report draws. Costs are per prompt; curves that mix are drawn by their corners."""
    curves: dict[str, dict[str, list[Any]]] = {}
    if sample.cost is not None and sample.spread:
        prices, singles = sample.cost.mean(axis=0), sample.scores.mean(axis=0)
        curves["singles"] = {"model": list(sample.models), "cost": prices.tolist(), "score": singles.tolist()}
        parts = {"router": sample.trade.points(), "oracle": sample.oracle.points(), "mixture": (prices, singles)}
        for name, points in parts.items():
            cost, score = metrics.frontier(*points)
            curves[name] = {"cost": cost.tolist(), "score": score.tolist()}
        cost, score = sample.trade.points()
        curves["settings"] = {"rate": sample.trade.rates.tolist(), "cost": cost.tolist(), "score": score.tolist()}
        random = [metrics.random_score(prices, singles, budget) for budget in sample.grid.tolist()]
        curves["random"] = {"cost": sample.grid.tolist(), "score": random}
        blind = metrics.mixture_score(prices, singles, sample.grid)
        band = [found[f"above:{at}"] for at in range(len(sample.grid))]
        curves["band"] = {
            "cost": sample.grid.tolist(),
            "score": (blind + [each.value for each in band]).tolist(),
            "low": (blind + [each.low for each in band]).tolist(),
            "high": (blind + [each.high for each in band]).tolist(),
        }
    pair = sample.scores[:, sample.strong], sample.scores[:, sample.weak]
    for name, gain in (("pair", sample.gain), ("pair_oracle", pair[0] - pair[1])):
        curve = metrics.pair_curve(gain, *pair)
        curves[name] = {"share": curve.share.tolist(), "score": curve.score.tolist()}
    for name, confidence in (("risk", sample.served_confidence), ("risk_best", sample.served_score)):
        coverage, risk = metrics.risk_coverage(confidence, sample.served_score)
        # From 2 % on: the risk of the first few prompts is 0 or 1, and would be all that one sees.
        first = min(math.ceil(0.02 * len(coverage)), len(coverage)) - 1
        at = np.unique(np.linspace(first, len(coverage) - 1, 200).astype(int))
        curves[name] = {"coverage": coverage[at].tolist(), "risk": risk[at].tolist()}
    counts, edges = np.histogram(sample.served_confidence, bins=20, range=(0.0, 1.0))
    curves["confidence"] = {"from": edges[:-1].tolist(), "count": counts.tolist()}
    return curves
