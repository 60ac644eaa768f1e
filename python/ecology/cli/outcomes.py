"""`ecology outcomes collect`: how a user without outcomes gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, File, Task
from .output import console, print_json, steps

__all__ = ["commands"]

commands = typer.Typer(help="Outcomes: what each model did on each prompt.", no_args_is_help=True)


@commands.command("collect")
def collect_outcomes(
    prompts: Annotated[Path, typer.Argument(help="CSV, gzipped or not: text or prompt, and label or expected.")],
    out: Annotated[Path, typer.Option(help="Where the outcomes are written.")] = Path("outcomes.csv"),
    file: File = None,
    task: Task = None,
    sample: Annotated[int, typer.Option(min=1, help="At most so many prompts, chosen by seed.")] = 500,
    scorer: Annotated[str | None, typer.Option(help="package.module:function(prompt, output, expected).")] = None,
    judge: Annotated[str | None, typer.Option(help="A model of role judge.")] = None,
    usd: Annotated[float | None, typer.Option(min=0, help="Spend at most this, in US dollars.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Put a sample of prompts through every model and score the answers: by label, function or judge."""
    from ..ecology import Ecology
    from ..errors import ArtifactError
    from ..evidence import Judge, Scorer, callable_scorer, collect, label_scorer
    from ..evidence.sample import read_sample
    from ..routing import write_outcomes
    from ..table import pyarrow

    if scorer is not None and judge is not None:
        raise typer.BadParameter("give --scorer or --judge, not both")
    if not out.absolute().parent.is_dir():
        raise ArtifactError(str(out), "its folder does not exist", "make it first; nothing was asked yet")
    if out.suffix == ".parquet":
        pyarrow()  # before anything is paid for
    with Ecology.open(file) as ecology:
        description = ecology.description
        chosen: Scorer = label_scorer
        if judge is not None:
            chosen = Judge(description, judge, Ecology)
        elif scorer is not None:
            chosen = callable_scorer(scorer, description.root)
        rows, digest = read_sample(prompts, sample, seed, needs_expected=chosen is label_scorer)
        with (
            steps(quiet=as_json) as step,
            step(f"{len(rows)} prompts through {len(description.models)} models") as tell,
        ):
            collection = collect(ecology, rows, chosen, task=task, usd=usd, data_digest=digest, progress=tell)
    write_outcomes(out, collection.outcomes)
    facts = {
        "outcomes": len(collection.outcomes),
        "out": str(out),
        "cost_usd": collection.cost_usd,
        "failed": collection.failed,
        "why_failed": collection.why_failed or None,
        "unreached": collection.unreached,
        "why_unreached": collection.why_unreached or None,
        "unscored": collection.unscored,
        "why_unscored": collection.why_unscored or None,
        "not_eligible": collection.not_eligible,
        "trained_on_it": collection.trained_on_it,
        "seen_in_training": collection.seen_in_training,
        "budget_spent": collection.budget_spent,
    }
    if as_json:
        return print_json(facts)
    console.print(f"{facts['outcomes']} outcomes in {out}, ${collection.cost_usd:.4f}", highlight=False)
    if collection.trained_on_it:
        console.print(f"left out, trained on this file: {', '.join(collection.trained_on_it)}", highlight=False)
    if collection.seen_in_training:
        console.print(f"left out, the model was trained on the prompt: {collection.seen_in_training}", highlight=False)
    if collection.failed:
        first = f"{collection.failed} answers failed and score 0; the first: {collection.why_failed}"
        console.print(first, highlight=False, markup=False, soft_wrap=True)
    if collection.unreached:
        first = (
            f"{collection.unreached} calls reached nobody and have no outcome; the first: {collection.why_unreached}"
        )
        console.print(first, highlight=False, markup=False, soft_wrap=True)
    if collection.unscored:
        console.print(f"{collection.unscored} answers have no score: {collection.why_unscored}", markup=False)
    if collection.budget_spent:
        console.print(f"[yellow]the budget of ${usd} was spent before the end[/]", highlight=False)
    if collection.outcomes:
        console.print(f"next: [bold]ecology fit {out}[/]", highlight=False)
    else:
        console.print("[yellow]nothing is left to learn from[/]: collect on texts that no model was trained on")
    return None
