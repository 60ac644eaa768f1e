"""Is a learned router better than no router? Measured on rows that its heads were not fitted on (its two numbers of
calibration per model were: too few to learn these rows by heart).

The rivals are the best single model, and the best *fixed mixture*: sending a constant share of all traffic, blindly, to
each of two models buys every point on the line between them. A router that is not above that line has learned
nothing that a coin does not know. Choosing costs something too, and is charged to the router alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .matrix import Matrix

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Guard", "best_mixture", "judge_router", "mixture_score", "orchestration_cost"]

RESAMPLES = 400
DECISION_MS = 0.02
"""Processor time of one decision with what belongs to it, rounded up: a constant, so that a fit is the same everywhere.
`ecology justify` measures it on the machine at hand."""

COMPUTE_USD_PER_HOUR = 0.04
"""About what a core is rented for."""


def orchestration_cost(
    money: bool, *, decision_ms: float = DECISION_MS, usd_per_hour: float = COMPUTE_USD_PER_HOUR
) -> float:
    """What one decision costs: US dollars, or milliseconds where those are the unit.

    >>> orchestration_cost(False)
    0.02
    >>> f"{orchestration_cost(True):.1e}"
    '2.2e-10'
    """
    return decision_ms * usd_per_hour / 3.6e6 if money else decision_ms


@dataclass(frozen=True)
class Guard:
    """The verdict. `gain` is the mean score above the best fixed mixture at equal cost, with a 95 % interval.

    `random_gain` is the same above sending a random share to the dearest model and the rest to the cheapest;
    `single_gain` that above the best single model at its cost or less, with its interval (0 where the router cannot be
    as cheap). `orchestration_usd` is what one decision was charged, in the unit of the costs.
    """

    worthwhile: bool
    gain: float
    gain_low: float
    gain_high: float
    best_single: str
    best_single_score: float
    prompts: int
    random_gain: float = 0.0
    single_gain: float = 0.0
    single_gain_low: float = 0.0
    single_gain_high: float = 0.0
    orchestration_usd: float = 0.0

    def __str__(self) -> str:
        verdict = "beats" if self.worthwhile else "does not beat"
        return (
            f"the router {verdict} the best fixed mixture at equal cost: {self.gain:+.4f} "
            f"[{self.gain_low:+.4f}, {self.gain_high:+.4f}] on {self.prompts} prompts "
            f"(best single: {self.best_single}, {self.best_single_score:.4f}; against it "
            f"{self.single_gain:+.4f} [{self.single_gain_low:+.4f}, {self.single_gain_high:+.4f}] at its cost or less)"
        )

    @property
    def advice(self) -> str:
        """What to do, in one sentence."""
        if self.worthwhile and self.single_gain_low > 0:
            return "use the router: it is better than the best single model for the same money or less"
        if self.worthwhile:
            return "use the router where money matters: it buys more than a fixed mixture at the same cost"
        return (
            f"a fixed choice does as well on these outcomes: use {self.best_single} for everything, or send it the "
            "share of traffic that you can pay for"
        )


def judge_router(
    validation: Matrix,
    confidence: Floats,
    cost_usd: Floats,
    seed: int,
    orchestration_usd: float = 0.0,
    expected: Floats | None = None,
) -> Guard:
    """Compare on validation prompts where every model was observed.

    Args:
        validation: the rows to judge by.
        confidence: calibrated P(good), float32 [prompts, models].
        cost_usd: expected cost of each model, float32 [models].
        seed: of the bootstrap over prompts (percentile intervals).
        orchestration_usd: what a decision itself costs, in the unit of `cost_usd`: measured time of routing times the
            price of a machine, say.
        expected: what the router reckons that each call costs, US dollars, [prompts, models]. Then what is spent is
            what the validation rows say, and the mean of the model where they do not.
    """
    import numpy as np

    whole = ~np.isnan(validation.scores).any(axis=1)
    scores, confidence = validation.scores[whole].astype(np.float64), confidence[whole].astype(np.float64)
    n = len(scores)
    means = scores.mean(axis=0) if n else np.zeros(len(validation.models))
    best = int(means.argmax())
    if not n:
        return Guard(False, 0.0, 0.0, 0.0, validation.models[best], 0.0, 0, orchestration_usd=orchestration_usd)
    cost: Floats = cost_usd
    if expected is not None:
        paid = validation.cost_usd[whole].astype(np.float64)
        cost = np.where(np.isnan(paid), cost_usd, paid)
    prices = _prices(cost)
    picks = _choices(confidence, cost_usd if expected is None else expected[whole].astype(np.float64), prices)
    each = np.arange(n)
    earned, paid_for = scores[each, picks], cost[picks] if cost.ndim == 1 else cost[each, picks]
    # The exchange rate at which the router is as dear as the best single model, or the next cheaper one.
    fits = np.flatnonzero(paid_for.mean(axis=1) + orchestration_usd <= prices[best] + 1e-15)
    above = earned[int(fits[0])] - scores[:, best] if len(fits) else np.zeros(n)

    def measured(share: Floats) -> tuple[float, float, float]:
        points = earned @ share, paid_for @ share + orchestration_usd
        costs = prices if cost.ndim == 1 else share @ cost
        return *_gains(*points, costs, share @ scores), float(above @ share)

    # A resample is a share for each row: sums over rows are then one product for all rates.
    generator = np.random.default_rng(seed)
    drawn = (np.bincount(generator.integers(0, n, n), minlength=n) / n for _ in range(RESAMPLES))
    resampled = np.array([measured(share) for share in drawn])
    gain, random_gain, single_gain = measured(np.full(n, 1 / n))
    low, high = (float(edge) for edge in np.quantile(resampled[:, 0], (0.025, 0.975)))
    single_low, single_high = (float(edge) for edge in np.quantile(resampled[:, 2], (0.025, 0.975)))
    return Guard(
        worthwhile=low > 0,
        gain=gain,
        gain_low=low,
        gain_high=high,
        best_single=validation.models[best],
        best_single_score=float(means[best]),
        prompts=n,
        random_gain=random_gain,
        single_gain=single_gain,
        single_gain_low=single_low,
        single_gain_high=single_high,
        orchestration_usd=orchestration_usd,
    )


def _prices(cost: Floats) -> Floats:
    """Of costs [models] or [prompts, models]: the mean of each model."""
    means: Floats = cost if cost.ndim == 1 else cost.mean(axis=0)
    return means


def _choices(confidence: Floats, expected: Floats, prices: Floats) -> npt.NDArray[np.intp]:
    """The model chosen for each prompt at a range of exchange rates between score and money, [rates, prompts]."""
    import numpy as np

    spread = float(prices.max() - prices.min())
    rates = [0.0] if spread <= 0 else [0.0, *np.geomspace(0.01, 10.0, 25) / spread]
    return np.stack([(confidence - rate * expected).argmax(axis=1) for rate in rates])


def _gains(score: Floats, spent: Floats, prices: Floats, singles: Floats) -> tuple[float, float]:
    """Mean over the exchange rates of score minus what the best fixed mixture, and what a random share between the
    cheapest and the dearest, score at the same cost. `score` and `spent` are [rates]."""
    import numpy as np

    ends = np.array([int(prices.argmin()), int(prices.argmax())])
    blind = [
        (mixture_score(budget, prices, singles), mixture_score(budget, prices[ends], singles[ends]))
        for budget in spent.tolist()
    ]
    mixture, random = (score - np.array(blind).T).mean(axis=1).tolist()
    return float(mixture), float(random)


def mixture_score(budget: float, cost: Floats, score: Floats) -> float:
    """The best mean score that a mixture of two models reaches at mean cost `budget` or less."""
    a, b, share = best_mixture(budget, cost, score)
    return float((1 - share) * score[a] + share * score[b])


def best_mixture(budget: float, cost: Floats, score: Floats) -> tuple[int, int, float]:
    """The two models and the share of the second of the best mixture at mean cost `budget` or less; twice the same
    where one model is best, and the cheapest one where nothing is affordable.

    >>> import numpy as np
    >>> best_mixture(1.5, np.array([1.0, 2.0]), np.array([0.6, 0.8]))
    (0, 1, 0.5)
    """
    import numpy as np

    affordable = np.flatnonzero(cost <= budget + 1e-15)
    if not len(affordable):
        least = int(cost.argmin())
        return least, least, 0.0
    single = int(affordable[score[affordable].argmax()])
    dearer = np.flatnonzero(cost > budget + 1e-15)
    below = cost[affordable, None]
    shares = (budget - below) / (cost[dearer] - below) if len(dearer) else np.zeros((len(affordable), 0))
    mixed = (1 - shares) * score[affordable, None] + shares * score[dearer]
    if not mixed.size or mixed.max() <= score[single]:
        return single, single, 0.0
    a, b = np.unravel_index(int(mixed.argmax()), mixed.shape)
    return int(affordable[a]), int(dearer[b]), float(shares[a, b])
