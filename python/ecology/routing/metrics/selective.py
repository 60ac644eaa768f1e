"""Answer only where sure: what is the risk of what is answered, and how much is answered?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .inputs import Floats, Inputs

__all__ = ["aurc", "risk_coverage", "selective_score"]


def risk_coverage(confidence: Any, outcome: Any) -> tuple[Floats, Floats]:
    """Coverage k/n and the mean loss (1 − outcome) of the k most confident rows, for k = 1 … n; [rows] each.

    El-Yaniv & Wiener 2010 (JMLR 11, section 2). Rows of equal confidence are in no order: each stands with the mean
    loss of all of them, which is the expectation over random orders.

    Args:
        confidence: [rows]; only its order counts.
        outcome: what happened, [rows] in [0, 1].

    >>> coverage, risk = risk_coverage([0.9, 0.8, 0.1, 0.5], [1, 1, 0, 0])
    >>> coverage.tolist(), risk.round(3).tolist()
    ([0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.333, 0.5])

    Raises:
        MetricsError: shapes that do not fit, NaN, outcomes outside [0, 1], no rows.
    """
    inputs = Inputs()
    given, happened = inputs.vector("confidence", confidence), inputs.vector("outcome", outcome, 0.0, 1.0)
    inputs.done()
    n = len(given)
    order = np.lexsort((happened, -given))
    _, starts, sizes = np.unique(-given[order], return_index=True, return_counts=True)
    means = np.add.reduceat(1.0 - happened[order], starts) / sizes
    taken = np.arange(1, n + 1)
    return taken / n, np.cumsum(np.repeat(means, sizes)) / taken


def aurc(confidence: Any, outcome: Any) -> float:
    """The area under the risk–coverage curve: mean risk over the n coverages; lower is better.

    Geifman, Uziel & El-Yaniv 2019 (arXiv:1805.08206, section 3). Equal confidences give the mean loss, which is what a
    random order gets; the least that any order reaches is `aurc(outcome, outcome)`.

    >>> round(aurc([0.9, 0.8, 0.1, 0.5], [1, 1, 0, 0]), 4)
    0.2083

    Arguments and errors are those of `risk_coverage`.
    """
    return float(risk_coverage(confidence, outcome)[1].mean())


def selective_score(confidence: Any, outcome: Any, coverage: float) -> float:
    """Selective accuracy: the mean outcome of the ⌈coverage · n⌉ most confident rows.

    Args:
        confidence, outcome: as in `risk_coverage`.
        coverage: share of the rows that is answered, in (0, 1].

    >>> selective_score([0.9, 0.8, 0.1, 0.5], [1, 1, 0, 0], coverage=0.5)
    1.0

    Raises:
        MetricsError: as `risk_coverage`, or a coverage that is no share above 0.
    """
    inputs = Inputs()
    if not 0 < coverage <= 1:
        inputs.wrong("coverage", f"{coverage!r} is not in (0, 1]", "give a share of the rows")
    inputs.done()
    _, risk = risk_coverage(confidence, outcome)
    taken = max(1, math.ceil(coverage * len(risk) - 1e-9))
    return float(1.0 - risk[taken - 1])
