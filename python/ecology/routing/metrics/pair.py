"""Two models, one number a prompt that says how much the strong one is worth: is its ranking any good?

The definitions are those of RouteLLM (Ong et al. 2024, arXiv:2406.18665, section 2.2), as its own code computes them:
lm-sys/RouteLLM, `routellm/evals/evaluate.py` at 0aa24fd (metrics) and `routellm/evals/benchmarks.py` at 0d78f12
(thresholds). The text is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .inputs import Floats, Inputs

__all__ = ["PairCurve", "apgr", "cpt", "pair_curve"]

POINTS = 10  # RouteLLM's --num-results


@dataclass(frozen=True)
class PairCurve:
    """Score against the share of prompts that the strong model answers, by rising share from 0 to 1.

    `share` and `score` are float64 [thresholds]; `weak` and `strong` are the two models' own mean scores.
    """

    share: Floats
    score: Floats
    weak: float
    strong: float

    @property
    def recovered(self) -> Floats:
        """PGR: the share of the gap between the two models that is recovered, [thresholds]; NaN without a gap.

        Below 0 and above 1 are possible: a router may be worse than the weak model and better than the strong one.
        """
        gap = self.strong - self.weak
        return (self.score - self.weak) / gap if gap > 0 else np.full(len(self.score), np.nan)

    @property
    def area(self) -> float:
        """The area under `recovered` over `share`: APGR."""
        return float(np.trapezoid(self.recovered, self.share))

    def share_to_recover(self, target: float) -> float:
        """The least share at which `target` of the gap is recovered: CPT; NaN without a gap."""
        recovered, share = self.recovered, self.share
        if np.isnan(recovered[0]):
            return float("nan")
        # All of the gap is recovered at share 1, up to rounding.
        reached = np.flatnonzero(recovered >= target - 1e-12)
        at = int(reached[0]) if len(reached) else len(share) - 1
        if at == 0:
            return float(share[0])
        step = (target - recovered[at - 1]) / (recovered[at] - recovered[at - 1])
        return float(share[at - 1] + min(float(step), 1.0) * (share[at] - share[at - 1]))


def pair_curve(gain: Any, strong: Any, weak: Any, points: int | None = POINTS) -> PairCurve:
    """What is scored when the prompts of the highest gain go to the strong model, at a range of thresholds.

    The thresholds are the edges of `points` bins of equal mass of the gain (its quantiles, linearly interpolated);
    a prompt goes to the strong model when its gain reaches the threshold, and none does at the last one. Where two
    edges are equal RouteLLM's code raises; here they are one threshold, and the prompts of the highest gain are one
    more point. With `points=None` every gain that occurs is a threshold: the exact curve.

    Args:
        gain: how much is expected from the strong model above the weak one, [prompts]; only its order counts.
        strong: the strong model's scores, [prompts].
        weak: the weak model's scores, [prompts].
        points: bins of the gain, 1 or more.

    >>> curve = pair_curve([0.9, 0.1, 0.5, 0.2], [1, 1, 1, 1], [0, 1, 0, 1], points=None)
    >>> curve.share.tolist(), curve.score.tolist()
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.5, 0.75, 1.0, 1.0, 1.0])

    Raises:
        MetricsError: shapes that do not fit, no rows, NaN.
    """
    inputs = Inputs()
    gain, strong, weak = inputs.vector("gain", gain), inputs.vector("strong", strong), inputs.vector("weak", weak)
    if points is not None and points < 1:
        inputs.wrong("points", f"{points} bins", "give 1 or more, or None for every threshold")
    inputs.done()
    n = len(gain)
    ascending = np.sort(gain)
    if points is None:
        first = np.searchsorted(ascending, np.unique(ascending), side="left")
    else:
        # Edge k lies at place k (n − 1) / points of the sorted gains. Who reaches an edge between two gains reaches the
        # higher one: so the place is rounded up, in integers, and no interpolated float can miss its own row.
        places = np.arange(points + 1) * (n - 1)
        below, above = ascending[places // points], ascending[-(-places // points)]
        equal = (below[:-1] == above[1:]).any()
        # The last edge is the highest gain, and nothing is above it: that is the point of share 0, added below.
        first = np.searchsorted(ascending, above if equal else above[:-1], side="left")
    # Summed in the order of gain and difference, so that rows in another order give the same bits.
    difference = strong - weak
    ranked = difference[np.lexsort((difference, gain))][::-1]
    gained = np.concatenate([[0.0], np.cumsum(ranked)])
    sent = np.unique(np.concatenate([[0], n - first]))
    low = float(np.sort(weak).mean())
    return PairCurve(sent / n, low + gained[sent] / n, low, float(np.sort(strong).mean()))


def apgr(gain: Any, strong: Any, weak: Any, points: int | None = POINTS) -> float:
    """Average performance gap recovered: the area under PGR over the share of strong calls, by trapezoids.

    0.5 is what a random order gets in expectation and what equal gains get, 1 would be the strong model's quality
    without a call of it; above 1 happens where the weak model is right and the strong one wrong. Without a gap
    (strong ≤ weak on average) it is undefined: NaN. RouteLLM's code divides by the gap whatever its sign.

    >>> apgr([0.9, 0.1, 0.5, 0.2], [1, 1, 1, 1], [0, 1, 0, 1], points=None)
    0.75
    >>> apgr([7, 7, 7, 7], [1, 1, 1, 1], [0, 1, 0, 1])
    0.5

    Arguments and errors are those of `pair_curve`.
    """
    return pair_curve(gain, strong, weak, points).area


def cpt(gain: Any, strong: Any, weak: Any, target: float, points: int | None = POINTS) -> float:
    """Call-performance threshold: the least share of strong calls that recovers `target` of the gap.

    Read off `pair_curve` between its points, linearly. RouteLLM's code asks numpy's `interp` for it, which needs a
    rising curve and gives an arbitrary crossing otherwise; here it is the first. The two agree where the curve rises.

    Args:
        gain, strong, weak, points: as in `pair_curve`.
        target: of the gap, in [0, 1]; CPT(50 %) is `target=0.5`.

    Returns:
        A share in [0, 1]; NaN without a gap.

    >>> cpt([0.9, 0.1, 0.5, 0.2], [1, 1, 1, 1], [0, 1, 0, 1], target=0.5, points=None)
    0.25

    Raises:
        MetricsError: as `pair_curve`, or a target that is no share.
    """
    inputs = Inputs()
    inputs.number("target", target, 0.0, 1.0)
    inputs.done()
    return pair_curve(gain, strong, weak, points).share_to_recover(target)
