"""`ecology justify`: does a population pay for itself against the best single model?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import AsJson
from .output import console, print_json

if TYPE_CHECKING:
    from ..evidence.advice import Advice
    from ..routing import Router

__all__ = ["command"]

PROBES = 200


def command(
    outcomes: Annotated[Path, typer.Argument(help="CSV or JSONL with prompt, model and score, gzipped or not.")],
    population: Annotated[
        Path | None, typer.Option(help="A description: only its models are compared.", show_default=False)
    ] = None,
    router: Annotated[
        Path | None, typer.Option(help="A fitted router to be judged as well.", show_default=False)
    ] = None,
    margin: Annotated[float, typer.Option(min=0, max=0.5, help="What counts as no worse, in score.")] = 0.01,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="The most that a request may cost, instead.", show_default=False)
    ] = None,
    compute_usd_per_hour: Annotated[
        float, typer.Option(min=0, help="Price of a processor's hour: what choosing costs.")
    ] = 0.04,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the split; by default the router's, else 0.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare one model, fixed mixtures, cascades and a router on the same rows, and say which to use and why."""
    from dataclasses import asdict

    from ..engine.description import read_description
    from ..engine.solved import digests_of
    from ..errors import OutcomesError
    from ..evidence.advice import advise_on
    from ..routing import Router, read_outcomes
    from ..routing.guard import orchestration_cost
    from ..routing.validation import validation_rows

    rows = read_outcomes(outcomes)
    models = None
    if population is not None:
        description = read_description(population)
        models = set(digests_of(description))
        rows.check_training(description)
    learned = None if router is None else Router.load(router)
    # Under another split than the router's, rows that it learned from would judge it.
    card = {} if learned is None else learned.card
    seed, share = card.get("seed") if seed is None else seed, card.get("validation_share")
    validation, money = validation_rows(rows, models=models, router=learned, seed=seed, validation_share=share)
    fresh = None
    with suppress(OutcomesError):  # nobody has to have any
        fresh, _ = validation_rows(rows, models=models, seed=seed, validation_share=share, part="train")
    taken_ms = 0.0 if learned is None else _routing_ms(learned, [row.prompt for row in rows[:PROBES]])
    orchestration = orchestration_cost(money, decision_ms=taken_ms, usd_per_hour=compute_usd_per_hour)
    advice = advise_on(
        validation, money=money, margin=margin, orchestration=orchestration, max_cost=max_cost, fresh=fresh
    )
    if as_json:
        return print_json(asdict(advice) | {"orchestration_ms": taken_ms})
    _print(advice)
    return None


def _routing_ms(router: Router, prompts: list[str]) -> float:
    """Processor time of one decision, the median of some."""
    import time

    taken = []
    for prompt in prompts:
        began = time.process_time_ns()
        router.route(prompt)
        taken.append(time.process_time_ns() - began)
    return sorted(taken)[len(taken) // 2] / 1e6 if taken else 0.0


def _print(advice: Advice) -> None:
    from rich.table import Table

    table = Table(
        title=f"{advice.rows} validation rows, {advice.tried} alternatives to one model", title_justify="left"
    )
    for head in ("", "", "score", "95 % interval", "cost", "vs best single", "vs mixture"):
        table.add_column(head, justify="left" if not head else "right", overflow="fold")
    for row in advice.table:
        table.add_row(
            row.kind,
            row.name,
            f"{row.score:.4f}",
            f"{row.score_low:.3f} to {row.score_high:.3f}",
            f"${row.cost:.6f}" if advice.unit == "usd" else f"{row.cost:.3f} ms",
            _signed(row.against_best),
            _signed(row.against_mixture),
        )
    console.print(table)
    console.print(f"[bold]use {advice.verdict}[/]: ", end="", highlight=False)
    console.print(f"{advice.use}", highlight=False, markup=False)
    console.print(f"  {advice.reason}", highlight=False, markup=False, soft_wrap=True)


def _signed(interval: tuple[float, float, float]) -> str:
    mean, low, high = interval
    return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
