"""What a point of score is worth in money, for a learned router: the one number that trades quality for cost.

A router that takes the model with the highest `confidence − rate · cost` walks, as the rate grows, from the best
model for each prompt to the cheapest model for all. Goals in money or in utility are goals for this rate, and the
mean cost falls as it grows; so a budget is solved by bisection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]
    Picks = npt.NDArray[np.intp]

__all__ = ["picks", "rate_within", "rates"]

MOST_RATES = 65
BISECTIONS = 60


def picks(decision: Floats, cost: Floats, rate: float) -> Picks:
    """The column chosen for each row: the highest `decision − rate · cost`; of equal ones the first. [n]

    >>> import numpy as np
    >>> picks(np.array([[0.6, 0.9], [0.8, 0.85]]), np.array([1.0, 2.0]), 0.1).tolist()
    [1, 0]
    """
    chosen: Picks = (decision - rate * cost).argmax(axis=1)
    return chosen


def rates(cost: Floats) -> Floats:
    """Rates from quality alone to cost alone, rising: 0, and steps that are even on a logarithmic scale."""
    import numpy as np

    spread = float(cost.max() - cost.min())
    if spread <= 0:
        return np.zeros(1)
    out: Floats = np.concatenate([[0.0], np.geomspace(0.005, 20.0, MOST_RATES - 1) / spread])
    return out


def rate_within(decision: Floats, cost: Floats, costs: Floats, most: float) -> float | None:
    """The lowest rate under which the mean of the costs that are met is at most `most`; None when no rate does.

    Args:
        decision: decision confidence, [n, models].
        cost: expected cost, as the router weighs it, [models] or [n, models].
        costs: what each call costs, [n, models], in the same unit.
        most: the bound on the mean.
    """
    import numpy as np

    rows = np.arange(len(decision))

    def mean(rate: float) -> float:
        return float(costs[rows, picks(decision, cost, rate)].mean())

    if mean(0.0) <= most:
        return 0.0
    differences = np.diff(np.sort(cost, axis=-1), axis=-1)
    least = differences[differences > 0].min(initial=np.inf)
    high = 1.0 / least if np.isfinite(least) else 0.0  # from there on no confidence outweighs a cost
    high *= 1.0 + 1e-9
    if mean(high) > most:
        return None
    low = 0.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if mean(middle) <= most else (middle, high)
    return high
