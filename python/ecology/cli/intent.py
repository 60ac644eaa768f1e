"""`ecology intent fit`: a model that infers the task of a request that states none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import OutcomesError, Violation
from .options import AsJson
from .output import console, print_json, steps

__all__ = ["commands"]

commands = typer.Typer(help="Models that infer the task of a request that states none.", no_args_is_help=True)

TEXTS = ("text", "prompt", "input", "question")
TASKS = ("task", "label", "intent")


@commands.command("fit")
def fit(
    rows: Annotated[Path, typer.Argument(help="CSV, JSONL (gzipped or not) or Parquet with text and task.")],
    out: Annotated[Path, typer.Option(help="Where the model is written.")] = Path("intent.safetensors"),
    like: Annotated[
        Path | None, typer.Option(help="The router that it will serve beside: it reads the same features then.")
    ] = None,
    target_accuracy: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="How often an inferred task has to be right.")
    ] = 0.95,
    group: Annotated[
        str | None, typer.Option(help="Column: rows of one group are all learned from or all judged by.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and the training.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train and calibrate it, and solve the confidence from which on it is believed."""
    from ..routing import IntentModel

    texts, tasks, groups = _read(rows, group)
    with steps(quiet=as_json) as step, step(f"intent: {len(texts)} rows") as tell:
        options: dict[str, Any] = {"groups": groups, "like": like, "target_accuracy": target_accuracy}
        model = IntentModel.fit(texts, tasks, **options, seed=seed, progress=tell)
        digest = model.save(out)
    if as_json:
        return print_json({"out": str(out), "digest": digest, "tasks": model.tasks, "card": model.card})
    measured = model.card["validation"]
    console.print(f"{out}: {', '.join(model.tasks)}", highlight=False, markup=False)
    console.print(
        f"on {measured['rows']} validation rows: accuracy {measured['accuracy']:.3f}, ECE {measured['ece']:.3f}",
        highlight=False,
    )
    if model.min_confidence is None:
        console.print(
            f"[yellow]no threshold[/]: at no confidence is it right on {target_accuracy:.0%} of the rows; "
            "give more rows, or a lower --target-accuracy",
            highlight=False,
        )
        return None
    low, high = measured["interval_95"]
    console.print(
        f"from confidence {model.min_confidence:.3f} on it is right on {measured['accuracy_when_inferred']:.1%} "
        f"[{low:.1%}, {high:.1%}] and covers {measured['coverage']:.1%}; below, it abstains",
        highlight=False,
        markup=False,
    )
    console.print(f"to serve it: ecology model register {out}", highlight=False, markup=False, style="dim")
    return None


def _read(file: Path, group: str | None) -> tuple[list[str], list[str], list[str] | None]:
    from ..table import read_columns

    columns = read_columns(file, "give a CSV or JSONL file with columns text and task")
    names = list(columns) if isinstance(columns, dict) else columns.column_names
    text = next((name for name in TEXTS if name in names), None)
    task = next((name for name in TASKS if name in names), None)
    found = [
        Violation(str(file), f"it has no column of {what}", f"name one {' or '.join(known)}")
        for what, name, known in (("texts", text, TEXTS), ("tasks", task, TASKS))
        if name is None
    ]
    if group is not None and group not in names:
        found.append(Violation(str(file), f"it has no column {group}", f"it has {', '.join(names)}"))
    if found or text is None or task is None:
        raise OutcomesError(found)

    def column(name: str) -> list[str]:
        values = columns[name] if isinstance(columns, dict) else columns.column(name).to_pylist()
        return ["" if value is None else str(value) for value in values]

    return column(text), column(task), None if group is None else column(group)
