"""Which of many thresholds: the cheapest that reaches a target, and a number that tells two confidences apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["SLACK", "between", "cheapest"]

SLACK = 1e-12
"""What rounding may take from a score that reaches its target."""


def cheapest(scores: Floats, costs: Floats, allowed: npt.NDArray[np.bool_], target: float) -> int:
    """The cheapest allowed row that reaches the target; if none does, the best one, the cheapest of equals."""
    import numpy as np

    reaching = np.flatnonzero(allowed & (scores >= target - SLACK))
    if len(reaching):
        return int(reaching[np.argmin(costs[reaching])])
    possible = np.flatnonzero(allowed)
    top = possible[scores[possible] >= scores[possible].max() - SLACK]
    return int(top[np.argmin(costs[top])])


def between(confidences: Floats, escalated: int) -> float:
    """A threshold that the `escalated` least confident rows miss and the others reach."""
    n = len(confidences)
    if escalated == 0:
        return 0.0
    if escalated == n:
        return 1.0
    below, above = float(confidences[escalated - 1]), float(confidences[escalated])
    between = (below + above) / 2
    return between if between > below else above  # neighbouring floats have nothing between them
