"""`ecology replay`: what would this other policy have cost and scored last week?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import AsJson
from .output import console, print_json, steps

if TYPE_CHECKING:
    from ..evidence import OffPolicy
    from ..evidence.offpolicy import Policy
    from ..routing import Outcomes
    from ..routing.metrics import Interval

__all__ = ["command", "read_log"]


class Gaps(StrEnum):
    """What to make of decisions that are not in the log."""

    REFUSE = "refuse"
    BOUND = "bound"


class Intervals(StrEnum):
    """How they are made."""

    NORMAL = "normal"
    BOOTSTRAP = "bootstrap"
    BERNSTEIN = "bernstein"


class Measured(StrEnum):
    """The estimators; see `ecology/evidence/offpolicy/estimators.py`."""

    DM = "dm"
    IPS = "ips"
    SNIPS = "snips"
    DR = "dr"
    SWITCH_DR = "switch-dr"


def command(
    log: Annotated[
        list[Path], typer.Argument(help="Outcomes with propensity; or JSONL of decisions, grades and prompts.")
    ],
    policy: Annotated[str, typer.Option(help="A router's file, a model, or a mixture: a@1=0.3,b@1=0.7.")],
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="A router's: the cheapest model that reaches it.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="task, model, split or fold: the same for each of its values.")] = None,
    since: Annotated[str | None, typer.Option(help="A date, a time, or 7d: so long before the last one.")] = None,
    until: Annotated[str | None, typer.Option(help="Not from here on.")] = None,
    estimator: Annotated[Measured, typer.Option(help="Whose numbers count.")] = Measured.DR,
    method: Annotated[Intervals, typer.Option(help="Of the intervals.")] = Intervals.NORMAL,
    lost: Annotated[int, typer.Option(min=0, help="Decisions of the window that were dropped from the log.")] = 0,
    on_gaps: Annotated[Gaps, typer.Option(help="Refuse a log that lost some, or allow for the worst.")] = Gaps.REFUSE,
    seed: Annotated[int, typer.Option(min=0, help="Of the folds and the bootstrap.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Judge another policy on logged decisions: score, cost and latency, with how far the log can tell."""
    from ..evidence.offpolicy import evaluate_off_policy, window

    target = _policy(policy, min_confidence)
    decisions = window(read_log(log), since, until)
    with steps(quiet=as_json) as step, step(f"{len(decisions)} decisions"):
        found = evaluate_off_policy(
            decisions,
            target,
            estimator=estimator.value,
            by=by,
            method=method.value,
            seed=seed,
            gaps=lost,
            on_gaps=on_gaps.value,
        )
    if as_json:
        return print_json(found.to_dict() | {"log": [str(file) for file in log]})
    return _show(found, by)


def read_log(files: list[Path]) -> Outcomes:
    """Outcomes with propensities, or whatever an ecology wrote, joined by `answer_id`."""
    from ..errors import OffPolicyError, Violation
    from ..routing import Outcomes
    from ..routing.importers.log import records

    if all({".json", ".jsonl"} & set(file.suffixes) for file in files):
        lines = records(files)
        if any("answer_id" in line for line in lines):
            return Outcomes.from_decisions(lines)
    if len(files) > 1:
        fix = "give one file of outcomes, or JSONL files whose lines have answer_id"
        raise OffPolicyError([Violation("log", f"{len(files)} files without answer_id", fix)])
    return Outcomes.of_log(files[0])


def _policy(text: str, min_confidence: float | None) -> Policy:
    from .. import _core
    from ..routing import Router

    if text.endswith(".safetensors") or Path(text).is_file():
        router = Router.load(text)
        if min_confidence is None:
            return router
        return Router(_core.RouterWeights.read(Path(text)), min_decision_confidence=min_confidence)
    if min_confidence is not None:
        raise typer.BadParameter("--min-confidence is for a router")
    if "=" not in text:
        return text
    try:
        return {model: float(share) for model, _, share in (each.rpartition("=") for each in text.split(","))}
    except ValueError as error:
        raise typer.BadParameter("--policy: a mixture is MODEL=SHARE,MODEL=SHARE, such as a@1=0.3,b@1=0.7") from error


def _show(found: OffPolicy, by: str | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    names = {"score": "score", "cost_usd": "cost per 1,000", "latency_ms": "latency"}
    for caution in found.cautions:
        console.print(f"beware: {caution}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    seen = f"as much as {found.overlap.effective_rows:.0f} of this policy's own"
    console.print(f"{found.rows} decisions, {found.prompts} prompts; they tell {seen}", highlight=False, markup=False)
    table = Table("", "the log", f"{escape(found.policy)} ({found.estimator})", "change")
    for name, measure in found.measures.items():
        cells = [_told(each, name) for each in (measure.logged, measure.estimates[found.estimator])]
        table.add_row(names[name], *cells, _told(measure.change, name, signed=True))
    console.print(table)
    table = Table("estimator", *(names[name] for name in found.measures))
    for estimator in next(iter(found.measures.values())).estimates:
        row = (_told(measure.estimates[estimator], name) for name, measure in found.measures.items())
        table.add_row(estimator, *row, style="bold" if estimator == found.estimator else None)
    console.print(table)
    if found.slices:
        table = Table(
            escape(str(by)), "decisions", "effective", *(names[name] for name in found.measures), "change of score", ""
        )
        for name, part in found.slices.items():
            row = (_told(part[measure], measure) if measure in part.measures else "-" for measure in found.measures)
            change = _told(part.measures["score"].change, "score", signed=True)
            seen = f"{part.overlap.effective_rows:.0f}"
            table.add_row(escape(name), str(part.rows), seen, *row, change, part.verdict)
        console.print(table)
    console.print(f"verdict: [bold]{found.verdict}[/]", highlight=False)


def _told(value: Interval, measure: str, *, signed: bool = False) -> str:
    from math import isfinite

    def shown(number: float) -> str:
        if not isfinite(number):
            return "unknown"
        sign = "-" if number < 0 else "+" if signed else ""
        if measure == "cost_usd":
            return f"{sign}${1000 * abs(number):.3g}"
        return f"{sign}{abs(number):.1f} ms" if measure == "latency_ms" else f"{sign}{abs(number):.3f}"

    if not isfinite(value.low):
        return shown(value.value)
    between = " " if console.width >= 110 else "\n"
    return f"{shown(value.value)}{between}\\[{shown(value.low)}, {shown(value.high)}]"
