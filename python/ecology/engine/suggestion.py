"""What a misspelt word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["closest", "did_you_mean"]


def closest(word: str, known: Iterable[str]) -> str | None:
    """The most similar of the known words, if one is similar enough.

    >>> closest("timout_ms", ["timeout_ms", "tier"]), closest("x", ["timeout_ms"])
    ('timeout_ms', None)
    """
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower()[:200], by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "known") -> str:
    """What to write instead of `word`: the closest known one, or else all of them.

    >>> did_you_mean("smal", ["small", "large"]), did_you_mean("q", ["small", "large"])
    ('did you mean small?', 'known: small, large')
    """
    names = list(known)
    near = closest(word, names)
    if near is not None and near != word:
        return f"did you mean {near}?"
    return f"{otherwise}: {', '.join(names)}" if names else "there is none yet"
