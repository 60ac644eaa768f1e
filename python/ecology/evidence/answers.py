"""Whatever answers requests: the facade, seen from below. Evidence is asked for by those above it and knows only
this."""

from __future__ import annotations

from typing import Any, Protocol

from .. import _core
from ..engine.description import Description
from ..policy import Budget

__all__ = ["Answers"]


class Answers(Protocol):
    """A population that serves."""

    @property
    def description(self) -> Description:
        """What is served."""

    def answer(
        self,
        input: Any,
        *,
        task: str | None = None,
        model: str | None = None,
        account: str | None = None,
        budget: Budget | None = None,
    ) -> _core.Answer:
        """Answer one request; as `Ecology.answer`."""
