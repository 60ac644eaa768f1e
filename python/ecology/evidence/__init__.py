"""What is known about models and routers because it was measured: outcomes of a sample, and logs of decisions."""

from .collect import Collection, collect
from .drift import Drift, measure_drift
from .offpolicy import Gap, OffPolicy, evaluate_off_policy
from .scorer import Judge, Scorer, callable_scorer, label_scorer

__all__ = [
    "Collection",
    "Drift",
    "Gap",
    "Judge",
    "OffPolicy",
    "Scorer",
    "callable_scorer",
    "collect",
    "evaluate_off_policy",
    "label_scorer",
    "measure_drift",
]
