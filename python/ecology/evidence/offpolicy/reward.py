"""What each model would have scored or cost on each prompt, guessed from rows of other prompts.

The doubly robust estimators are right if either this or the propensities are, and the better this is, the shorter are
their intervals. It has to be blind to the row that it is used on (cross-fitting; Chernozhukov et al. 2018,
doi:10.1111/ectj.12097, definition 3.1): prompts are dealt to folds by a hash, and a row is guessed from other folds.
"""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..._core import Features, signals
from .log import DecisionLog

__all__ = ["FOLDS", "RewardModel", "cross_fitted", "prompt_features", "ridge"]

Floats = npt.NDArray[np.float64]
RewardModel = Literal["ridge", "means"]

FOLDS = 5
PROJECTIONS = 48
LEAST_ROWS = 30
"""Below so many rows of a model its mean is all that is told."""


def prompt_features(prompts: list[str], seed: int) -> Floats:
    """Numbers of each prompt, float64 [prompts, d]: the named signals, and random projections of its hashed n-grams
    (Johnson and Lindenstrauss), all of mean 0 and deviation 1."""
    features = Features(prompts)
    buckets = 1 << _buckets_log2(features)
    directions = np.random.default_rng(seed).standard_normal((buckets, PROJECTIONS), dtype=np.float32)
    projected = features.score(directions, np.zeros(PROJECTIONS, np.float32))
    named = np.array([list(signals(prompt).values()) for prompt in prompts], dtype=np.float64)
    # Lengths and counts have long tails, which a line would follow.
    together = np.hstack([np.sign(named) * np.log1p(np.abs(named)), projected.astype(np.float64)])
    spread = together.std(axis=0)
    return np.asarray((together - together.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0))


def _buckets_log2(features: Features) -> int:
    import json

    return int(json.loads(features.features)["buckets_log2"])


def cross_fitted(log: DecisionLog, values: Floats, features: Floats | None, seed: int) -> Floats:
    """Guesses of `values` [n] for every prompt and model, float64 [prompts, models], each from other folds.

    Args:
        values: a measure of each row, NaN where unknown.
        features: of each prompt, or None for plain means.
        seed: of the folds.

    A model without rows in the other folds is guessed as the mean of all models.
    """
    folds = np.array(
        [zlib.crc32(f"{seed}|{prompt}".encode("utf-8", "surrogatepass")) % FOLDS for prompt in log.prompts]
    )
    known = ~np.isnan(values)
    guessed = np.full((len(log.prompts), len(log.models)), np.nan)
    low, high = float(values[known].min()), float(values[known].max())
    for fold in range(FOLDS):
        inside = folds == fold
        rows = known & (folds[log.prompt] != fold)
        # Where one fold holds all rows there is nothing to learn from but the range.
        pooled = float(values[rows].mean()) if rows.any() else (low + high) / 2
        for model in range(len(log.models)):
            own = rows & (log.chosen == model)
            guessed[inside, model] = pooled
            if own.any():
                guessed[inside, model] = float(values[own].mean())
            if features is not None and own.sum() >= LEAST_ROWS:
                guessed[inside, model] = ridge(features[log.prompt[own]], values[own], features[inside])
    return np.asarray(np.clip(guessed, low, high))


def ridge(rows: Floats, values: Floats, asked: Floats) -> Floats:
    """Ridge regression, its strength by generalised cross-validation (Golub, Heath and Wahba 1979); at its strongest it
    is the mean.

    Args:
        rows: [n, d].
        values: [n].
        asked: [m, d].

    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> np.round(ridge(x, 3 * x[:, 0] + 1, np.array([[0.5]])), 2).tolist()
    [2.5]
    """
    n = len(rows)
    centre, mean = rows.mean(axis=0), float(values.mean())
    x, y = rows - centre, values - mean
    size, axes = np.linalg.eigh(x.T @ x)
    size = np.maximum(size, 0.0)
    along = axes.T @ (x.T @ y)
    total = float(y @ y)
    best, least = np.zeros_like(along), total / n / (1 - 1 / n) ** 2
    for strength in np.mean(size) * np.logspace(-3, 3, 13):
        if strength <= 0:
            continue
        freedom = float((size / (size + strength)).sum()) + 1
        if freedom > 0.9 * n:
            continue
        left = total - float((along**2 * (size + 2 * strength) / (size + strength) ** 2).sum())
        score = max(left, 0.0) / n / (1 - freedom / n) ** 2
        if score < least:
            best, least = along / (size + strength), score
    return np.asarray(mean + (asked - centre) @ (axes @ best))
