"""What every side of a row does: learn from the corpus once, then decide.

To add a peer, write one file in `sides/` with a class like this and name it in `SIDES`; nothing else changes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import sides
from corpus import Corpus

__all__ = ["Peer", "all_peers"]


class Peer(Protocol):
    """One contender. `decide` is what is timed: one Python call, from text to the name of a model."""

    name: str
    """As the table shows it."""
    does: str
    """What one decision includes. Less than ours is said here."""

    def fit(self, corpus: Corpus, folder: Path) -> None:
        """Learn from `corpus.train`; files may be left in `folder`, which is this peer's own."""

    def decide(self, prompt: str) -> object:
        """Decide about one prompt. What comes out is read by `choice`, outside the clock."""

    def decide_many(self, prompts: Sequence[str]) -> object:
        """Decide about many in one call; read by `choices`."""

    def choice(self, decision: object) -> str:
        """The model that a decision names."""

    def choices(self, decisions: object) -> list[str]:
        """The models that decisions name."""


def all_peers() -> list[Peer]:
    """One new instance of each side; ours, `sides/ecology.py`, comes first, since ratios are to the first."""
    names = sorted((module.name for module in pkgutil.iter_modules(sides.__path__)), key=lambda n: (n != "ecology", n))
    return [side() for name in names for side in importlib.import_module(f"sides.{name}").SIDES]
