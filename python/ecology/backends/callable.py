"""Configures a `callable` member: any Python function, sync (on a thread) or async (on the caller's loop).

The function takes the input and returns an output, or a `Reply` when it knows more: its own confidence, tokens.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from ..config import Config
from ..errors import ArtifactError

__all__ = ["CallableBackend", "Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a callable may return instead of a bare output.

    `confidence` is the leg confidence, calibrated P(right) in [0, 1]; tokens and cost feed the ledger.
    """

    output: Any
    confidence: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


class CallableBackend(Config):
    """`target`: `package.module:function`."""

    kind: Literal["callable"]
    target: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]

    def load(self) -> Callable[[Any], Any]:
        """Import the function.

        Raises:
            ArtifactError: the module or the attribute does not exist, or it cannot be called.
        """
        module_name, _, attribute = self.target.partition(":")
        try:
            target: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                target = getattr(target, part)
        except (ImportError, AttributeError) as error:
            fix = "write package.module:function for something that can be imported"
            raise ArtifactError(self.target, str(error), fix) from error
        if not callable(target):
            raise ArtifactError(self.target, "it is not callable", "name a function")
        return target  # type: ignore[no-any-return]  # checked by callable() above

    @staticmethod
    def is_async(function: Callable[..., Any]) -> bool:
        """Whether calling `function` gives an awaitable."""
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  # an instance with an async __call__
        )
