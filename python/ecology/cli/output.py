"""What commands print: text for people on a terminal, one JSON object for programs, errors on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..errors import EcologyError

__all__ = ["console", "fail", "print_json", "steps"]

console = Console()


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain, allow_nan=False) + "\n")


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def fail(error: EcologyError, *, as_json: bool) -> NoReturn:
    """Print the error and exit with 1."""
    if as_json:
        # JSON has no NaN, and a deadline of NaN is a fact that is told.
        facts = {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in error.facts().items()}
        print_json({"error": {"class": type(error).__name__, "message": str(error), "facts": facts}})
    else:
        Console(stderr=True).print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(1)


Step = Callable[[str], AbstractContextManager[Callable[[float], None]]]


@contextmanager
def steps(*, quiet: bool) -> Iterator[Step]:
    """Progress bars for long work, one per step, on stderr; nothing when `quiet` or not on a terminal's business."""
    columns = (TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:

        @contextmanager
        def step(description: str) -> Iterator[Callable[[float], None]]:
            task = progress.add_task(description, total=1.0)
            yield lambda done: progress.update(task, completed=done)
            progress.update(task, completed=1.0)

        yield step
