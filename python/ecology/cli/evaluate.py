"""`ecology evaluate`: a router on outcomes that it was not fitted on, beside its rivals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson
from .output import console, print_json, steps

if TYPE_CHECKING:
    from ..routing import Evaluation
    from ..routing.metrics import Interval

__all__ = ["command"]


def command(
    router: Annotated[Path, typer.Argument(help="A router that `ecology fit` wrote.")],
    outcomes: Annotated[Path, typer.Argument(help="CSV or JSONL with prompt, model and score, gzipped or not.")],
    by: Annotated[str | None, typer.Option(help="A column: the same for each of its values.")] = None,
    strong: Annotated[str | None, typer.Option(help="Of the pair of APGR and CPT; otherwise the best model.")] = None,
    weak: Annotated[str | None, typer.Option(help="Of the pair; otherwise the cheapest other.")] = None,
    split: Annotated[str | None, typer.Option(help="test, val or all; by default test, else val.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report with charts, one file that needs nothing.")] = None,
    resamples: Annotated[int, typer.Option(min=0, max=100_000, help="Of the intervals.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals and the floor of the ECE.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a router: quality, cost, ranking and calibration beside best single, mixture, random and oracle."""
    from dataclasses import replace

    from ..errors import ArtifactError
    from ..routing import Router, evaluate, read_outcomes

    if html is not None and not html.absolute().parent.is_dir():
        raise ArtifactError(str(html), "its folder does not exist", "make it first; nothing was measured yet")
    loaded = Router.load(router)
    rows = read_outcomes(outcomes)
    with steps(quiet=as_json) as step, step(f"{len(rows)} outcomes, {resamples} resamples") as tell:
        found = evaluate(
            loaded,
            rows,
            by=_slices(outcomes, by),
            strong=strong,
            weak=weak,
            split=split,
            resamples=resamples,
            seed=seed,
            progress=tell,
        )
    found = replace(found, by=by)  # the column's name, also where its values were read here
    if html is not None:
        _write(html, found.to_html())
    if as_json:
        return print_json(found.to_dict())
    _show(found)
    if html is not None:
        console.print(f"report: {html}", highlight=False, soft_wrap=True)
    return None


def _slices(outcomes: Path, by: str | None) -> Any:
    """`by` itself for the columns that outcomes keep, else the column of the file: the last value of each prompt."""
    from ..errors import OutcomesError, Violation
    from ..table import read_table

    if by in (None, "task", "split"):
        return by
    columns, rows = read_table(outcomes, "give a .csv or .jsonl file")
    if by not in columns:
        problem = f"{outcomes} has no such column; there is: {', '.join(columns)}"
        raise OutcomesError([Violation(f"--by {by}", problem, "name one")])
    return {str(row["prompt"]): str(row[by]) for row in rows if row.get(by) not in (None, "")}


def _write(path: Path, text: str) -> None:
    from ..errors import ArtifactError

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ArtifactError(str(path), f"it cannot be written: {error.strerror}", "choose another place") from error


def _show(found: Evaluation) -> None:
    from rich.markup import escape
    from rich.table import Table

    from ..routing.evaluation.definitions import DEFINITIONS
    from ..routing.evaluation.report import NAMES, cost_of, number, share, verdict

    unit = {"USD": " per 1,000", "ms": " per prompt"}.get(found.cost_unit or "", "")
    for warning in found.warnings:
        console.print(f"beware: {warning}", style="yellow", highlight=False, markup=False)
    head = f"{found.prompts} prompts ({found.rows}), {len(found.models)} models, costs {found.cost_basis}"
    console.print(head, highlight=False, markup=False)
    console.print(verdict(found), style="bold", highlight=False, markup=False)
    table = Table("", "score", f"cost{unit}", "router minus this")
    for policy in found.policies:
        cost = "-" if policy.cost is None else _told(policy.cost, lambda value: cost_of(value, found.cost_unit))
        name = NAMES[policy.name]
        if policy.name == "best single":
            name += f" ({escape(policy.what.removesuffix(' for everything'))})"
        below = "" if policy.below is None else _told(policy.below, lambda value: f"{value:+.3f}")
        table.add_row(name, _told(policy.score, number), cost, below, style="bold" if policy.name == "router" else None)
    console.print(table)
    table = Table("metric", "value", "")
    for name, told in DEFINITIONS.items():
        note = {"apgr": escape(f"{found.strong} over {found.weak}; random 0.500")}.get(name, "")
        if name in found.floors:
            note = "its floor here: {:.3f}, up to {:.3f}".format(*found.floors[name])
        if name == "singleton_recall":
            note = f"of {found.singletons} prompts"
        table.add_row(told.label, _told(found.metrics[name], share if told.form == "share" else number), note)
    console.print(table)
    if found.slices:
        table = Table(escape(str(found.by)), "prompts", "score", "router minus best single", "APGR", "ECE", "floor")
        for row in found.slices:
            numbers = (number(row.apgr), number(row.ece), number(row.ece_floor))
            gain = _told(row.gain, lambda value: f"{value:+.3f}")
            table.add_row(escape(row.name), str(row.prompts), number(row.score), gain, *numbers)
        console.print(table)


def _told(value: Interval, show: Any) -> str:
    from math import isfinite

    if not isfinite(value.low):
        return str(show(value.value))
    # Escaped: rich reads what stands in brackets as a style. Below each other where four columns would not fit.
    between = " " if console.width >= 110 else "\n"
    return f"{show(value.value)}{between}\\[{show(value.low)}, {show(value.high)}]"
