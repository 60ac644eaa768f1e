"""What is worked on, and what a careful user would write instead: the same for every bench that measures it."""

from __future__ import annotations

import json
import threading

__all__ = ["LEVELS", "NO_TWO_EQUAL", "SOME_EQUAL", "LockedAccount", "reply"]


def reply(city: str, shuffled: bool) -> str:
    """About 270 bytes of JSON, as a tool call has them; the order of keys and the blanks differ between models."""
    arguments = {
        "restaurant": "The Copper Kettle",
        "city": city,
        "date": "2026-03-14",
        "time": "19:30",
        "guests": 4,
        "children": 1,
        "requests": ["window seat", "high chair", "gluten-free menu"],
        "contact": {"name": "Ada Meyer", "phone": "+44 20 7946 0018"},
    }
    if shuffled:
        return json.dumps({"arguments": dict(reversed(arguments.items())), "name": "book_table"}, separators=(",", ":"))
    return json.dumps({"name": "book_table", "arguments": arguments})


SOME_EQUAL = [
    reply("Leeds", False),
    reply("Leeds", True),
    reply("York", False),
    reply("Leeds", False),
    reply("Hull", True),
]
"""Three of five agree, two of them to the letter."""

NO_TWO_EQUAL = [
    reply("Leeds", False),
    reply("Leeds", True),
    reply("York", False),
    reply("Bath", True),
    reply("Hull", True),
]
"""Two of five agree, none to the letter."""

LEVELS = ("acme", "acme/web", "acme/web/key")


class LockedAccount:
    """A dictionary of one level and a lock, taken twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limit, self._held, self._committed = {"acme": 1 << 60}, {"acme": 0}, {"acme": 0}

    def spend(self) -> None:
        """Reserve 900 and settle 1."""
        with self._lock:
            if self._held["acme"] + 900 > self._limit["acme"]:
                raise RuntimeError
            self._held["acme"] += 900
        with self._lock:
            self._held["acme"] -= 899
            self._committed["acme"] += 1
