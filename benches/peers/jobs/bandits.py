"""A contextual choice and what it teaches: LinUCB, ours beside the same in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from contest import Contender, Contest, Hold

import ecology as eco
from jobs.timing import calls

ARMS, DIMENSIONS = 8, 32


class NumpyLinUcb:
    """Disjoint LinUCB as one writes it with numpy: all inverses in one array, updated by Sherman and Morrison."""

    def __init__(self, arms: int, dimensions: int) -> None:
        self._inverse = np.repeat(np.eye(dimensions)[None], arms, 0)
        self._rewards = np.zeros((arms, dimensions))
        self._theta = np.zeros((arms, dimensions))

    def choose(self, context: np.ndarray) -> int:
        """The arm of the highest bound."""
        return int((self._theta @ context + np.sqrt(self._inverse @ context @ context)).argmax())

    def update(self, arm: int, context: np.ndarray, reward: float) -> None:
        """One observation more."""
        inverse = self._inverse[arm]
        leaning = inverse @ context
        inverse -= np.outer(leaning, leaning) / (1.0 + context @ leaning)
        self._rewards[arm] += reward * context
        self._theta[arm] = inverse @ self._rewards[arm]


@contextmanager
def contests(turn: int) -> Iterator[list[Contest]]:
    """Choice and update, each on its own; both bandits have learned the same first."""
    rng = np.random.default_rng(0)
    contexts = rng.normal(size=(1_000, DIMENSIONS))
    ours, theirs = eco.LinUcb(ARMS, DIMENSIONS), NumpyLinUcb(ARMS, DIMENSIONS)
    agreed = 0
    for context in contexts:
        arm, narrow = theirs.choose(context), context.astype("f4")
        agreed += ours.choose(narrow) == arm
        for bandit, each in ((ours, narrow), (theirs, context)):
            bandit.update(arm, each, float(context[arm]))
    assert agreed > 990, agreed
    wide, narrow = contexts[0], contexts[0].astype("f4")
    size = f"{ARMS} arms, d = {DIMENSIONS}"
    yield [
        Contest(
            f"contextual choice, {size}",
            "µs a choice",
            [
                Contender("LinUcb.choose", "bound of every arm", lambda: calls(lambda: ours.choose(narrow), turn)),
                Contender("numpy", "the same", lambda: calls(lambda: theirs.choose(wide), turn)),
            ],
            [Hold("numpy", 0.5)],
        ),
        Contest(
            f"contextual update, {size}",
            "µs an update",
            [
                Contender(
                    "LinUcb.update", "inverse, weights", lambda: calls(lambda: ours.update(3, narrow, 0.5), turn)
                ),
                Contender("numpy", "the same", lambda: calls(lambda: theirs.update(3, wide, 0.5), turn)),
            ],
            [Hold("numpy", 0.5)],
        ),
    ]
