"""Are the prompts of now those of then? Their named signals one by one, and their vocabulary all together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ... import _core
from .statistics import auc, kolmogorov_smirnov, stability_index

__all__ = ["LEAST_AREA", "LEAST_INDEX", "Tested", "tested_inputs"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

LEAST_INDEX = 0.1
"""Of the population stability index: less is no matter, however sure it is."""
LEAST_AREA = 0.55
"""Of the area under the ROC: new words in a tenth of the prompts."""
MOST_READ = 4000
"""Prompts of each side that the classifier is taught."""
FOLDS = 5


@dataclass(frozen=True)
class Tested:
    """As `InputShift`, before it is known how many tests there are; `matters` is whether the size does."""

    what: str
    size: float
    p: float
    before: float
    after: float
    matters: bool


def tested_inputs(prompts: list[str], signals: Floats, reference: Codes, window: Codes, seed: int) -> list[Tested]:
    """One test for each signal that varies, and one for the vocabulary.

    Args:
        prompts: the different texts.
        signals: of each of them, [prompts, signals], in the order of `_core.signals`.
        reference, window: places in `prompts`, once for each time that one was asked.
        seed: of the sample and the folds of the classifier.
    """
    found = []
    floor = 1 / len(reference) + 1 / len(window)
    for column, name in enumerate(_core.signals("")):
        before, after = signals[reference, column], signals[window, column]
        if np.ptp(np.concatenate([before, after])) <= 0:
            continue
        _, p = kolmogorov_smirnov(before, after)
        bins = min(10, len(np.unique(before)))
        size = max(0.0, stability_index(before, after) - (bins - 1) * floor)
        found.append(Tested(name, size, p, float(before.mean()), float(after.mean()), size >= LEAST_INDEX))
    area, p = _told_apart(prompts, reference, window, seed)
    return [*found, Tested("vocabulary", area, p, float("nan"), float("nan"), area >= LEAST_AREA)]


def _told_apart(prompts: list[str], reference: Codes, window: Codes, seed: int) -> tuple[float, float]:
    """How well a linear classifier of hashed n-grams tells the two apart on prompts that it was not taught.

    A two-sample test by classification (Lopez-Paz & Oquab 2017, arXiv:1610.06545), with the rank of the score for the
    accuracy. The same prompt is never taught and asked; out-of-fold scores then err on the side of no drift.
    """
    generator = np.random.default_rng(seed)
    sides = [
        side if len(side) <= MOST_READ else np.sort(generator.choice(side, MOST_READ, replace=False))
        for side in (reference, window)
    ]
    codes = np.concatenate(sides)
    labels = np.repeat(np.array([0, 1], np.uint32), [len(side) for side in sides])
    folds = _core.group_folds(codes.astype(np.uint32), FOLDS, seed)
    rows = _core.Features([prompts[code] for code in codes])
    scores = _core.out_of_fold_classifier(rows, labels, folds, 2, seed)
    return auc((scores[:, 1] - scores[:, 0]).astype(np.float64), labels == 1)
