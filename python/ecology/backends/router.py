"""Configures a learned router: a file that `ecology fit` wrote, of any form that this release reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .. import _core
from ..errors import ArtifactError
from .protocol import UNBOUND, Backend, Terms

__all__ = ["RouterBackend"]


class RouterBackend(Backend):
    """`path`: a safetensors file with the weights of a router, relative to the description; it says which form it has.

    >>> RouterBackend(kind="router", path="learned/router-1.safetensors").weights(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    ecology.errors.ArtifactError: /nowhere/learned/router-1.safetensors: No such file or directory (os error 2); ...
    """

    FILES: ClassVar[tuple[str, ...]] = ("path",)
    NATIVE: ClassVar[bool] = True

    kind: Literal["router"]
    path: Annotated[str, Field(min_length=1)]

    def weights(self, root: Path) -> _core.RouterWeights:
        """Read the file.

        Raises:
            ArtifactError: it is not a router of this release.
        """
        return _core.RouterWeights.read(root / self.path)

    def open(self, root: Path, terms: Terms = UNBOUND) -> _core.Member:
        """A router has no member: it chooses who answers, and never answers itself.

        Raises:
            ArtifactError: always.
        """
        fix = 'write role = "router" for it, or name a file of kind "linear"'
        raise ArtifactError(str(root / self.path), "a router never answers", fix)
