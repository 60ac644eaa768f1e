"""How good is a router? Plain functions of arrays, each with its definition and source.

    from ecology.routing import metrics
    metrics.apgr(gain, strong, weak)               # RouteLLM: is the ranking of prompts any good?
    metrics.aiq(cost, score)                       # RouterBench: the whole trade of money for quality
    metrics.ece(confidence, outcome)               # does a confidence of 0.8 mean 80 %?
    metrics.ece_floor(confidence)                  # ... and what would a perfect one have measured here?

Rows are prompts. Everything is float64 inside, depends on nothing but its arguments (and a seed, where one is named),
and does not change when the rows change places. `ecology.routing.evaluate` computes all of them for a router.
"""

from .bootstrap import Interval, bootstrap, paired_bootstrap
from .calibration import Bins, bin_of, brier, ece, ece_floor, reliability
from .exchange import Trade, choose, exchange_rates, trade
from .hull import aiq, cost_to_reach, frontier, score_at
from .pair import PairCurve, apgr, cpt, pair_curve
from .rivals import best_single, mixture_score, random_score
from .selective import aurc, risk_coverage, selective_score
from .singletons import singleton_recall, singletons

__all__ = [
    "Bins",
    "Interval",
    "PairCurve",
    "Trade",
    "aiq",
    "apgr",
    "aurc",
    "best_single",
    "bin_of",
    "bootstrap",
    "brier",
    "choose",
    "cost_to_reach",
    "cpt",
    "ece",
    "ece_floor",
    "exchange_rates",
    "frontier",
    "mixture_score",
    "pair_curve",
    "paired_bootstrap",
    "random_score",
    "reliability",
    "risk_coverage",
    "score_at",
    "selective_score",
    "singleton_recall",
    "singletons",
    "trade",
]
