"""Does our side do the work that its row names? A figure that includes less is no figure.

The default features are words, word pairs and character n-grams of 3 to 5, and named signals. A build that lacks some
of them is faster than the finished thing, and its ratio must not be quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from ecology import _core

__all__ = ["work_of_ours"]


def work_of_ours(prompts: Sequence[str]) -> dict[str, Any]:
    """Median n-grams per prompt, and what is missing from them."""
    ngrams = [len(_core.extract(prompt)[0]) for prompt in prompts]
    words = [len(prompt.split()) for prompt in prompts]
    missing = []
    # Words and pairs alone would be about 2 per word; characters add several more.
    if sum(ngrams) < 2.5 * sum(words):
        missing.append("character n-grams")
    if sum(ngrams) < 1.5 * sum(words):
        missing.append("word pairs")
    if not any(_core.signals(prompts[0]).values()):
        missing.append("signals")
    return {"words_per_prompt": median(words), "ngrams_per_prompt": median(ngrams), "missing": missing}
