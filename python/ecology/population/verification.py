"""Whether a registry is as it was written: the chain of events by itself, then the versions against the chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .history import GENESIS, HistoryEvent

__all__ = ["first_break"]

Record = Mapping[str, Any]


def first_break(events: Sequence[Record], versions: Sequence[Record]) -> str | None:
    """What is wrong with the first event or version that is not as it was written; `None` when all are.

    `events` and `versions` are rows of the store's `history` and `models`, by sequence.
    """
    return _broken_event(events) or _broken_version(events, versions)


def _broken_event(events: Sequence[Record]) -> str | None:
    before = GENESIS
    for place, row in enumerate(events, start=1):
        if row["sequence"] != place:
            return f"event {place} is missing: the next one is {row['sequence']}"
        what = f"event {place} ({row['kind']} {row['model']})"
        if row["previous"] != before:
            return f"{what} does not follow the event before it"
        try:
            event = HistoryEvent(**(dict(row) | {"facts": json.loads(row["facts"])}))
        except (ValueError, TypeError):
            return f"{what} was changed after it was written: its facts cannot be read"
        if event.computed() != event.hash:
            return f"{what} was changed after it was written: its content no longer has its hash"
        before = event.hash
    return None


def _broken_version(events: Sequence[Record], versions: Sequence[Record]) -> str | None:
    registered: dict[str, Record] = {}
    stages: dict[str, str] = {}
    for event in events:
        facts = json.loads(event["facts"])
        if event["kind"] == "registered":
            registered[event["model"]] = facts
            stages[event["model"]] = facts["stage"]
        elif event["kind"] == "stage":
            stages[event["model"]] = facts["to"]
    for row in versions:
        model = f"{row['name']}@{row['version']}"
        facts = registered.pop(model, {})
        if not facts:
            return f"{model} is in no event of the history"
        if not _as_registered(row, facts):
            return f"{model} was changed after it was registered"
        if row["stage"] != stages[model]:
            return f"{model} has the stage {row['stage']}, the history says {stages[model]}"
    if registered:
        return f"{next(iter(registered))} is in the history, but no longer among the models"
    return None


def _as_registered(row: Record, facts: Record) -> bool:
    content = "sha256:" + hashlib.sha256(str(row["manifest"]).encode()).hexdigest()
    if content != row["identity"]:
        return False
    manifest = json.loads(row["manifest"])
    return all(row[column] == manifest[column] for column in ("name", "version", "role")) and all(
        row[column] == facts[column] for column in ("identity", "digest", "root", "path")
    )
