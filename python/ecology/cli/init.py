"""`ecology init`: a first population that works at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson
from .output import console, print_json

__all__ = ["command"]


def command(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a generalist and two specialists, commented, ready to run and to be replaced by your own."""
    from ..engine.scaffold import scaffold

    written = scaffold(folder, force=force)
    if as_json:
        return print_json({"written": [str(path) for path in written]})
    for path in written:
        console.print(f"wrote {path}", highlight=False)
    where = "" if folder == Path() else f"cd {folder} && "
    console.print(f'next: [bold]{where}ecology check && ecology answer "What is 17 * 23 + 4?"[/]', highlight=False)
    return None
