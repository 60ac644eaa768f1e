"""A job, done by us and by others in one process: short turns, ratios within a round, medians over rounds.

`turns.py` times one call on one prompt. Jobs here are of other shapes (many at once, on an event loop, processor
time), so a contender times itself: it gives the cost of one unit in µs.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

__all__ = ["Contender", "Contest", "Hold", "Standing", "run_contest"]


@dataclass(frozen=True)
class Contender:
    """`turn()` does a turn of the job and gives the µs of one unit; `does` says what that includes."""

    name: str
    does: str
    turn: Callable[[], float]


@dataclass(frozen=True)
class Hold:
    """What is to hold: ours takes at most `share` of the time of `against`, or at most `over_us` more than it."""

    against: str
    share: float | None = None
    over_us: float | None = None


@dataclass(frozen=True)
class Contest:
    """One row: ours first."""

    title: str
    unit: str
    contenders: Sequence[Contender]
    holds: Sequence[Hold]


@dataclass
class Standing:
    """Medians over rounds; `ratios` are the contender's figure over ours, within each round."""

    contest: Contest
    figures: dict[str, list[float]] = field(default_factory=dict)

    def cost_us(self, name: str) -> float:
        """What one unit costs that contender."""
        return median(self.figures[name])

    def ratios(self, name: str) -> list[float]:
        """Over ours, round by round, sorted."""
        ours = self.figures[self.contest.contenders[0].name]
        return sorted(theirs / mine for theirs, mine in zip(self.figures[name], ours, strict=True))

    def verdicts(self) -> list[dict[str, Any]]:
        """For each hold: what ours takes, and whether that is held."""
        ours = self.figures[self.contest.contenders[0].name]
        verdicts = []
        for hold in self.contest.holds:
            if hold.share is not None:
                took, limit = 1 / median(self.ratios(hold.against)), hold.share
                words = f"ours takes {took:.2f} of the time of {hold.against}, to hold: ≤ {limit:g}"
            else:
                limit = hold.over_us or 0.0
                took = median(mine - theirs for mine, theirs in zip(ours, self.figures[hold.against], strict=True))
                words = f"ours takes {took:.1f} µs more than {hold.against}, to hold: ≤ {limit:g}"
            verdicts.append(
                {"against": hold.against, "ours": took, "at_most": limit, "met": took <= limit, "words": words}
            )
        return verdicts

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        rows = [
            {"name": each.name, "does": each.does, "cost_us": self.cost_us(each.name), "ratios": self.ratios(each.name)}
            for each in self.contest.contenders
        ]
        return {"title": self.contest.title, "unit": self.contest.unit, "contenders": rows, "holds": self.verdicts()}


def run_contest(contest: Contest, rounds: int, seed: int = 0) -> Standing:
    """Each contender once a round, in another order each time; the first round only warms up."""
    standing = Standing(contest, {each.name: [] for each in contest.contenders})
    chance = random.Random(seed)
    order = list(contest.contenders)
    for number in range(rounds + 1):
        chance.shuffle(order)
        for contender in order:
            gc.collect()
            cost = contender.turn()
            if number:
                standing.figures[contender.name].append(cost)
    return standing
