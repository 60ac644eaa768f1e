"""`ecology answer`: the answer, and what took part in it."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import AsJson, File, RiskLevel, Task
from .output import console, print_json

__all__ = ["command"]


def command(
    text: Annotated[str, typer.Argument(help="The prompt; - reads standard input.")],
    file: File = None,
    task: Task = None,
    risk: RiskLevel = None,
    model: Annotated[str | None, typer.Option(help="Let only this model serve.")] = None,
    usd: Annotated[float | None, typer.Option(min=0, help="Spend at most this, in US dollars.")] = None,
    deadline_ms: Annotated[float | None, typer.Option(help="Answer within this time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Carry out one request and show its attribution as a tree."""
    import sys

    from ..ecology import Ecology
    from ..observe import attribution_tree
    from ..policy import Budget

    data: str | bytes = sys.stdin.buffer.read() if text == "-" else text
    budget = None if usd is None else Budget(usd=usd)
    with Ecology.open(file) as ecology:
        answer = ecology.answer(data, task=task, risk=risk, model=model, budget=budget, deadline_ms=deadline_ms)
    if as_json:
        return print_json(answer.to_dict())
    console.print(answer.output, highlight=False, markup=False, soft_wrap=True)
    console.print(attribution_tree(answer.attribution))
    return None
