"""Which model for which prompt: outcomes, and routers that learn from them."""

from .outcome import Outcome
from .outcomes import Outcomes, read_outcomes, to_outcomes, write_outcomes
from .router import Router

__all__ = ["Outcome", "Outcomes", "Router", "read_outcomes", "to_outcomes", "write_outcomes"]
