"""Decisions that happened and are not in the log: what was dropped says nothing, and may have been the worst hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...errors import OffPolicyError, Violation
from .log import DecisionLog

__all__ = ["Gap", "OnGaps", "lost_in", "stood_in"]

OnGaps = Literal["refuse", "bound", "reweight"]
"""`refuse` the log; `bound` the score as if the lost decisions had all been useless, or all right; or `reweight`: let
the decisions in and beside a gap stand for those that were lost in it."""


@dataclass(frozen=True)
class Gap:
    """`lost` decisions between `start` and `end`, seconds since 1970."""

    start: float
    end: float
    lost: int


def lost_in(gaps: int | Sequence[Gap]) -> int:
    """How many decisions are not there."""
    return gaps if isinstance(gaps, int) else sum(gap.lost for gap in gaps)


def stood_in(log: DecisionLog, gaps: int | Sequence[Gap], on_gaps: OnGaps) -> DecisionLog:
    """The log as it may be used: refused, as it is (`bound` widens later), or reweighted.

    A lost decision's weight goes in equal parts to those from as long before the gap as it lasts to as long after it.

    Raises:
        OffPolicyError: gaps that are refused, that cannot be, or that have nobody beside them.
    """
    wrong = []
    if on_gaps not in ("refuse", "bound", "reweight"):
        wrong.append(Violation("on_gaps", f"{on_gaps!r} is none", "say refuse, bound or reweight"))
    each = [] if isinstance(gaps, int) else list(gaps)
    if any(gap.lost < 0 or not gap.start <= gap.end for gap in each) or lost_in(gaps) < 0:
        wrong.append(Violation("gaps", "one ends before it starts, or loses fewer than none", "give 0 or more"))
    lost = lost_in(gaps)
    if lost and on_gaps == "refuse":
        fix = 'give on_gaps="bound" to allow for the worst, or "reweight" to let their neighbours stand for them'
        wrong.append(Violation("gaps", f"{lost} decisions of this window are not in the log", fix))
    if lost and on_gaps == "reweight" and isinstance(gaps, int):
        wrong.append(Violation("gaps", "a number does not say when", "give Gap(start, end, lost), or bound"))
    if wrong:
        raise OffPolicyError(wrong)
    if not lost or on_gaps != "reweight":
        return log
    weight = log.weight.copy()
    for gap in each:
        long = max(gap.end - gap.start, 1.0)
        beside = (log.timestamp >= gap.start - long) & (log.timestamp <= gap.end + long)
        if gap.lost and not beside.any():
            problem = f"no decision lies within {long:g} s of the one at {gap.start:g}"
            raise OffPolicyError([Violation("gaps", problem, "bound instead, or give rows with timestamps")])
        weight[beside] += gap.lost / max(1, int(beside.sum()))
    return replace(log, weight=np.asarray(weight / weight.mean()))
