"""How far a number could move on other prompts of the same kind: the percentile bootstrap over prompts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .inputs import Inputs

__all__ = ["Interval", "bootstrap", "paired_bootstrap"]

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Interval:
    """A measured number and its interval; NaN where it is undefined.

    >>> print(Interval(0.61234, 0.58, 0.65))
    0.612 [0.580, 0.650]
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    statistic: Callable[[Rows], Mapping[str, float]],
    prompts: int,
    *,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
    progress: Callable[[float], None] | None = None,
    biased: Collection[str] = (),
) -> dict[str, Interval]:
    """Intervals for everything that `statistic` measures, from the same resamples: differences in it are paired.

    Percentile intervals (Efron & Tibshirani 1993, chapter 13). A prompt is drawn with the outcomes of all its models,
    so that its difficulty cancels in a difference. A resample in which a number is undefined is left out for that
    number; when that is more than half of them, its interval is NaN. With 0 resamples all intervals are.

    Args:
        statistic: from row numbers, int [prompts], to named numbers.
        prompts: how many there are.
        seed: of the resampling.
        resamples: 0 or more.
        level: in (0, 1).
        progress: told the share that is done.
        biased: numbers of 0 or more that resampling itself raises, such as an ECE, which counts the noise of each bin:
            their intervals are moved down by what the mean over the resamples lies above the measured value.

    >>> x = np.array([0.0, 0.0, 1.0, 1.0] * 25)
    >>> bootstrap(lambda rows: {"mean": float(x[rows].mean())}, 100, seed=0)["mean"].value
    0.5

    Raises:
        MetricsError: no prompts, a level or a number of resamples out of range.
    """
    inputs = Inputs()
    if prompts < 1:
        inputs.wrong("prompts", f"there are {prompts}", "give one or more")
    if resamples < 0:
        inputs.wrong("resamples", f"{resamples} is below 0", "give 0 or more")
    if not 0 < level < 1:
        inputs.wrong("level", f"{level!r} is not in (0, 1)", "give 0.95")
    inputs.done()
    measured = statistic(np.arange(prompts))
    generator = np.random.default_rng(seed)
    drawn = np.full((resamples, len(measured)), np.nan)
    for number in range(resamples):
        again = statistic(generator.integers(0, prompts, prompts))
        drawn[number] = [again[name] for name in measured]
        if progress is not None:
            progress((number + 1) / resamples)
    tail = (1 - level) / 2
    found = {}
    for column, (name, value) in enumerate(measured.items()):
        defined = drawn[:, column][np.isfinite(drawn[:, column])]
        low, high = (
            np.quantile(defined, (tail, 1 - tail))
            if 2 * len(defined) > resamples and len(defined)
            else (np.nan, np.nan)
        )
        if name in biased and len(defined):
            bias = float(defined.mean()) - float(value)
            low, high = max(0.0, low - bias), max(0.0, high - bias)
        found[name] = Interval(float(value), float(low), float(high))
    return found


def paired_bootstrap(a: Any, b: Any, *, seed: int, resamples: int = 1000, level: float = 0.95) -> Interval:
    """The mean of a − b over the same prompts, with its interval.

    Args:
        a, b: one number a prompt of each policy, [prompts].
        seed, resamples, level: as in `bootstrap`.

    >>> paired_bootstrap([1, 0, 1], [0.5, -0.5, 0.5], seed=0)
    Interval(value=0.5, low=0.5, high=0.5)

    Raises:
        MetricsError: shapes that do not fit, NaN, no rows; and as `bootstrap`.
    """
    inputs = Inputs()
    first, second = inputs.vector("a", a), inputs.vector("b", b)
    inputs.done()
    difference = first - second

    def mean(rows: Rows) -> dict[str, float]:
        return {"difference": float(difference[rows].mean())}

    return bootstrap(mean, len(difference), seed=seed, resamples=resamples, level=level)["difference"]
