"""What is a router worth? One call measures it beside its rivals; the result is a table, a page and JSON.

evaluation = ecology.routing.evaluate(router, outcomes, by="task")
evaluation.metrics["apgr"]            # Interval(value, low, high)
Path("report.html").write_text(evaluation.to_html())
"""

from .assessment import Ranker, evaluate
from .value import Evaluation, ModelCalibration, Policy, Slice

__all__ = ["Evaluation", "ModelCalibration", "Policy", "Ranker", "Slice", "evaluate"]
