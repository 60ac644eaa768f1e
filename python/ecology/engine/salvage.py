"""Reads as much of a description as can be read, so that one violation does not hide the others.

What pydantic refuses is taken out, or replaced where a model cannot do without it, and the rest is read again.
The result serves only to look for further violations; a description with a violation is never used.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, ValidationError

from ..config import Config
from ..policy import Policy
from ..population import Manifest
from . import keys
from .place import Finding, Loc, at
from .suggestion import closest
from .translation import translate

__all__ = ["Population", "Reading", "read"]

ROUNDS = 16
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
STANDINS: Mapping[str, Any] = {
    "backend": {"kind": "callable", "target": "builtins:repr"},
    "timeout_ms": 1000,
    "leg_confidence": 0.5,
    "alpha": 0.02,
    "decision_confidence": 0.5,
    "usd_per_request": 0.001,
    "prefer": "small",
}
MODEL = {"backend": STANDINS["backend"], "timeout_ms": STANDINS["timeout_ms"], "stage": "candidate"}
REMOVED = object()


class Population(Config):
    """The whole of a description's file."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = "ecology"
    models: tuple[Manifest, ...]
    policy: Policy = Policy()


@dataclass(frozen=True)
class Reading:
    """What could be read, and what could not."""

    population: Population
    findings: tuple[Finding, ...] = ()
    refused: frozenset[Loc] = field(default_factory=frozenset)

    def doubts(self, loc: Loc) -> bool:
        """Whether something at `loc`, or that `loc` is part of, was refused already."""
        return any(loc[: len(refused)] == refused for refused in self.refused)

    def touches(self, loc: Loc) -> bool:
        """Whether something at or inside `loc` was refused."""
        return self.doubts(loc) or any(refused[: len(loc)] == loc for refused in self.refused)


def read(document: Mapping[str, Any]) -> Reading:
    """The description in `document`, or the nearest one that is valid together with every finding."""
    try:
        return Reading(Population.model_validate(document))
    except ValidationError as error:
        errors = error.errors(include_url=False)
    findings = tuple(translate(one, Population) for one in errors)
    refused = frozenset(finding.loc for finding in findings)
    rest: dict[str, Any] = copy.deepcopy(dict(document))
    for _ in range(ROUNDS):
        for one in errors:
            _mend(rest, one)
        rest = _without_removed(rest)
        try:
            return Reading(Population.model_validate(rest), findings, refused)
        except ValidationError as error:
            errors = error.errors(include_url=False)
    return Reading(Population(models=()), findings, refused | {("models",), ("policy",)})


def _mend(rest: dict[str, Any], error: Mapping[str, Any]) -> None:
    """Take out what the error is about, or put something valid in its place."""
    loc, _ = keys.clean(Population, tuple(error["loc"]))
    if error["type"] == "missing":
        if loc == ("models",):
            rest["models"] = []
        elif loc[-1] == "name":
            _put(rest, loc, _unnamed(loc))
        elif loc[-1] in STANDINS:
            _put(rest, loc, STANDINS[str(loc[-1])])
        else:
            _put(rest, loc[:-1], REMOVED)
    elif len(loc) == 2 and loc[0] == "models":  # not a table: keep the indices of the others as they are
        _put(rest, loc, MODEL | {"name": _unnamed(loc)})
    elif len(loc) == 4 and loc[:3] == ("policy", "routing", "rules"):
        given = at(rest, loc)
        kept = {key: given[key] for key in ("name", "prefer") if key in given} if isinstance(given, dict) else {}
        _put(rest, loc, {"name": "unread", "prefer": "small", "maths": True} | kept)
    elif len(loc) == 3 and loc[2] in ("name", "version"):
        given = str(error["input"])
        _put(rest, loc, given if NAME.fullmatch(given) else _unnamed(loc))
    elif len(loc) == 3 and loc[2] in ("stage", "role"):
        known = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
        _put(rest, loc, closest(str(error["input"]), known) or REMOVED)
    else:
        _put(rest, loc, REMOVED)


def _unnamed(loc: Loc) -> str:
    return f"unread-{'-'.join(str(piece) for piece in loc if isinstance(piece, int))}"


def _put(rest: Any, loc: Loc, value: Any) -> None:
    node = rest
    for piece in loc[:-1]:
        if isinstance(node, dict):
            node = node.get(piece)
        elif isinstance(node, list) and isinstance(piece, int) and piece < len(node):
            node = node[piece]
    last = loc[-1]
    inside = isinstance(node, list) and isinstance(last, int) and last < len(node)
    if inside or isinstance(node, dict):
        node[last] = value


def _without_removed(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_removed(value) for key, value in node.items() if value is not REMOVED}
    if isinstance(node, list):
        return [_without_removed(value) for value in node if value is not REMOVED]
    return node
