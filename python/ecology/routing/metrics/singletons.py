"""Prompts that only one model solves: there every other choice fails, and there is most of the gap to the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .inputs import Inputs

__all__ = ["singleton_recall", "singletons"]


def singletons(scores: Any, solved: float = 0.5) -> npt.NDArray[np.bool_]:
    """Which prompts exactly one model solves, bool [prompts].

    Args:
        scores: [prompts, models] in [0, 1].
        solved: the score from which a prompt counts as solved.

    >>> singletons([[1, 0], [1, 1], [0, 0]]).tolist()
    [True, False, False]

    Raises:
        MetricsError: shapes that do not fit, NaN, scores outside [0, 1], no rows.
    """
    inputs = Inputs()
    truth = inputs.matrix("scores", scores, 0.0, 1.0)
    inputs.done()
    return np.asarray((truth >= solved).sum(axis=1) == 1)


def singleton_recall(chosen: Any, scores: Any, solved: float = 0.5) -> float:
    """The share of singletons that went to the model that solves them; NaN when there is none.

    A blind choice among m models gets 1/m on average when they are equally often the one.

    Args:
        chosen: the column that the router chose for each prompt, int [prompts].
        scores, solved: as in `singletons`.

    >>> singleton_recall([0, 0, 1], [[1, 0], [0, 1], [1, 1]])
    0.5

    Raises:
        MetricsError: as `singletons`, or a choice that is no column.
    """
    inputs = Inputs()
    picks, truth = inputs.vector("chosen", chosen), inputs.matrix("scores", scores, 0.0, 1.0)
    if not inputs.violations and not np.isin(picks, np.arange(truth.shape[1])).all():
        inputs.wrong("chosen", "some of it is no column of scores", f"give integers from 0 to {truth.shape[1] - 1}")
    inputs.done()
    alone = singletons(truth, solved)
    if not alone.any():
        return float("nan")
    right = truth[np.arange(len(truth)), picks.astype(np.intp)] >= solved
    return float(right[alone].mean())
