"""Who may spend how much. Amounts are given in human units and become integers for the core."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..config import Config

__all__ = ["Budget"]

NANO_USD_PER_USD = 1_000_000_000

# Bounds keep every amount inside the core's signed 64-bit integers.
Tokens = Annotated[int, Field(ge=0, le=9_000_000_000_000_000_000)]
Milliseconds = Annotated[float, Field(ge=0, le=9e15)]


class Budget(Config):
    """Limits of one account, or of one request. What is left out is not limited.

    >>> Budget(usd=0.002, deadline_ms=800).limits()
    {'nano_usd': 2000000}
    """

    usd: Annotated[float, Field(ge=0, le=9e9)] | None = None
    tokens_in: Tokens | None = None
    tokens_out: Tokens | None = None
    compute_ms: Milliseconds | None = None
    deadline_ms: float | None = None

    def limits(self) -> dict[str, int]:
        """The limits as integers by resource: `nano_usd`, `tokens_in`, `tokens_out`, `compute_us`."""
        amounts = {
            "nano_usd": None if self.usd is None else round(self.usd * NANO_USD_PER_USD),
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "compute_us": None if self.compute_ms is None else round(self.compute_ms * 1e3),
        }
        return {resource: amount for resource, amount in amounts.items() if amount is not None}
