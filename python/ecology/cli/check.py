"""`ecology check`: is everything in a description right, and is it wise?"""

from __future__ import annotations

import typer

from .options import AsJson, File
from .output import console, print_json

__all__ = ["command"]


def command(
    file: File = None,
    strict: bool = typer.Option(False, "--strict", help="Exit with 1 on warnings too."),
    as_json: AsJson = False,
) -> None:
    """Read the description, load every model, and say what is wrong (exit 1) or unwise (warnings)."""
    from ..engine.advisory import advise
    from ..engine.description import read_description
    from ..engine.handle import compile_population

    description = read_description(file)
    compile_population(description)
    warnings = advise(description)
    if as_json:
        rows = [{"place": w.place, "problem": w.problem, "fix": w.fix} for w in warnings]
        print_json({"source": description.source, "models": len(description.models), "warnings": rows})
    else:
        for warning in warnings:
            console.print(f"[yellow]warning[/] {warning.place}: {warning.problem}", highlight=False, soft_wrap=True)
            if warning.fix:
                console.print(f"        → {warning.fix}", style="dim", highlight=False, markup=False, soft_wrap=True)
        n = len(description.models)
        console.print(
            f"[green]valid[/]: {description.source}, {n} model{'s' * (n != 1)}, {len(warnings)} "
            f"warning{'s' * (len(warnings) != 1)}",
            highlight=False,
        )
    if strict and warnings:
        raise typer.Exit(1)
