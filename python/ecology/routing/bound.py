"""A promise about errors: of what is answered directly, at most the share alpha is wrong, with probability 1 − delta.

A threshold that is chosen where the validation rows show an error of alpha breaks its promise on about half of all
fresh rows: the choice has looked at the noise. Learn-then-test (Angelopoulos et al. 2021, “Learn then Test:
Calibrating Predictive Algorithms to Achieve Risk Control”) turns the choice into tests: a threshold is taken only when
the hypothesis "its error is above alpha" is refused, and the tests are made so that *any* mistake among them has
probability delta at most. Here: fixed sequences, from few and confident rows to many, one from each of several starts
that share delta; the first test that is not passed ends its sequence.

**What it rests on.** Requests have to be exchangeable with the validation rows: drawn from the same source, in no
order that matters. It breaks when paraphrases of training rows are among the validation rows (folds of a training set
are not fresh rows), when traffic drifts, when somebody chooses which requests arrive, and when a member is trained
again without solving again. The thresholds that are tested are quantiles of the confidences, which are looked at
before any outcome.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..stats import binomial_p_value, hoeffding_bentkus_p_value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["CannotPromise", "Promise", "error_bound"]

STARTS = (0.25, 0.5, 0.75, 0.9)
"""Coverages at which a sequence begins. A late start is lost when alpha is strict, an early one when rows are few."""

STEPS = 100
MOST_ROWS = 1 << 30


@dataclass(frozen=True)
class Promise:
    """Answer where the confidence is at least `threshold`.

    `coverage` is the share of validation rows that reach it and `error` their mean loss; the promise is about `alpha`,
    not about `error`.
    """

    threshold: float
    coverage: float
    error: float
    alpha: float
    delta: float
    rows: int

    def __str__(self) -> str:
        return (
            f"at confidence ≥ {self.threshold:.4f} ({self.coverage:.1%} of the requests) at most {self.alpha:.1%} are "
            f"wrong, with probability {1 - self.delta:.0%} ({self.error:.2%} were, of {self.rows} validation rows)"
        )


@dataclass(frozen=True)
class CannotPromise:
    """No threshold passed.

    `rows_needed` is about how many validation rows would do if their errors are as they were; None when no number
    does, since even the most confident rows err more often. `error` is the lowest mean loss seen.
    """

    alpha: float
    delta: float
    rows: int
    error: float
    rows_needed: int | None

    def __str__(self) -> str:
        said = f"an error of {self.alpha:.1%} cannot be promised from {self.rows} rows"
        if self.rows_needed is None:
            return f"{said}: even the surest part errs in {self.error:.1%}; allow more, or train a better model"
        return f"{said}; about {self.rows_needed} would do: collect more, or allow more errors"


def error_bound(
    confidence: Floats, score: Floats, alpha: float, delta: float = 0.05, starts: tuple[float, ...] = STARTS
) -> Promise | CannotPromise:
    """The lowest threshold on `confidence` under which the error is at most `alpha`, with probability 1 − `delta`.

    Args:
        confidence: float [n], as it is read when serving (a leg confidence, say).
        score: float [n] in [0, 1]; the loss is 1 − score. Exact binomial tails where all are 0 or 1, else the
            Hoeffding–Bentkus p-value.
        alpha: in (0, 1).
        delta: in (0, 1); each start has delta / len(starts).
        starts: coverages in (0, 1].

    >>> import numpy as np
    >>> sure = np.linspace(0, 1, 2000)
    >>> right = (np.arange(2000) >= 400).astype(float)
    >>> promise = error_bound(sure, right, alpha=0.05)
    >>> bool(0.75 < promise.coverage < 0.84)
    True
    >>> print(error_bound(sure[:40], right[-40:], alpha=0.01))
    an error of 1.0% cannot be promised from 40 rows; about 486 would do: collect more, or allow more errors
    """
    import numpy as np

    n = len(confidence)
    order = np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")
    sure = np.asarray(confidence, dtype=np.float64)[order]
    losses = np.cumsum(1.0 - np.asarray(score, dtype=np.float64)[order])
    binary = bool(np.isin(score, (0.0, 1.0)).all())
    each = delta / len(starts)

    def rows_at(coverage: float) -> int:
        """How many rows pass a threshold of about this coverage; equal confidences cannot be told apart."""
        wanted = min(n, max(1, math.ceil(coverage * n - 1e-9)))
        return int(np.searchsorted(-sure, -sure[wanted - 1], side="right"))

    def p_value(count: int) -> float:
        loss = float(losses[count - 1])
        if binary:
            return binomial_p_value(round(loss), count, alpha)
        return hoeffding_bentkus_p_value(loss / count, count, alpha)

    best = 0
    for start in starts if n else ():
        for step in range(round(start * STEPS), STEPS + 1):
            count = rows_at(step / STEPS)
            if p_value(count) > each:
                break
            best = max(best, count)
    if best:
        return Promise(float(sure[best - 1]), best / n, float(losses[best - 1]) / best, alpha, delta, n)
    seen = [(start, rows_at(start)) for start in starts] if n else []
    errors = [(start, float(losses[count - 1]) / count) for start, count in seen]
    needed = [math.ceil(_rows_needed(error, alpha, each) / start) for start, error in errors if error < alpha]
    lowest = min((error for _, error in errors), default=math.nan)
    return CannotPromise(alpha, delta, n, lowest, min(needed, default=None))


def _rows_needed(error: float, alpha: float, delta: float) -> int:
    """The least number of rows that would refuse "above alpha" if their mean loss is `error`, about."""
    low, high = 0, 1
    while binomial_p_value(math.ceil(error * high), high, alpha) > delta and high < MOST_ROWS:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_p_value(math.ceil(error * middle), middle, alpha) > delta:
            low = middle
        else:
            high = middle
    return high
