"""`ecology drift`: are the prompts, and is what confidences mean, still what they were?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson
from .output import console, print_json, steps
from .replay import read_log

if TYPE_CHECKING:
    from ..evidence import Drift

__all__ = ["command"]

MOST_SHOWN = 8


def command(
    reference: Annotated[Path, typer.Argument(help="Outcomes, or JSONL of decisions: what was.")],
    window: Annotated[Path, typer.Argument(help="The same: what is.")],
    router: Annotated[Path | None, typer.Option(help="Judge the calibration of its confidences too.")] = None,
    leg: Annotated[bool, typer.Option("--leg", help="Judge the models' own: the column leg_confidence.")] = False,
    by: Annotated[str | None, typer.Option(help="task, split or fold: also each of its values.")] = None,
    alpha: Annotated[float, typer.Option(help="The chance of a false alarm.")] = 0.01,
    least_rows: Annotated[int, typer.Option(help="Below so many nothing is said.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the classifier of the vocabulary.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare prompts and calibration of two tables or logs, as a whole and by slice."""
    from ..evidence import measure_drift
    from ..routing import Router

    if router is not None and leg:
        raise typer.BadParameter("give --router or --leg, not both")
    confidence: Any = "leg" if leg else None if router is None else Router.load(router)
    tables = [read_log([file]) for file in (reference, window)]
    options: dict[str, Any] = {"by": by, "alpha": alpha, "least_rows": least_rows, "seed": seed}
    with steps(quiet=as_json) as step, step(f"{len(tables[1])} outcomes against {len(tables[0])}"):
        found = measure_drift(*tables, confidence=confidence, **options)
    if as_json:
        return print_json(found.to_dict())
    return _show(found)


def _show(found: Drift) -> None:
    from rich.markup import escape
    from rich.table import Table

    colours = {"drifted": "yellow", "stable": "green", "too little data": "dim"}
    console.print(
        f"[bold {colours[found.verdict]}]{found.verdict}[/]: {escape(found.reason)}", highlight=False, soft_wrap=True
    )
    if found.by is not None:
        table = Table(escape(found.by), "then", "now", "verdict", "why")
        for part in found.slices:
            name = "(all)" if part.name is None else escape(part.name)
            table.add_row(name, str(part.reference), str(part.window), part.verdict, escape(part.reason))
        console.print(table)
    shifts = sorted(found.whole.inputs, key=lambda shift: (not shift.drifted, shift.p))[:MOST_SHOWN]
    if shifts:
        table = Table("of the prompts", "then", "now", "size", "p, corrected", "")
        for shift in shifts:
            means = ("-", "-") if shift.before != shift.before else (f"{shift.before:.3g}", f"{shift.after:.3g}")
            verdict = "drifted" if shift.drifted else ""
            table.add_row(shift.what, *means, f"{shift.size:.3f}", f"{shift.p:.2g}", verdict)
        console.print(table)
    cells = [(part.name, cell) for part in found.slices for cell in part.calibration]
    if cells:
        table = Table("calibration", "slice", "rows", "confidence", "score", "score minus it", "ECE (floor)", "")
        for slice_name, cell in cells:
            gap = f"{cell.gap.value:+.3f} \\[{cell.gap.low:+.3f}, {cell.gap.high:+.3f}]"
            error = f"{cell.ece:.3f} ({cell.ece_floor[0]:.3f})"
            means = (f"{cell.confidence:.3f}", f"{cell.score:.3f}")
            where = "(all)" if slice_name is None else escape(slice_name)
            table.add_row(escape(cell.model), where, str(cell.rows), *means, gap, error, cell.verdict)
        console.print(table)
