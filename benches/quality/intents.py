"""The headline of QUALITY.md §1 on this machine: a small model, a large one, and what routes between them.

    .venv/bin/python benches/quality/intents.py --data DIR [--json]

The demo's own machinery trains, chooses and solves (`ecology.demo.run`); here every plan that it solved is measured,
and each tier alone, on the same test texts in turns. `--data` is a folder with clinc150.csv.gz and banking77.csv.gz,
or any one file that `ecology demo --data` reads.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from baselines import NOTE, stated
from rich.console import Console
from rich.table import Table
from semantic import measure_static
from trials import measure

from ecology.cli.output import steps
from ecology.demo.corpus import read_corpus
from ecology.demo.run import run_demo

WIDTH = 140
FILES = ("clinc150.csv.gz", "banking77.csv.gz")


def main() -> None:
    """Read the arguments, run each file, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with the two files, or one file")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--seed", type=int, default=0, help="of splits, folds and shuffles")
    parser.add_argument("--target", type=float, default=1.0, help="quality to reach, as a share of the large model's")
    arguments = parser.parse_args()
    files = [arguments.data / name for name in FILES] if arguments.data.is_dir() else [arguments.data]
    results = [_one(file, arguments.seed, arguments.target, quiet=arguments.json) for file in files]
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for result in results:
        console.print(_table(result))
        for line in _notes(result):
            console.print(f"  {line}", highlight=False)
        console.print()
    console.print(NOTE, style="dim")


def _one(file: Path, seed: int, target: float, *, quiet: bool) -> dict[str, Any]:
    corpus = read_corpus(file, seed)
    with tempfile.TemporaryDirectory() as folder, steps(quiet=quiet) as step:
        result = run_demo(corpus, Path(folder), step, seed=seed, quality_target=target)
        rows = measure(result, step)
        semantic = measure_static(result, seed, target, step)
    return {
        "file": file.name,
        "n": len(corpus.part("test")),
        "labels": len(corpus.names),
        "missing": result.missing,
        "note": corpus.note or None,
        "stated": stated(file.name),
        "rows": [*rows, *(semantic.rows if semantic else ())],
        "semantic_ms": semantic.times if semantic else None,
    }


def _table(result: dict[str, Any]) -> Table:
    table = Table(title=f"{result['file']}: {result['n']} test texts, {result['labels']} labels", title_justify="left")
    table.add_column("")
    for column in ("accuracy", "95 %", "against large, paired", "QUALITY.md", "compute", "of large", "large runs"):
        table.add_column(column, justify="right")
    for row in result["rows"]:
        low, high = row["accuracy_ci"]
        gap = row["against_large"]
        table.add_row(
            row["name"],
            f"{row['accuracy']:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{gap['mean']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]",
            result["stated"].get(row["baseline"], ""),
            f"{row['compute_ms_per_request']:.3f} ms",
            f"{row['compute_ratio']:.1%}",
            f"{row['share'].get('large', 0.0):.1%}",
            style="bold" if row["chosen"] else None,
        )
    return table


def _notes(result: dict[str, Any]) -> list[str]:
    notes = [
        f"{row['name']}: {row['kind']} confidence ≥ {row['threshold']:.3f} "
        f"{'reaches' if row['reached'] else 'misses'} the target on validation rows"
        for row in result["rows"]
        if "threshold" in row
    ]
    times = result["semantic_ms"]
    if times:
        notes.append(
            f"a semantic decision, all of `answer()`: {times['answer'] * 1e3:.1f} µs of processor time, "
            f"its vector alone {times['vector'] * 1e3:.1f} µs from Python; MiniLM int8 {times['minilm_int8']:.2f} ms "
            f"({times['minilm_int8'] / times['answer']:.0f} times as long), fp32 {times['minilm_fp32']:.2f} ms"
        )
    return [*notes, *(result[key] for key in ("missing", "note") if result[key])]


if __name__ == "__main__":
    main()
