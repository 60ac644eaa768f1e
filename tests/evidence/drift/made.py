"""Made traffic: questions of words, drawn anew for each seed, with known confidences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["WORDS", "traffic"]

WORDS = [
    "card",
    "order",
    "refund",
    "bill",
    "invoice",
    "contract",
    "loan",
    "account",
    "transfer",
    "payment",
    "password",
    "login",
    "phone",
    "email",
    "city",
]


def traffic(
    n: int, seed: int, *, words: Sequence[str] = WORDS, longest: int = 12, too_sure: float = 0.0, slope: float = 1.0
) -> dict[str, Any]:
    """Decisions as columns: half of each model and of each task. a@1 is sure by 0.3 to 0.8, b@1 always by 0.7.

    `too_sure` is what confidences promise too much; `slope` below 1 pulls the truth to 0.55 for a@1.
    """
    rng = np.random.default_rng(seed)
    length = rng.integers(3, longest, n)
    model = rng.integers(0, 2, n)
    sure = np.where(model == 0, 0.3 + 0.5 * rng.random(n), 0.7)
    truth = np.where(model == 0, 0.55 + slope * (sure - 0.55), sure) - too_sure
    return {
        "prompt": [f"How do I {' '.join(rng.choice(words, each))} {rng.integers(1000)}?" for each in length],
        "model": [("a@1", "b@1")[each] for each in model],
        "score": (rng.random(n) < truth).astype(float),
        "leg_confidence": sure,
        "propensity": np.full(n, 0.5),
        "task": list(rng.choice(["sales", "support"], n)),
    }
