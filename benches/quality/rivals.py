"""What a learned router is held against: one column of gains, or of scores, for the prompts of a test fold.

Each is small enough to read: prompt length, the known task, hashed n-grams with logistic regression (scikit-learn, the
baseline of most published routers), and the mean of the nearest training prompts in an encoder's space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tables import Table

__all__ = ["MISSING", "Encode", "hashed_regression", "length", "nearest", "sklearn_installed", "task_means"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Encode = Callable[[Sequence[str]], Any]

MISSING = "not installed"
SHRINKAGE = 5.0  # rows of the mean that each task starts with
HASHED = 1 << 15


def sklearn_installed() -> bool:
    """Whether the rivals that need scikit-learn can be measured."""
    from importlib.util import find_spec

    return find_spec("sklearn") is not None


def length(test: Table) -> Floats:
    """Bytes of the prompt: long prompts are hard prompts. [prompts]"""
    return np.array([len(prompt.encode()) for prompt in test.prompts], float)


def task_means(train: Table, test: Table) -> Floats:
    """The mean score of each model on the task that the prompt *is known to* belong to. [prompts, models]"""
    overall = train.scores.mean(axis=0)
    names, code = np.unique(train.task, return_inverse=True)
    member = np.eye(len(names))[code]
    counts = member.sum(axis=0)[:, None]
    means = (member.T @ train.scores + SHRINKAGE * overall) / (counts + SHRINKAGE)
    at = {name: row for row, name in enumerate(names.tolist())}
    return np.array([means[at[task]] if task in at else overall for task in test.task])


def hashed_regression(train: Table, test: Table, target: Floats, strength: float = 1.0) -> Floats:
    """P(target) by logistic regression over hashed words and pairs of words; scikit-learn. [prompts]"""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression

    hashing = HashingVectorizer(ngram_range=(1, 2), n_features=HASHED)
    if len(np.unique(target)) < 2:
        return np.full(len(test.prompts), float(target.mean()))
    head = LogisticRegression(C=strength, max_iter=300)
    head.fit(hashing.transform(train.prompts), target)
    return np.asarray(head.predict_proba(hashing.transform(test.prompts))[:, 1])


def nearest(train: Floats, test: Floats, scores: Floats, k: int) -> Floats:
    """The mean of `scores` over the `k` training prompts of the highest cosine; vectors of unit length. [prompts, …]"""
    k = min(k, len(train))
    found = []
    for start in range(0, len(test), 512):
        near = np.argpartition(-(test[start : start + 512] @ train.T), k - 1, axis=1)[:, :k]
        found.append(scores[near].mean(axis=1))
    return np.concatenate(found)
