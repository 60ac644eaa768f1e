"""What is allowed: policy, plans, routing rules, budgets."""

from .budget import Budget
from .objective import Cheapest, ErrorBound, MaxCost, Objective, QualityTarget, Utility
from .pattern import matches
from .plans import Adaptive, Cascade, Direct, Plan
from .policy import Defaults, Limits, Policy
from .routing import Intent, Learning, Risk, Routing, Rule

__all__ = [
    "Adaptive",
    "Budget",
    "Cascade",
    "Cheapest",
    "Defaults",
    "Direct",
    "ErrorBound",
    "Intent",
    "Learning",
    "Limits",
    "MaxCost",
    "Objective",
    "Plan",
    "Policy",
    "QualityTarget",
    "Risk",
    "Routing",
    "Rule",
    "Utility",
    "matches",
]
