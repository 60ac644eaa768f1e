"""`ecology outcomes`: collect them if there are none, import what others have written, and look at a table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, File, Task
from .output import console, print_json, steps

if TYPE_CHECKING:
    from ..routing import Outcomes

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


class Source(StrEnum):
    """Who wrote the files."""

    ROUTELLM = "routellm"
    ROUTERBENCH = "routerbench"
    LITELLM = "litellm"
    OPENAI = "openai"
    DECISIONS = "decisions"


@commands.command("import")
def import_outcomes(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders of RouteLLM.")],
    source: Annotated[Source, typer.Option("--from", help="Who wrote them.")],
    out: Annotated[Path, typer.Option(help="Where the outcomes are written: .csv, .jsonl, .gz, .parquet.")] = Path(
        "outcomes.csv"
    ),
    score: Annotated[str | None, typer.Option(help="Logs: the key of the score, such as metadata.rating.")] = None,
    scorer: Annotated[str | None, typer.Option(help="Logs: package.module:function of a row, to its score.")] = None,
    task: Annotated[str | None, typer.Option(help="Logs: the key of the task.")] = None,
    rename: Annotated[list[str] | None, typer.Option(help="OLD=NEW: another name for a model; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Outcomes from files of RouteLLM, RouterBench, LiteLLM's proxy, OpenAI's API, or an ecology's decisions."""
    from ..routing import Outcomes

    logs = source in (Source.LITELLM, Source.OPENAI, Source.DECISIONS)
    if not logs and (score is not None or scorer is not None or task is not None):
        raise typer.BadParameter("--score, --scorer and --task are for logs: --from litellm, openai or decisions")
    if score is not None and scorer is not None:
        raise typer.BadParameter("give --score or --scorer, not both")
    if source is Source.ROUTERBENCH and len(files) > 1:
        raise typer.BadParameter("give one file of RouterBench")
    if any(not all(each.partition("=")) for each in rename or ()):
        raise typer.BadParameter("--rename is OLD=NEW, such as gpt-4=large@1")
    names = dict(each.rsplit("=", 1) for each in rename or ())
    if source is Source.DECISIONS and task is not None:
        raise typer.BadParameter("decisions hold their task; leave --task out")
    chosen = score if scorer is None else _function(scorer)
    if source is Source.DECISIONS:
        table = Outcomes.from_decisions(*files, score=chosen)
    elif logs:
        read = Outcomes.from_litellm if source is Source.LITELLM else Outcomes.from_openai
        table = read(*files, score=chosen, task=task)
    elif source is Source.ROUTELLM:
        table = Outcomes.from_routellm(*files)
    else:
        table = Outcomes.from_routerbench(files[0])
    table = table.renamed(names)
    table.write(out)
    if as_json:
        return print_json({"out": str(out)} | _facts(table))
    console.print(f"{len(table)} outcomes in {out}", highlight=False)
    _show(table)
    console.print(f"next: [bold]ecology fit {out}[/]", highlight=False)
    return None


@commands.command("show")
def show_outcomes(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL, either gzipped, or Parquet; long or wide.")],
    wide: Annotated[list[str] | None, typer.Option(help="Wide: a column of scores; repeat it for each.")] = None,
    as_json: AsJson = False,
) -> None:
    """Models, prompts, coverage, mean scores and costs of a table."""
    import warnings

    from ..routing import Outcomes

    with warnings.catch_warnings(action="ignore", category=UserWarning):  # repeats are in the facts
        table = Outcomes.read(file, wide=wide)
    if as_json:
        return print_json(_facts(table))
    return _show(table)


def _function(target: str) -> Any:
    from ..backends import CallableBackend

    return CallableBackend(kind="callable", target=target).load(Path.cwd())


def _facts(table: Outcomes) -> dict[str, Any]:
    return {
        "outcomes": len(table),
        "prompts": len(table.prompts),
        "full": table.is_full,
        "coverage": table.coverage,
        "repeated": table.repeated,
        "fields": table.fields,
        "left_out": table.left_out,
        "digest": table.digest,
        "models": table.summary(),
    }


def _show(table: Outcomes) -> None:
    from rich.table import Table

    shown = Table("model", "outcomes", "of prompts", "mean score", "mean cost", "mean latency", box=None)
    for row in table.summary():
        cost, latency = row["cost_usd"], row["latency_ms"]
        shown.add_row(
            row["model"],
            f"{row['outcomes']:,}",
            f"{row['coverage']:.1%}",
            f"{row['score']:.4f}",
            "unknown" if cost is None else f"${cost:.6f}",
            "unknown" if latency is None else f"{latency:.1f} ms",
        )
    console.print(shown)
    console.print(
        f"{table!r}".removeprefix("Outcomes(").removesuffix(")"), highlight=False, markup=False, soft_wrap=True
    )
