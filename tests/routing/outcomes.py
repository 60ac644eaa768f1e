"""Outcomes of a made-up pair: a cheap model that knows how sure it is, and a dear one."""

from __future__ import annotations

import random

from ecology.routing import Outcome

__all__ = ["pair"]


def pair(
    n: int = 600, *, leg: bool = True, money: bool = True, signal: bool = True, better: float = 0.06, seed: int = 0
) -> list[Outcome]:
    """`small@1` and `large@1` on the same prompts, all validation rows but for ten to learn from.

    With `signal` the small model's leg confidence says when it is right; without it, it says nothing. The large model
    is right more often by `better`.
    """
    rng = random.Random(seed)
    rows = []
    for at in range(n + 10):
        split = "train" if at < 10 else "val"
        sure = rng.random()
        chance = 0.55 + 0.45 * sure if signal else 0.775
        right = float(rng.random() < chance)
        big = float(rng.random() < 0.775 + better)
        stated = sure if leg else None
        prompt = f"prompt number {at}"
        rows.append(Outcome(prompt, "small@1", right, 0.001 if money else None, 1.0, None, split, stated))
        rows.append(Outcome(prompt, "large@1", big, 0.01 if money else None, 50.0, None, split))
    return rows
