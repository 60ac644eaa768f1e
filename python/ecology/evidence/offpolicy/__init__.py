"""Off-policy evaluation: what another policy would have cost and scored on the decisions of a log."""

from .assessment import evaluate_off_policy
from .estimators import ESTIMATORS, Estimator
from .gaps import Gap
from .overlap import Caution, Overlap
from .target import Policy
from .value import Measure, OffPolicy
from .window import window

__all__ = [
    "ESTIMATORS",
    "Caution",
    "Estimator",
    "Gap",
    "Measure",
    "OffPolicy",
    "Overlap",
    "Policy",
    "evaluate_off_policy",
    "window",
]
