"""`ecology fit`: a router from outcomes, and the plan that keeps a goal."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import AsJson
from .output import console, print_json, steps

if TYPE_CHECKING:
    from ..engine.description import Description
    from ..routing.solved import Entry

__all__ = ["command"]


def command(
    outcomes: Annotated[
        Path, typer.Argument(help="CSV, JSONL (gzipped or not) or Parquet with prompt, model and score.")
    ],
    out: Annotated[Path, typer.Option(help="Where the router is written.")] = Path("router.safetensors"),
    population: Annotated[
        Path | None,
        typer.Option(
            help="A description: its goal (policy.routing.objective) is solved, and outcomes on what its models were "
            "trained on are refused.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Without a goal: quality to reach, as a share of the best model's.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and the fit.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit and calibrate a router, judge it against one model and the best mixture, and solve for a goal."""
    from dataclasses import asdict

    from ..engine.description import read_description
    from ..errors import ArtifactError
    from ..routing import Router, read_outcomes
    from ..routing.solved import add_entry

    if not out.absolute().parent.is_dir():
        raise ArtifactError(str(out), "its folder does not exist", "make it first; nothing was fitted yet")
    description = None if population is None else read_description(population)
    rows = read_outcomes(outcomes)
    with steps(quiet=as_json) as step, step(f"router: {len(rows)} outcomes") as tell:
        router = Router.fit(rows, seed=seed, trained_on=description, progress=tell)
        digest = router.save(out)
    data = "sha256:" + hashlib.sha256(outcomes.read_bytes()).hexdigest()
    entry, problem = _solved(rows, description, router, target, seed, data)
    written = None
    if description is not None and entry is not None and description.policy.routing.objective.goal:
        written = str(add_entry(description.root, entry))
    if as_json:
        return print_json(
            {
                "router": str(out),
                "digest": digest,
                "models": router.models,
                "guard": asdict(router.guard),
                "solved": None if entry is None else entry.model_dump(mode="json"),
                "unsolved": problem,
                "written": written,
            }
        )
    console.print(f"{out}: {', '.join(router.models)}", highlight=False)
    console.print(f"{router.guard}", highlight=False, markup=False)
    if router.guard.worthwhile:
        console.print(f'[green]use it[/]: write router = "{out}" under \\[policy.routing]', highlight=False)
    else:
        console.print(f"[yellow]leave it out[/]: {router.guard.advice}", highlight=False)
    if entry is None:
        console.print(f"nothing solved: {problem}", style="dim", highlight=False, markup=False)
        return None
    _tell(entry, written)
    return None


def _solved(
    rows: Any, description: Description | None, router: Any, target: float, seed: int, data: str
) -> tuple[Entry | None, str | None]:
    """The entry of the goal, or why there is none."""
    from ..engine.solved import digests_of
    from ..errors import OutcomesError
    from ..policy import QualityTarget
    from ..routing.goals import solve_goal
    from ..routing.solved import entry_of
    from ..routing.validation import validation_rows

    goal: Any = QualityTarget(share=target)
    models = set(rows.models)
    digests = dict.fromkeys(sorted(models), "")
    if description is not None:
        digests = digests_of(description)
        models &= set(digests)
        if description.policy.routing.objective.goal:
            goal = description.policy.routing.objective
    try:
        learned = router if router.guard.worthwhile else None
        validation, money = validation_rows(rows, models=models, router=learned, seed=seed)
        solved = solve_goal(goal, validation, money=money)
    except OutcomesError as error:
        if description is not None and description.policy.routing.objective.goal:
            raise
        return None, "; ".join(map(str, error.violations))
    unit: Literal["usd", "ms"] = "usd" if money else "ms"
    return entry_of(solved, digests, unit=unit, router=router.digest, outcomes=data, seed=seed), None


def _tell(entry: Entry, written: str | None) -> None:
    measured, gap = entry.measured, entry.measured.gap
    mark = "[green]reached[/]" if entry.reached else "[yellow]not reached[/]"
    console.print(f"goal {entry.goal.kind} {mark}: ", end="", highlight=False)
    console.print(entry.reason, highlight=False, markup=False, soft_wrap=True)
    cost = f"${measured.cost:.6f}" if measured.unit == "usd" else f"{measured.cost:.3f} ms"
    shares = ", ".join(f"{model} {share:.1%}" for model, share in measured.share.items() if share > 0)
    console.print(
        f"  on {measured.rows} validation rows: score {measured.score:.4f} "
        f"({gap[0]:+.4f} [{gap[1]:+.4f}, {gap[2]:+.4f}] against {measured.best_single} alone), "
        f"{cost} a request, runs {shares}",
        highlight=False,
        soft_wrap=True,
    )
    if written is not None:
        said = f"  {written}: the description serves under it from its next start or reload"
        if entry.router is not None:
            said += ", once policy.routing.router names the router"
        console.print(said, highlight=False, soft_wrap=True)
        return
    plan = entry.solution.plan.model_dump(mode="json", exclude_defaults=True) | {"kind": entry.solution.plan.kind}
    console.print(
        f"  as TOML: default_plan = {_inline(plan)}  # under \\[policy]; or state the goal there and give --population",
        highlight=False,
        soft_wrap=True,
    )


def _inline(plan: dict[str, Any]) -> str:
    import json

    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in plan.items()) + " }"
