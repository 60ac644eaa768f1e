"""Which model for which prompt: outcomes, and routers that learn from them."""

from .outcome import Outcome, read_outcomes, to_outcomes, write_outcomes
from .router import Router

__all__ = ["Outcome", "Router", "read_outcomes", "to_outcomes", "write_outcomes"]
