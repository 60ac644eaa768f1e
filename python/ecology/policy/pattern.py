"""Patterns over models: what `allow`, `deny` and `grants` are written in.

`*` and `?` as in file names, case matters. A pattern stands for `name@version`, or, with a prefix, for a family or
a licence. Names come as plain strings, since policy does not know manifests.

>>> matches("small@*", model="small@2", family="bert", licence="MIT")
True
>>> matches("licence:*-NC", model="small@2", family="bert", licence="CC-BY-NC")
True
>>> matches("small", model="small@2", family="bert", licence="MIT")
False
"""

from __future__ import annotations

from fnmatch import fnmatchcase

__all__ = ["matches"]


def matches(pattern: str, *, model: str, family: str, licence: str) -> bool:
    """Whether `pattern` stands for the model with this `name@version`, family and licence."""
    kind, colon, rest = pattern.partition(":")
    if colon and kind == "family":
        return fnmatchcase(family, rest)
    if colon and kind == "licence":
        return fnmatchcase(licence, rest)
    return fnmatchcase(model, pattern)
