"""Configures a `linear` member: a softmax over hashed n-grams, run in the core on the caller's thread."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..config import Config

__all__ = ["LinearBackend"]


class LinearBackend(Config):
    """`path`: a safetensors file that `ecology` trained, relative to the description."""

    kind: Literal["linear"]
    path: Annotated[str, Field(min_length=1)]
