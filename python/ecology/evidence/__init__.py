"""What is known about models because it was measured: so far, outcomes of a sample."""

from .collect import Collection, collect
from .scorer import Scorer, callable_scorer, judge_scorer, label_scorer

__all__ = ["Collection", "Scorer", "callable_scorer", "collect", "judge_scorer", "label_scorer"]
