"""What a model costs, in money. A price that nobody stated is *unknown*, which is not the same as free."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..config import Config

__all__ = ["NANO_USD_PER_USD", "Price"]

NANO_USD_PER_USD = 1_000_000_000

Usd = Annotated[float, Field(ge=0, le=9e9)]  # in nano-USD this fits a signed 64-bit integer


class Price(Config):
    """Prices in US dollars. Leave all of them out and the price is unknown; write an explicit 0 for free.

    >>> Price().known, Price(usd_per_call=0).known
    (False, True)
    >>> Price(usd_per_million_tokens_in=0.5).nano_usd_per_token_in
    500.0
    """

    usd_per_call: Usd | None = None
    usd_per_million_tokens_in: Usd | None = None
    usd_per_million_tokens_out: Usd | None = None
    usd_per_compute_second: Usd | None = None

    @property
    def known(self) -> bool:
        """Whether any price was stated."""
        return any(getattr(self, name) is not None for name in type(self).model_fields)

    @property
    def nano_usd_per_call(self) -> int:
        """Nano-USD for one call."""
        return round((self.usd_per_call or 0.0) * NANO_USD_PER_USD)

    @property
    def nano_usd_per_token_in(self) -> float:
        """Nano-USD for one token read."""
        return (self.usd_per_million_tokens_in or 0.0) * 1e3

    @property
    def nano_usd_per_token_out(self) -> float:
        """Nano-USD for one token written."""
        return (self.usd_per_million_tokens_out or 0.0) * 1e3

    @property
    def nano_usd_per_compute_ms(self) -> float:
        """Nano-USD for one millisecond of compute."""
        return (self.usd_per_compute_second or 0.0) * 1e6
