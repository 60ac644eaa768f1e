"""What is known about models because it was measured: so far, outcomes of a sample."""

from .collect import Collection, collect
from .scorer import Judge, Scorer, callable_scorer, label_scorer

__all__ = ["Collection", "Judge", "Scorer", "callable_scorer", "collect", "label_scorer"]
