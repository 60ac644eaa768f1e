"""`ecology fit`: a router, and the threshold of a cascade, from outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson
from .output import console, print_json, steps

__all__ = ["command"]


def command(
    outcomes: Annotated[
        Path, typer.Argument(help="CSV, JSONL (gzipped or not) or Parquet with prompt, model and score.")
    ],
    out: Annotated[Path, typer.Option(help="Where the router is written.")] = Path("router.safetensors"),
    target: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Quality to reach, as a share of the best model's.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and the fit.")] = 0,
    population: Annotated[
        Path | None, typer.Option(help="A description: refuse outcomes on what its models were trained on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit and calibrate a router, judge it against the best single model and the best mixture, solve a cascade."""
    from dataclasses import asdict

    from ..engine.description import read_description
    from ..routing import Router, read_outcomes
    from ..routing.solve import cascade_from_outcomes

    rows = read_outcomes(outcomes)
    with steps(quiet=as_json) as step, step(f"router: {len(rows)} outcomes") as tell:
        seen = None if population is None else read_description(population)
        router = Router.fit(rows, seed=seed, trained_on=seen, progress=tell)
        digest = router.save(out)
    cascade = cascade_from_outcomes(rows, target, seed)
    if as_json:
        facts = None if cascade is None else {"first": cascade[0], "then": cascade[1], **asdict(cascade[2])}
        return print_json(
            {
                "router": str(out),
                "digest": digest,
                "models": router.models,
                "guard": asdict(router.guard),
                "cascade": facts,
            }
        )
    console.print(f"{out}: {', '.join(router.models)}", highlight=False)
    console.print(f"{router.guard}", highlight=False, markup=False)
    if router.guard.worthwhile:
        console.print(f'[green]use it[/]: write router = "{out}" under \\[policy.routing]', highlight=False)
    else:
        console.print("[yellow]leave it out[/]: a fixed choice does as well on these outcomes", highlight=False)
    if cascade is None:
        console.print("no cascade: it needs leg confidences of the cheaper model (column leg_confidence)", style="dim")
        return None
    first, then, solution = cascade
    reached = "reaches" if solution.reached else "misses"
    console.print(
        f"cascade {first} → {then}: {reached} {solution.target:.4f} with {solution.score:.4f} on validation, "
        f"{solution.share_then:.1%} escalated; write",
        highlight=False,
    )
    plan = f'kind = "cascade", first = "{first}", then = "{then}", leg_confidence = {solution.threshold!r}'
    console.print(f"  default_plan = {{ {plan} }}  # under \\[policy]", highlight=False, soft_wrap=True)
    return None
