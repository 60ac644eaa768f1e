"""One thing that happened to a model, linked to what happened before.

The hash of an event covers its own facts and the hash of the event before it, so nobody can change, drop or insert
one in the middle without every later hash being wrong. What a chain cannot show by itself is that its *last* events
are missing; keep the newest hash somewhere else if that matters.

>>> first = follow(None, at=datetime(2025, 1, 1, tzinfo=UTC), kind="registered", model="a@1")
>>> then = follow(first, at=datetime(2025, 1, 2, tzinfo=UTC), kind="stage", model="a@1", facts={"to": "active"})
>>> then.previous == first.hash, then.hash == then.computed()
(True, True)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

__all__ = ["GENESIS", "HistoryEvent", "canonical_json", "follow"]

GENESIS = "0" * 64
"""What the first event has for the hash before it."""


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """What happened (`kind`, `facts`) to which version (`model`), when (UTC), by whose hand and for what reason."""

    sequence: int
    at: str
    kind: str
    model: str
    who: str
    why: str
    facts: Mapping[str, Any] = field(hash=False)
    previous: str
    hash: str

    @property
    def when(self) -> datetime:
        """`at` as a time."""
        return datetime.fromisoformat(self.at)

    def computed(self) -> str:
        """The hash that this event ought to have."""
        said = [self.sequence, self.at, self.kind, self.model, self.who, self.why, self.facts]
        return hashlib.sha256(f"{self.previous}\n{canonical_json(said)}".encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def follow(
    last: HistoryEvent | None,
    *,
    at: datetime,
    kind: str,
    model: str,
    who: str = "",
    why: str = "",
    facts: Mapping[str, Any] | None = None,
) -> HistoryEvent:
    """The event that comes after `last`; `None` begins a history. `at` needs a time zone."""
    event = HistoryEvent(
        sequence=1 if last is None else last.sequence + 1,
        at=at.astimezone(UTC).isoformat(timespec="microseconds"),
        kind=kind,
        model=model,
        who=who,
        why=why,
        facts=dict(facts or {}),
        previous=GENESIS if last is None else last.hash,
        hash="",
    )
    return replace(event, hash=event.computed())
