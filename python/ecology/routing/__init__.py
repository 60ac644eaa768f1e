"""Which model for which prompt: outcomes, routers that learn from them, and what those are worth."""

from .evaluation import Evaluation, evaluate
from .intent import IntentModel
from .outcome import Outcome
from .outcomes import Outcomes, read_outcomes, to_outcomes, write_outcomes
from .router import Router

__all__ = [
    "Evaluation",
    "IntentModel",
    "Outcome",
    "Outcomes",
    "Router",
    "evaluate",
    "read_outcomes",
    "to_outcomes",
    "write_outcomes",
]
