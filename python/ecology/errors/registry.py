"""Models that are not known, or known already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .base import Never

__all__ = ["AlreadyRegistered", "RegistryError", "UnknownModel"]


@dataclass(eq=False)
class RegistryError(Never):
    """The registry refused; nothing was written."""


@dataclass(eq=False)
class AlreadyRegistered(RegistryError):
    """A version exists already with other content; versions never change."""

    model: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.model} is registered already with digest {self.digest}; give the change a new version"


@dataclass(eq=False)
class UnknownModel(RegistryError):
    """No such model; `known` lists what there is."""

    model: str
    known: Sequence[str] = ()

    def __str__(self) -> str:
        from difflib import get_close_matches  # here, since most processes never show this

        bare = {known.partition("@")[0]: known for known in self.known} | {known: known for known in self.known}
        near = get_close_matches(self.model, bare, n=1)
        meant = f"did you mean {bare[near[0]]}? " if near else ""
        return f"no model {self.model!r}; {meant}known: {', '.join(self.known) or 'none'}"
