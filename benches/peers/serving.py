"""Serving, us beside what is used today: `sh benches/peers/run.sh .venv/bin --serving [--json] [--quick]`.

One process, one run; ratios are taken within a round. Which jobs there are is in `jobs/`, what each figure includes
in benches/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack

from contest import Standing, run_contest
from jobs import answers, bandits, dispatches, kernels
from machine import describe
from rich.console import Console
from rich.table import Table

TURN = 400


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--quick", action="store_true", help="a few rounds: does it run?")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    rounds, turn = (2, 50) if arguments.quick else (arguments.rounds, TURN)

    standings = []
    for job in (kernels, bandits, dispatches, answers):
        with ExitStack() as stack:
            for contest in stack.enter_context(job.contests(turn)):
                print(f"  {contest.title}", file=sys.stderr, flush=True)
                standings.append(run_contest(contest, rounds))
    machine = describe()
    if arguments.json:
        print(json.dumps({"machine": machine, "rows": [each.to_dict() for each in standings]}, indent=2))
        return
    console = Console() if sys.stdout.isatty() else Console(width=120)
    for standing in standings:
        _print(console, standing)
    console.print(
        f"  {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}; {machine['at']}", highlight=False
    )
    busy = " More than there are cores: taken beside other work." if machine["load"][0] > machine["cores"] + 0.5 else ""
    console.print(f"  load {machine['load'][0]}.{busy}", highlight=False)


def _print(console: Console, standing: Standing) -> None:
    table = Table(title=standing.contest.title, title_justify="left")
    table.add_column("", no_wrap=True)
    for column in (standing.contest.unit, "over ours", "(rounds)"):
        table.add_column(column, justify="right")
    table.add_column("does")
    for at, each in enumerate(standing.contest.contenders):
        ratios = standing.ratios(each.name)
        table.add_row(
            each.name,
            f"{standing.cost_us(each.name):,.2f}"
            if standing.cost_us(each.name) < 10
            else f"{standing.cost_us(each.name):,.0f}",
            f"{sorted(ratios)[len(ratios) // 2]:.2f}",
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
            each.does,
            style="bold" if at == 0 else None,
        )
    console.print(table)
    for verdict in standing.verdicts():
        mark = "[green]held[/]" if verdict["met"] else "[red]missed[/]"
        console.print(f"  {mark}: {verdict['words']}", highlight=False)
    console.print()


if __name__ == "__main__":
    main()
