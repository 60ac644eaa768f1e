"""The base of every configuration value: frozen, and strict about keys that nobody knows.

An unknown key is an error because a misspelt `timout_ms` that is silently ignored is a bound that is
silently absent.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Config"]


class Config(BaseModel):
    """Frozen pydantic base; unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)
