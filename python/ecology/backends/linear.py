"""Configures a `linear` member: a softmax over hashed n-grams, run in the core on the caller's thread."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .. import _core
from .protocol import UNBOUND, Backend, Terms

__all__ = ["LinearBackend"]


class LinearBackend(Backend):
    """`path`: a safetensors file that `ecology` trained, relative to the description."""

    FILES: ClassVar[tuple[str, ...]] = ("path",)
    NATIVE: ClassVar[bool] = True

    kind: Literal["linear"]
    path: Annotated[str, Field(min_length=1)]

    def open(self, root: Path, terms: Terms = UNBOUND) -> _core.Member:
        """Read the weights.

        Raises:
            ArtifactError: the file is not a linear classifier.
        """
        return _core.linear_member(root / self.path)
