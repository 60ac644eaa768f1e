"""What happened when a model answered a prompt: one row of what a router learns from.

A row of a model on a prompt that it was trained on has to be out-of-fold (it says so in `fold`), or be absent: a small
model is right on nearly all of its own training rows, and a router fitted on those never escalates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["NAMES", "NUMBERS", "REQUIRED", "TEXTS", "WHOLE", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model's answer to one prompt. What is unknown is None.

    `score` and `leg_confidence` in [0, 1]; `cost_usd`, `latency_ms` and tokens 0 or more; `split` is `train`, `val` or
    nothing; `propensity` in (0, 1] is the probability with which the model was chosen; `timestamp` is in seconds since
    1970, UTC; `fold` names the fold in which the model was *not* trained on this prompt.
    """

    prompt: str
    model: str
    score: float
    cost_usd: float | None = None
    latency_ms: float | None = None
    task: str | None = None
    split: str | None = None
    leg_confidence: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    propensity: float | None = None
    timestamp: float | None = None
    fold: str | None = None


NAMES = tuple(field.name for field in fields(Outcome))
REQUIRED = ("prompt", "model", "score")
TEXTS = ("prompt", "model", "task", "split", "fold")
WHOLE = ("tokens_in", "tokens_out")
"""Counts: kept as float64, which holds whole numbers to 2^53, and shown as integers."""
NUMBERS = tuple(name for name in NAMES if name not in TEXTS)
