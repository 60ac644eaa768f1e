"""Logs with a known truth: half the prompts are hard for the small model, and models are drawn with known chances."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["COST", "MODELS", "QUALITY", "true_value", "week"]

MODELS = ["large@1", "small@1"]
QUALITY = np.array([[0.95, 0.8], [0.9, 0.2]])
"""P(right) of each model on an easy and on a hard prompt, [kinds, models]."""
COST = np.array([0.01, 0.001])
CHANCE = np.array([[0.2, 0.8], [0.6, 0.4]])
"""Of the log's own policy, [kinds, models]."""


def week(n: int, seed: int, chance: npt.NDArray[np.float64] = CHANCE) -> dict[str, Any]:
    """A log of n decisions, a minute apart, as columns."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    chosen = (rng.random(n) >= chance[kind, 0]).astype(int)
    texts = ("Add {0} and {1}.", "Prove theorem {0} about rings, step by step, and explain why it fails for {1}.")
    return {
        "prompt": [texts[each].format(at, at * 7 % 13) for at, each in enumerate(kind)],
        "model": [MODELS[each] for each in chosen],
        "score": (rng.random(n) < QUALITY[kind, chosen]).astype(float),
        "cost_usd": COST[chosen] * (1 + rng.random(n)),
        "latency_ms": 10.0 + 90 * (chosen == 0),
        "propensity": chance[kind, chosen],
        "task": [("sums", "proofs")[each] for each in kind],
        "timestamp": 1_700_000_000.0 + 60 * np.arange(n),
    }


def true_value(policy: npt.NDArray[np.float64]) -> float:
    """The score that a policy [kinds, models] has in expectation."""
    return float((policy * QUALITY).sum(axis=1).mean())
