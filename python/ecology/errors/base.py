"""What all errors share: facts as fields, and whether asking again may help."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["EcologyError", "Never", "NotYet", "Violation"]


def _rebuild(cls: type[EcologyError], facts: dict[str, Any]) -> EcologyError:
    return cls(**facts)


@dataclass(eq=False)
class EcologyError(Exception):
    """The root: `except EcologyError` catches all that the package raises on purpose."""

    def facts(self) -> dict[str, Any]:
        """The fields, as a dictionary; what `--json` prints."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.facts())

    def __str__(self) -> str:
        return type(self).__name__


@dataclass(eq=False)
class Never(EcologyError):
    """Asking again unchanged will fail again."""


@dataclass(eq=False)
class NotYet(EcologyError):
    """The same request may succeed later; `retry_after_ms` says when, if that is known."""

    retry_after_ms: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, order=True)
class Violation:
    """One thing wrong in a description: where, what, and what to write instead."""

    place: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f" ({self.fix})" if self.fix else "")
