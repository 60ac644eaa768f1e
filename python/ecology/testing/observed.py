"""What the server saw, for tests to assert on. Times are of `time.monotonic()`, in seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from .fault import Fault
from .framing import Head

__all__ = ["Connection", "Received"]


@dataclass(slots=True, eq=False)
class Connection:
    """One connection: when it came and went, and who ended it how.

    `closed_by` is `None` while it is open; `client` for a FIN of the client's and `client_reset` for its RST;
    `server` and `server_reset` for what a fault, the end of a reply or the closing of the server did. What the client
    does after the server ended it is not noted.
    """

    number: int
    opened_at: float
    requests: int = 0
    closed_at: float | None = None
    closed_by: Literal["client", "client_reset", "server", "server_reset"] | None = None
    bytes_sent: int = 0

    @property
    def is_open(self) -> bool:
        """Whether nobody has ended it."""
        return self.closed_at is None


@dataclass(eq=False)
class Received:
    """One request that was read to its end, and the fault that it met.

    `connection` is the number of its connection; `at` is when its last byte was read.
    """

    number: int
    connection: int
    at: float
    head: Head
    body: bytes = field(repr=False)
    fault: Fault | None = None

    @property
    def method(self) -> str:
        """As it was sent."""
        return self.head.method

    @property
    def path(self) -> str:
        """Without the query."""
        return self.head.path

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; several of one name are joined by commas."""
        return self.head.headers

    @property
    def authorization(self) -> str | None:
        """The header of that name."""
        return self.head.authorization

    @cached_property
    def json(self) -> Any:
        """The body read as JSON; `None` when it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def model(self) -> str | None:
        """The model that it asks for."""
        model = self.json.get("model") if isinstance(self.json, dict) else None
        return model if isinstance(model, str) else None
