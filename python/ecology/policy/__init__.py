"""What is allowed: policy, plans, routing rules, budgets."""

from .budget import Budget
from .pattern import matches
from .plans import Adaptive, Cascade, Direct, Plan
from .policy import Defaults, Limits, Policy
from .routing import Learning, Risk, Routing, Rule

__all__ = [
    "Adaptive",
    "Budget",
    "Cascade",
    "Defaults",
    "Direct",
    "Learning",
    "Limits",
    "Plan",
    "Policy",
    "Risk",
    "Routing",
    "Rule",
    "matches",
]
