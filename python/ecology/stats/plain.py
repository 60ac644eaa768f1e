"""Measured values as JSON has them: it knows no NaN and no infinity."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """The same value with None for each number that is not finite, at any depth of dictionaries, lists and tuples.

    >>> plain({"ece": float("nan"), "slices": (0.5, {1: float("inf")})})
    {'ece': None, 'slices': [0.5, {'1': None}]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
