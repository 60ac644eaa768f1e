"""The same router on parts of the prompts: where does it gain, and where does it lose?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...errors import OutcomesError, Violation
from .. import metrics
from .held_out import HeldOut
from .value import Slice

if TYPE_CHECKING:
    from .sample import Sample

__all__ = ["slice_names", "slices_of"]


def slice_names(by: str | Mapping[str, str] | None, rows: HeldOut, prompts: list[str]) -> list[str] | None:
    if by is None:
        return None
    if isinstance(by, str):
        named = rows.columns.get(by)
        if not named:
            known = ", ".join(name for name, column in rows.columns.items() if column) or "none"
            problem = f"the outcomes have no such column; there is: {known}"
            raise OutcomesError([Violation(f"by {by}", problem, "name one")])
        by = named
    return [by.get(prompt, "(none)") for prompt in prompts]


def slices_of(sample: Sample, names: list[str] | None, best: int, seed: int, resamples: int) -> list[Slice]:
    if names is None:
        return []
    found = []
    groups = np.array(names)
    for name in sorted(set(names), key=lambda name: (-names.count(name), name)):
        rows = np.flatnonzero(groups == name)
        served, single = sample.served_score[rows], sample.scores[rows, best]
        confidence, outcome = sample.confidence[rows].ravel(), sample.scores[rows].ravel()
        pair = sample.gain[rows], sample.scores[rows, sample.strong], sample.scores[rows, sample.weak]
        found.append(
            Slice(
                name=name,
                prompts=len(rows),
                score=float(served.mean()),
                best_single=float(single.mean()),
                gain=metrics.paired_bootstrap(served, single, seed=seed, resamples=resamples),
                cost=None if sample.cost is None else float(sample.served_cost[rows].mean()),
                apgr=metrics.apgr(*pair),
                ece=metrics.ece(confidence, outcome),
                ece_floor=metrics.ece_floor(confidence, seed=seed)[0],
            )
        )
    return found
