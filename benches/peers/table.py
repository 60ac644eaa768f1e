"""The rows for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from row import Row

__all__ = ["print_rows"]

WIDTH = 120


def print_rows(rows: Sequence[Row], machine: dict[str, Any], work: dict[str, Any]) -> None:
    """One table per row, then what they were taken on."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for row in rows:
        console.print(_table(row))
        for held in row.holds:
            mark = "[green]held[/]" if held["met"] else "[red]missed[/]"
            if work["missing"]:
                mark = "[yellow]does not count yet[/]"
            took = f"ours takes {held['ours']:.2f} of the time of {held['against']}"
            console.print(f"  {mark}: {took}, to hold: ≤ {held['at_most']:g}", highlight=False)
        console.print()
    for contender in rows[0].contenders:
        console.print(f"  [bold]{contender['name']}[/]: {contender['does']}", highlight=False)
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    console.print(f"\n  {machine['cpu']}, {machine['cores']} cores, {machine['system']}", highlight=False)
    console.print(f"  Python {machine['python']}, {versions}; {machine['at']}", highlight=False)
    load = machine["load"][0]
    busy = f" [yellow]More than the {machine['cores']} cores: taken beside other work.[/]"
    console.print(f"  load {load}.{busy if load > machine['cores'] + 0.5 else ''}", highlight=False)
    console.print(
        f"  ours extracts {work['ngrams_per_prompt']:.0f} n-grams from a median prompt of "
        f"{work['words_per_prompt']:.0f} words",
        highlight=False,
    )
    if work["missing"]:
        missing = ", ".join(work["missing"])
        console.print(f"  [red bold]This build extracts no {missing}: our figures are not of the whole job.[/]")


def _table(row: Row) -> Table:
    table = Table(title=row.title, title_justify="left")
    table.add_column("", no_wrap=True)
    for column in ("p50", "p99", "per second", "over ours", "(rounds)", "right"):
        table.add_column(column, justify="right")
    for at, contender in enumerate(row.contenders):
        low, high = contender["ratio_range"]
        table.add_row(
            contender["name"],
            _time(contender["p50_us"]),
            _time(contender["p99_us"]) if row.calls_per_round >= 100 else "",
            f"{contender['per_second']:,.0f}",
            f"{contender['ratio']:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{contender['right']:.1%}",
            style="bold" if at == 0 else None,
        )
    table.caption = f"{row.rounds} rounds of {row.calls_per_round} calls each, medians over rounds"
    table.caption_justify = "left"
    return table


def _time(microseconds: float) -> str:
    if microseconds < 1e3:
        return f"{microseconds:.1f} µs"
    return f"{microseconds / 1e3:.2f} ms" if microseconds < 1e6 else f"{microseconds / 1e6:.2f} s"
