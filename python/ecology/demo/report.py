"""The demo's result for people: one table, three answers as trees, and what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..observe import attribution_tree
from .run import Result

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_report"]

# An ecology pays when it is cheaper and, with 95 % confidence, loses no more than this much accuracy.
MARGIN = 0.02


def print_report(result: Result, console: Console) -> None:
    """Print all of it."""
    facts = result.to_dict()
    console.print()
    console.print(_table(result, facts))
    for line in _verdict(result, facts):
        console.print(line)
    console.print()
    console.rule("three live answers", style="dim")
    for text, label, answer in result.examples:
        right = "[green]right[/]" if answer.output == label else f"[red]wrong[/], it is {label}"
        console.print(f"\n[bold]{_quoted(text)}[/]\n→ [cyan]{answer.output}[/] ({right})", highlight=False)
        console.print(attribution_tree(answer.attribution))
    console.print()
    console.rule("next", style="dim")
    path = _shown(result.folder / "ecology.toml")
    for command, why in (
        (f'ecology answer --file {path} "{_plain(result.examples[0][0])}"', "the same, from the shell"),
        (f'ecology route --file {path} --json "…"', "only the decision, and why"),
        ("ecology demo --data your.csv", "the same on your own labelled texts"),
        ("ecology init my-ecology", "a population of your own models"),
    ):
        console.print(f"  [bold]{command}[/]  [dim]# {why}[/]", highlight=False, soft_wrap=True)


def _table(result: Result, facts: dict[str, Any]) -> Any:
    from rich.table import Table

    one, many = facts["generalist"], facts["ecology"]
    table = Table(title=f"{result.corpus.name}: {facts['n']} test texts", title_justify="left")
    table.add_column("")
    table.add_column("generalist for everything", justify="right")
    table.add_column(f"the ecology ({many['plan']})", justify="right", style="bold")

    def row(name: str, show: Any, key: str) -> None:
        table.add_row(name, show(one[key]), show(many[key]))

    row("accuracy", lambda value: f"{value:.1%}", "accuracy")
    row("  95 % interval", lambda edges: f"{edges[0]:.1%} to {edges[1]:.1%}", "accuracy_ci")
    row("compute per request", _ms, "compute_ms_per_request")
    row("p50 latency", _ms, "p50_ms")
    row("p99 latency", _ms, "p99_ms")
    alone = result.generalist.share()
    for model, share in many["share"].items():
        table.add_row(f"runs {model}", f"{alone.get(model, 0):.0%}", f"{share:.1%}")
    return table


def _verdict(result: Result, facts: dict[str, Any]) -> list[str]:
    ratio, gap = facts["compute_ratio"], facts["difference"]
    verdict = "[yellow]Inconclusive[/]"
    if ratio < 1 and gap["low"] >= -MARGIN:
        verdict = "[green]It pays[/]"
    elif ratio >= 1 or gap["high"] < 0:
        verdict = "[red]It does not pay[/]"
    lines = [
        f"{verdict}: {ratio:.1%} of the compute "
        f"(processor time, orchestration included), {gap['mean'] * 100:+.1f} points of accuracy "
        f"[{gap['low'] * 100:+.1f}, {gap['high'] * 100:+.1f}] on the same texts "
        f"(it pays if it is cheaper and surely loses less than {MARGIN:.0%})."
    ]
    for solution in result.solutions:
        reads = "decision" if solution.kind == "adaptive" else "leg"
        name = "cascade, votes averaged" if solution.kind == "averaged" else solution.kind
        reached = "reaches" if solution.reached else "misses"
        mark = "→" if solution is result.chosen else " "
        lines.append(
            f"{mark} {name}: {reads} confidence ≥ {solution.threshold:.3f} {reached} the generalist's "
            f"{solution.target:.1%} on validation ({solution.score:.1%}, large runs on {solution.share_then:.0%})"
        )
    if not result.chosen.reached:
        lines.append("  [yellow]No threshold reaches the target on validation rows; this is the nearest.[/]")
    tried = facts["specialists"]
    if tried["tried"]:
        mean, low, high = (points * 100 for points in tried["gain"])
        lines.append(
            f"  specialists: one per domain ({tried['domains']}) behind a domain router would change accuracy by "
            f"{mean:+.1f} [{low:+.1f}, {high:+.1f}] points on validation: "
            + ("worth a closer look" if low > 0 else "left out")
        )
    if facts["missing"]:
        lines.append(
            f"  [yellow]{facts['missing']}[/]\n  Until then the generalist is a wide linear head: the ecology can "
            "save little against a model that is small itself."
        )
    if facts["note"]:
        lines.append(f"  [dim]{facts['note']}[/]")
    return lines


def _ms(milliseconds: float) -> str:
    return f"{milliseconds * 1e3:.0f} µs" if milliseconds < 1 else f"{milliseconds:.2f} ms"


def _quoted(text: str) -> str:
    from rich.markup import escape

    return escape(f"“{text if len(text) <= 200 else text[:199] + '…'}”")


def _plain(text: str) -> str:
    return text[:60].replace("\\", "").replace('"', "").replace("$", "").replace("`", "").replace("!", "")


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
