"""fastText, supervised: word bigrams; the same with subwords; and the first without its Python wrapper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fasttext
import fasttext.FastText
import numpy as np
from corpus import Corpus

__all__ = ["SIDES"]

# `predict(str)` ends in np.array(probs, copy=False), which numpy 2 refuses. This is that line as numpy 1 read it.
fasttext.FastText.np = SimpleNamespace(array=lambda values, copy=True: np.asarray(values))

# As many dimensions as a row of our table has columns for 16 models, and as many buckets as we have: with its defaults
# (100 dimensions, 2 million buckets) fastText is slower and larger, never faster.
DIMENSIONS = 16
BUCKETS = 1 << 16
EPOCHS = 60
LEARNING_RATE = 1.0


class Words:
    """`predict` as its users call it."""

    name = "fastText  words, bigrams"
    does = "features and score only, the best label alone (k = 1)"
    options: dict[str, int] = {"wordNgrams": 2}

    def fit(self, corpus: Corpus, folder: Path) -> None:
        """The prompts, labelled with the model that is good at them."""
        path = folder / "train.txt"
        path.write_text("".join(f"__label__{model} {prompt}\n" for prompt, model in corpus.train))
        sizes = {"dim": DIMENSIONS, "bucket": BUCKETS, "epoch": EPOCHS, "lr": LEARNING_RATE}
        self._model = fasttext.train_supervised(str(path), thread=1, verbose=0, **sizes, **self.options)

    def decide(self, prompt: str) -> Any:
        """One `predict`."""
        return self._model.predict(prompt)

    def decide_many(self, prompts: Sequence[str]) -> Any:
        """One `predict` of a list."""
        return self._model.predict(prompts)

    def choice(self, decision: Any) -> str:
        """Of (labels, probabilities)."""
        return decision[0][0].removeprefix("__label__")

    def choices(self, decisions: Any) -> list[str]:
        """Of (labels of each, probabilities of each)."""
        return [labels[0].removeprefix("__label__") for labels in decisions[0]]


class Subwords(Words):
    """Character n-grams of 3 to 5 beside the words: what our features hold too."""

    name = "fastText  subwords 3-5"
    options = {"wordNgrams": 2, "minn": 3, "maxn": 5}


class Bare(Words):
    """The binding that `predict` wraps, called directly: the fastest that fastText can be from Python."""

    name = "fastText  words, bare binding"
    does = "as words, bigrams, without predict()'s checks and numpy result"

    def fit(self, corpus: Corpus, folder: Path) -> None:
        """As `Words`."""
        super().fit(corpus, folder)
        self._binding = self._model.f

    def decide(self, prompt: str) -> Any:
        """What `predict` calls."""
        return self._binding.predict(prompt + "\n", 1, 0.0, "strict")

    def choice(self, decision: Any) -> str:
        """Of [(probability, label)]."""
        return decision[0][1].removeprefix("__label__")


SIDES = [Words, Subwords, Bare]
