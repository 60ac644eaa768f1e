"""Where in a description something is, as people read it and in the order of the file.

>>> document = {"models": [{"name": "small"}], "policy": {"plans": {"a b": {}}}}
>>> place(("models", 0, "contract", "languages"), document)
'models.0.contract.languages (small@1)'
>>> place(("policy", "plans", "a b", "kind"), document)
'policy.plans."a b".kind'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Violation

__all__ = ["Document", "Finding", "Loc", "at", "in_order", "label", "place"]

Loc = tuple[str | int, ...]
Document = Mapping[str, Any]

BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation before its place is put into words: the path of keys and indices, the problem, the fix."""

    loc: Loc
    problem: str
    fix: str = ""


def place(loc: Loc, document: Document) -> str:
    """The path with dots, keys quoted as in TOML where they must be; a model's name follows in parentheses."""
    path = ".".join(
        str(piece) if isinstance(piece, int) or BARE.fullmatch(piece) else json.dumps(piece, ensure_ascii=False)
        for piece in loc
    )
    name = label(loc, document)
    return f"{path} ({name})" if name else path


def label(loc: Loc, document: Document) -> str:
    """`name@version` of the model that `loc` is in, as the file has it; empty when it has no usable name."""
    if loc[:1] != ("models",) or len(loc) < 2:
        return ""
    model = at(document, loc[:2])
    if not isinstance(model, dict):
        return ""
    name, version = model.get("name"), model.get("version", "1")
    if not _usable(name):
        return ""
    return f"{name}@{version}" if _usable(version) else str(name)


def _usable(word: Any) -> bool:
    return isinstance(word, str) and word.isprintable() and 0 < len(word) <= 64


def in_order(findings: Iterable[Finding], document: Document) -> list[Violation]:
    """Findings as violations, each once, in the order of the file; what is absent comes after what is there."""
    ordered = sorted(dict.fromkeys(findings), key=lambda finding: _position(finding.loc, document))
    return [Violation(place(found.loc, document), found.problem, found.fix) for found in ordered]


def _position(loc: Loc, document: Document) -> tuple[int, ...]:
    position: list[int] = []
    node: Any = document
    for piece in loc:
        if isinstance(node, dict):
            keys = list(node)
            position.append(keys.index(piece) if piece in node else len(keys))
            node = node.get(piece)
        else:
            position.append(piece if isinstance(piece, int) else 0)
            node = node[piece] if isinstance(node, list) and isinstance(piece, int) and piece < len(node) else None
    return tuple(position)


def at(node: Any, loc: Loc) -> Any:
    """The value at `loc`, or `None`."""
    for piece in loc:
        if isinstance(node, dict):
            node = node.get(piece)
        elif isinstance(node, list) and isinstance(piece, int) and 0 <= piece < len(node):
            node = node[piece]
        else:
            return None
    return node
