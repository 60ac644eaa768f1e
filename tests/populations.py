"""Populations for tests, made as users make theirs: a TOML file, and functions in a `models.py` beside it.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder, serve(Path(folder), model("a", "echo")) as ecology:
...     ecology.answer("hi").output
'hi'
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ecology import Description, Ecology, read_description

__all__ = ["BY_PRICE", "describe", "held", "members", "model", "ranked_by_price", "serve", "write"]

MEMBERS = Path(__file__).with_name("members.py")

BY_PRICE = {"min_decision_confidence": 0.0}
"""Routing without opinions: every model reaches the target, so that the cheapest comes first."""


def model(name: str, function: str | None = None, **facts: Any) -> dict[str, Any]:
    """One model: a function of `members.py` (by default the one of its name), free, with a second of time."""
    target = function or name.replace("-", "_")
    defaults = {
        "backend": {"kind": "callable", "target": target if ":" in target else f"models:{target}"},
        "price": {"usd_per_call": 0},
        "timeout_ms": 1000,
    }
    return {"name": name} | defaults | facts


def ranked_by_price(*models: dict[str, Any]) -> list[dict[str, Any]]:
    """The same models, each a thousandth of a dollar dearer than the one before."""
    return [each | {"price": {"usd_per_call": (at + 1) / 1000}} for at, each in enumerate(models)]


def write(root: Path, models: Iterable[Mapping[str, Any]], policy: Mapping[str, Any] | None = None) -> Path:
    """Write `ecology.toml` and, unless it is there, `models.py` into `root`; gives the description's path."""
    root.mkdir(parents=True, exist_ok=True)
    beside = root / "models.py"
    if not beside.exists():
        beside.write_bytes(MEMBERS.read_bytes())
    lines = ['name = "test"', ""]
    for each in models:
        lines += ["[[models]]", *_pairs(each), ""]
    lines += ["[policy]", *_pairs({"routing": BY_PRICE} | dict(policy or {}))]
    file = root / "ecology.toml"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def describe(root: Path, *models: Mapping[str, Any], **policy: Any) -> Description:
    """The description, read from its file."""
    return read_description(write(root, models, policy))


def serve(root: Path, *models: Mapping[str, Any], **policy: Any) -> Ecology:
    """A population that serves."""
    return Ecology.open(write(root, models, policy))


def members(ecology: Ecology) -> ModuleType:
    """The population's own copy of `members.py`."""
    backend = ecology.description.models[0].backend
    function = backend.load(ecology.description.root)  # type: ignore[union-attr]  # a callable backend
    return sys.modules[function.__module__]


def held(ecology: Ecology) -> int:
    """Everything that is reserved and neither settled nor released."""
    return sum(row["reserved"] for row in ecology.accounts())


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{json.dumps(key)} = {_value(value)}" for key, value in table.items() if value is not None]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
