"""Short turns: everyone on the same prompts in the same seconds, so that a slow minute of the machine is shared.

A figure is the median over rounds of what one round showed; a ratio is taken within each round first. Rounds put the
contenders in another order each, since the one after a heavy neighbour finds cold caches.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

__all__ = ["Tally", "take_turns"]

WARM_UP = 3


@dataclass
class Tally:
    """What one contender took, in nanoseconds, round by round."""

    name: str
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)

    def add(self, spent_ns: Sequence[float]) -> None:
        """One round."""
        ordered = sorted(spent_ns)
        self.p50.append(median(ordered))
        self.p99.append(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))])

    def to_dict(self, first: Tally) -> dict[str, Any]:
        """Medians over rounds in µs; `ratio` is this contender's p50 over the first one's, median within rounds."""
        ratios = sorted(mine / theirs for mine, theirs in zip(self.p50, first.p50, strict=True))
        return {
            "name": self.name,
            "p50_us": median(self.p50) / 1e3,
            "p99_us": median(self.p99) / 1e3,
            "ratio": median(ratios),
            "ratio_range": [ratios[0], ratios[-1]],
        }


def take_turns(
    contenders: Sequence[tuple[str, Callable[[Any], Any]]],
    rounds: Sequence[Sequence[Any]],
    seed: int = 0,
) -> list[Tally]:
    """Time each contender on each item of each round; one call, one item.

    The clock is read around every call; its own cost (about 50 ns) is in every figure, ours included.
    """
    tallies = [Tally(name) for name, _ in contenders]
    order = list(range(len(contenders)))
    chance = random.Random(seed)
    for items in rounds:
        chance.shuffle(order)
        for at in order:
            tallies[at].add(_turn(contenders[at][1], items))
    return tallies


def _turn(call: Callable[[Any], Any], items: Sequence[Any]) -> list[int]:
    clock = time.perf_counter_ns
    spent = []
    if len(items) > WARM_UP:  # else the first round is the warm-up, and the median forgets it
        for item in items[:WARM_UP]:
            call(item)
    gc.collect()
    gc.disable()  # as timeit does: a collection belongs to whoever made the garbage, not to whoever was interrupted
    try:
        for item in items:
            began = clock()
            call(item)
            spent.append(clock() - began)
    finally:
        gc.enable()
    return spent
