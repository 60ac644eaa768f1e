"""Is a learned router better than no router? Measured on rows that its heads were not fitted on (its two numbers of
calibration per model were: too few to learn these rows by heart).

The rivals are the best single model, and the best *fixed mixture*: sending a constant share of all traffic, blindly, to
each of two models buys every point on the line between them. A router that is not above that line has learned
nothing that a coin does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .matrix import Matrix

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Guard", "judge_router"]

RESAMPLES = 400


@dataclass(frozen=True)
class Guard:
    """The verdict. `gain` is the mean score above the best fixed mixture at equal cost, with a 95 % interval."""

    worthwhile: bool
    gain: float
    gain_low: float
    gain_high: float
    best_single: str
    best_single_score: float
    prompts: int

    def __str__(self) -> str:
        verdict = "beats" if self.worthwhile else "does not beat"
        return (
            f"the router {verdict} the best fixed mixture at equal cost: {self.gain:+.4f} "
            f"[{self.gain_low:+.4f}, {self.gain_high:+.4f}] on {self.prompts} prompts "
            f"(best single: {self.best_single}, {self.best_single_score:.4f})"
        )


def judge_router(validation: Matrix, confidence: Floats, cost_usd: Floats, seed: int) -> Guard:
    """Compare on validation prompts where every model was observed.

    Args:
        validation: the rows to judge by.
        confidence: calibrated P(good), float32 [prompts, models].
        cost_usd: expected cost of each model, float32 [models].
        seed: of the bootstrap over prompts (percentile intervals).
    """
    import numpy as np

    whole = ~np.isnan(validation.scores).any(axis=1)
    scores, confidence = validation.scores[whole].astype(np.float64), confidence[whole].astype(np.float64)
    n = len(scores)
    means = scores.mean(axis=0) if n else np.zeros(len(validation.models))
    best = int(means.argmax())
    picks = _choices(confidence, cost_usd)
    generator = np.random.default_rng(seed)
    resampled = (
        [_gain(scores[rows], picks[:, rows], cost_usd) for rows in generator.integers(0, n, (RESAMPLES, n))]
        if n
        else [0.0]
    )
    low, high = (float(edge) for edge in np.quantile(resampled, (0.025, 0.975)))
    gain = _gain(scores, picks, cost_usd) if n else 0.0
    return Guard(low > 0, gain, low, high, validation.models[best], float(means[best]), n)


def _choices(confidence: Floats, cost_usd: Floats) -> npt.NDArray[np.intp]:
    """The model chosen for each prompt at a range of exchange rates between score and money, [rates, prompts]."""
    import numpy as np

    spread = float(cost_usd.max() - cost_usd.min())
    rates = [0.0] if spread <= 0 else [0.0, *np.geomspace(0.01, 10.0, 25) / spread]
    return np.stack([(confidence - rate * cost_usd).argmax(axis=1) for rate in rates])


def _gain(scores: Floats, picks: npt.NDArray[np.intp], cost_usd: Floats) -> float:
    """Mean over the exchange rates of score minus what the best fixed mixture scores at the same cost."""
    import numpy as np

    rows = np.arange(len(scores))
    singles = scores.mean(axis=0)
    gains = [scores[rows, pick].mean() - _mixture(float(cost_usd[pick].mean()), cost_usd, singles) for pick in picks]
    return float(np.mean(gains))


def _mixture(budget: float, cost: Floats, score: Floats) -> float:
    """The best mean score that a mixture of two models reaches at mean cost `budget` or less."""
    best = max((float(score[a]) for a in range(len(cost)) if cost[a] <= budget + 1e-15), default=float(score.min()))
    for a in range(len(cost)):
        for b in range(len(cost)):
            if cost[a] < budget < cost[b]:
                share = (budget - cost[a]) / (cost[b] - cost[a])
                best = max(best, float((1 - share) * score[a] + share * score[b]))
    return best
