"""`ecology route`: which model would answer, and why?"""

from __future__ import annotations

from typing import Annotated

import typer

from .options import AsJson, File, RiskLevel, Task
from .output import console, print_json

__all__ = ["command"]


def command(
    text: Annotated[str, typer.Argument(help="The prompt.")],
    file: File = None,
    task: Task = None,
    risk: RiskLevel = None,
    as_json: AsJson = False,
) -> None:
    """Admit and route one prompt, and start nothing."""
    from rich.table import Table

    from .. import _core
    from ..ecology import Ecology
    from ..observe.tree import NOT_CHOSEN, inferred_task

    with Ecology.open(file) as ecology:
        decision = ecology.route(text, task=task, risk=risk).to_dict()
        priced = {model.id for model in ecology.description.models if model.price.known}
    signals = _core.signals(text)
    if as_json:
        return print_json(decision | {"signals": signals})
    mark = "calibrated" if decision["calibrated"] else "uncalibrated"
    rule = f", by rule {decision['rule']!r}" if decision["rule"] else ""
    console.print(
        f"[bold]{decision['model']}[/] with decision confidence {decision['confidence']:.3f} ({mark}{rule})",
        highlight=False,
    )
    if decision["task_inferred"] is not None:
        console.print(f"task {inferred_task(decision['task_inferred'])}", highlight=False, markup=False)
    table = Table("model", "confidence", "expected cost", "why not")
    for ranked in decision["ranked"]:
        why = NOT_CHOSEN.get(ranked["not_chosen"], "") if ranked["not_chosen"] else ""
        cost = f"${ranked['expected_cost_usd']:.6f}" if ranked["model"] in priced else "unknown"
        table.add_row(ranked["model"], f"{ranked['confidence']:.3f}", cost, why)
    for model, reasons in decision["excluded"].items():
        table.add_row(model, "-", "-", "not eligible: " + "; ".join(reasons), style="dim")
    console.print(table)
    shown = ", ".join(f"{name} {value:g}" for name, value in signals.items() if value)
    console.print(f"signals: {shown}", style="dim", highlight=False, markup=False)
    return None
