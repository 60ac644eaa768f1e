"""Routers and outcomes that are made here: who is right is known, so is what a router could know."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

MODELS = ["small@1", "large@1"]
COST = {"small@1": 0.0002, "large@1": 0.004}


class Known:
    """Ranks by a table of P(good); `blind` knows only the means."""

    def __init__(self, table: dict[str, list[float]], models: Sequence[str] = MODELS) -> None:
        self.models = list(models)
        self._table = table

    def score_batch(self, prompts: Sequence[str]) -> Any:
        return np.array([self._table[prompt] for prompt in prompts], dtype=np.float32)


def chances(n: int = 400) -> dict[str, list[float]]:
    """P(good) of each model for each prompt: the small one is good at half of them."""
    rng = random.Random(1)
    table = {}
    for at in range(n):
        kind = "sum" if at % 2 else "tale"
        small = (0.92 if kind == "sum" else 0.25) + rng.uniform(-0.05, 0.05)
        table[f"{kind} {at}"] = [small, 0.9 + rng.uniform(-0.05, 0.05)]
    return table


def drawn(table: dict[str, list[float]], seed: int = 0, split: str | None = "test") -> list[dict[str, Any]]:
    """One outcome a prompt and model, drawn from the chances."""
    rng = random.Random(seed)
    rows = []
    for prompt, row in table.items():
        for model, chance in zip(MODELS, row, strict=True):
            outcome = {"prompt": prompt, "model": model, "score": float(rng.random() < chance), "split": split}
            rows.append(outcome | {"cost_usd": COST[model], "task": prompt.split()[0]})
    return rows
