"""What is allowed: policy, plans, routing rules, budgets."""

from .budget import Budget
from .pattern import matches
from .plans import Adaptive, Cascade, Direct, Plan
from .policy import Defaults, Limits, Policy
from .routing import Intent, Routing, Rule

__all__ = [
    "Adaptive",
    "Budget",
    "Cascade",
    "Defaults",
    "Direct",
    "Intent",
    "Limits",
    "Plan",
    "Policy",
    "Routing",
    "Rule",
    "matches",
]
