"""A command that ran, and a file for it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Ran", "Run", "questions"]


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        found = self.json["error"]
        assert set(found) == {"class", "message", "facts"}
        return found


Run = Callable[..., Ran]


def questions(file: Path, n: int = 48) -> Path:
    """Half sums, half questions that the handbook of the first ecology answers."""
    delivered = "Your order is delivered within three working days after we have received the payment."
    rows = []
    for at in range(n // 2):
        rows.append({"text": f"What is {at} + {at + 3}?", "label": str(2 * at + 3)})
        rows.append({"text": f"When is order {1000 + at} delivered after payment?", "label": delivered})
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows)
    return file
