"""What a backend is: the one class that every kind of member, built in or plugged in, is a subclass of.

A backend is configuration (a frozen pydantic value that a description's `backend = { kind = "…", … }` is read as) and
one method that turns it into something callable. All that the house knows of a kind is here, so that a plug-in can do
what a built-in kind does:

    class Shout(Backend):
        kind: Literal["shout"]
        mark: str = "!"

        def load(self, root: Path) -> Callable[[Any], Any]:
            return lambda data: str(data).upper() + self.mark

The callable takes the request's input and gives an output (text, JSON, or an array of numbers) or a `Reply`. What it
raises is the fault of its leg. A plain function is called on a thread, by several threads at once; an `async def` runs
on the caller's event loop, whichever loop that is. `kinds.py` says how a kind becomes known.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from .. import _core
from ..config import Config
from ..errors import ArtifactError, EcologyError

__all__ = ["UNBOUND", "Backend", "Terms", "is_async"]


@dataclass(frozen=True)
class Terms:
    """What a member has to keep to beside its own configuration: its manifest's bounds, and the policy's network."""

    timeout_ms: int = 3_600_000
    max_output_tokens: int = 1024
    private_networks: bool = False


UNBOUND = Terms()
"""The terms of a member that is opened on its own."""


class Backend(Config):
    """The base of every kind. A subclass narrows `kind` to one `Literal` and has `load`; the rest may stay as it is.

    >>> from typing import Literal
    >>> class Shout(Backend):
    ...     kind: Literal["shout"]
    ...     def load(self, root):
    ...         return lambda data: data.upper()
    >>> Shout(kind="shout").load(Path())("hi"), Shout(kind="shout").open(Path()).place
    ('HI', 'thread')
    """

    FILES: ClassVar[tuple[str, ...]] = ()
    """Fields that hold a path relative to the description. What they name must be there; of a plug-in their content is
    part of the model's digest."""

    RUNS: ClassVar[Literal["thread", "compute"]] = "thread"
    """Where a function that is not async is called: `compute` is a pool below the core count, for work that keeps a
    processor busy; `thread` may wait."""

    NATIVE: ClassVar[bool] = False
    """Whether its members run in the core, without any Python of theirs."""

    kind: str

    def load(self, root: Path) -> Callable[[Any], Any]:
        """What answers; `root` is the description's folder. Called once for every ecology that is opened.

        Raises:
            ArtifactError: something that it needs cannot be used. Anything else that it raises is shown as that.
        """
        raise NotImplementedError(f"{type(self).__name__} has no load()")

    def open(self, root: Path, terms: Terms = UNBOUND) -> _core.Member:
        """The member that the core runs. Only a kind that is native, or reads its terms, has one of its own.

        Raises:
            ArtifactError: `load` raised, or gave something that cannot be called.
        """
        function = self.function(root)
        return _core.python_member(function, "loop" if is_async(function) else self.RUNS)

    def function(self, root: Path) -> Callable[[Any], Any]:
        """`load`, with everything that can go wrong in it said as one error.

        Raises:
            ArtifactError: it raised, or gave something that cannot be called.
        """
        try:
            function = self.load(root)
        except EcologyError:
            raise
        except (Exception, SystemExit) as error:
            why = f"opening it raised {type(error).__name__}: {error}"
            raise ArtifactError(f"backend {self.kind}", why, "mend its configuration, or its package") from error
        if not callable(function):
            why = f"load() gave a {type(function).__name__}, which cannot be called"
            raise ArtifactError(f"backend {self.kind}", why, "return a function")
        return function

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        """What can be said before anything is opened: the key, the problem and what to write instead. Runs when a
        description is read, so it should be quick."""
        yield from ()


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling `function` gives an awaitable."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an instance with an async __call__
    )
