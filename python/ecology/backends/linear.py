"""Configures a `linear` member: a softmax over hashed n-grams, run in the core on the caller's thread."""

from __future__ import annotations

from typing import Literal

from ..config import Config

__all__ = ["LinearBackend"]


class LinearBackend(Config):
    """`path`: a safetensors file that `ecology` trained, relative to the description."""

    kind: Literal["linear"]
    path: str
