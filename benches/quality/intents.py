"""The headline of QUALITY.md §1 on this machine: the large model's quality for a fraction of its compute.

    .venv/bin/python benches/quality/intents.py --data DIR [--cache DIR] [--plot FILE.html] [--json]

`--data` is a folder with clinc150.csv.gz and banking77.csv.gz, or any one file that `ecology demo --data` reads.
Nothing is simulated: tiers are trained here, thresholds are solved by the product from the quality target, and every
contender answers the same texts through `Ecology.answer`, in turns. `--cache` keeps what training made, which takes
most of the time; without it, it is made in a folder that is deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from baselines import NOTE, stated
from intent_plans import AVERAGED, CASCADE, CHEAP, FRESH_FOLDS, Measured, Repeated, measure, repeated, write_outcomes
from intent_plot import page
from intent_tiers import LARGE, PLAIN, SMALL, Trained, train
from rich.console import Console
from rich.table import Table
from semantic import Semantic, measure_semantic
from shown import held

from ecology import Cascade
from ecology.cli.output import steps
from ecology.demo.corpus import read_corpus
from ecology.demo.trial import Trial
from ecology.stats import paired_interval, wilson

WIDTH = 180
FILES = ("clinc150.csv.gz", "banking77.csv.gz")
NAMES = {
    PLAIN: "n-grams alone",
    SMALL: "small: n-grams + static embedding",
    LARGE: "large: MiniLM",
    CASCADE: "cascade by the target",
    AVERAGED: "cascade by the target, votes averaged",
    CHEAP: "best cascade at ≤ 10 % of large",
}
MOST_COMPUTE = 0.12
MARGIN = 0.0025  # the product's own .01 is a fifth of the small tier's errors: it saves more, and gives quality away


def main() -> None:
    """Read the arguments, run each file, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with the two files, or one file")
    parser.add_argument("--cache", type=Path, help="a folder that keeps what training makes")
    parser.add_argument("--plot", type=Path, help="an HTML file with quality against compute")
    parser.add_argument("--outcomes", type=Path, help="a folder for FILE.csv.gz that `ecology justify` reads")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--seed", type=int, default=0, help="of splits, folds and shuffles")
    parser.add_argument("--target", type=float, default=1.0, help="quality to reach, as a share of the large model's")
    parser.add_argument("--margin", type=float, default=MARGIN, help="of the quality target: what counts as no worse")
    options = parser.parse_args()
    files = [options.data / name for name in FILES] if options.data.is_dir() else [options.data]
    with tempfile.TemporaryDirectory() as scratch:
        results = [_one(file, options, Path(scratch) / file.name) for file in files]
    if options.plot is not None:
        options.plot.write_text(page(results), encoding="utf-8")
    if options.json:
        print(json.dumps([{key: r[key] for key in r if key != "curves"} for r in results], indent=2))
        return
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for result in results:
        console.print(_table(result))
        for line in result["remarks"]:
            console.print(f"  {line}", highlight=False)
        console.print()
    console.print(f"{NOTE} Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.", style="dim")


def _one(file: Path, options: Any, scratch: Path) -> dict[str, Any]:
    corpus = read_corpus(file, options.seed)
    scratch.mkdir()
    with steps(quiet=options.json) as step:
        trained = train(corpus, options.cache or scratch / "cache", step, options.seed)
        name = file.name.removesuffix(".csv.gz")
        asked, fresh_folds = (options.target, options.margin), name in FRESH_FOLDS
        found = measure(trained, scratch, *asked, step, fresh_folds=fresh_folds)
        with step("the same goals on other halves"):
            again = repeated(trained, *asked, found.costs, options.seed, fresh_folds=fresh_folds)
        semantic = measure_semantic(trained, found.trials[SMALL], scratch / "part-0" / f"{SMALL}-alone.toml", step)
    if options.outcomes is not None:
        options.outcomes.mkdir(parents=True, exist_ok=True)
        write_outcomes(options.outcomes / file.name, trained, found, scratch, fresh_folds=fresh_folds)
    target = stated(file.name)
    rows = _rows(trained, found, target)
    return {
        "file": file.name,
        "n": len(trained.judged),
        "labels": len(trained.labels),
        "note": corpus.note or None,
        "rows": rows,
        "semantic": semantic.to_dict(),
        "repeated": {key: asdict(each) for key, each in again.items()},
        "remarks": _remarks(rows, found, again, semantic, corpus.note),
        "curves": _curves(trained, found),
    }


# --- rows --------------------------------------------------------------------------------------------------------


def _rows(trained: Trained, found: Measured, target: dict[str, Any]) -> list[dict[str, Any]]:
    right = {name: np.array(trial.correct, float) for name, trial in found.trials.items()}
    cost = {name: trial.compute_ms / trial.n for name, trial in found.trials.items()}
    rows = [
        _row(NAMES[name], right[name], right[LARGE], cost[name], cost[LARGE], trial) | {"key": name}
        for name, trial in found.trials.items()
    ]
    dear = rows[-2]  # the averaged cascade that keeps the target: what chance and a god would do at its cost
    spread = max(cost[LARGE] - cost[SMALL], 1e-9)
    share = min(1.0, max(0.0, (dear["compute_ms"] - cost[SMALL]) / spread))
    blind = (1 - share) * right[SMALL] + share * right[LARGE]
    either = np.maximum(right[SMALL], right[LARGE])
    oracle = cost[SMALL] + float((right[SMALL] == 0).mean()) * cost[LARGE]
    extra = [("a coin at the cost of votes averaged", "random", blind, dear["compute_ms"])]
    if not np.isnan(trained.domains["right"]).any():
        extra.insert(0, ("specialists behind a domain head", "specialists", trained.domains["right"], 2 * cost[SMALL]))
    extra.append(("oracle: large where small is wrong", "oracle", either, oracle))
    rows += [_row(name, values, right[LARGE], ms, cost[LARGE], None) | {"key": key} for name, key, values, ms in extra]
    for row in rows:
        row["stated"], row["held"] = target.get(row["key"], ""), _held(row, target)
    dear["against_random"] = dict(
        zip(("mean", "low", "high"), paired_interval(right[AVERAGED].tolist(), blind.tolist()), strict=True)
    )
    return rows


def _row(name: str, right: Any, large: Any, ms: float, large_ms: float, trial: Trial | None) -> dict[str, Any]:
    gap = paired_interval(right.tolist(), large.tolist())
    return {
        "name": name,
        "accuracy": float(right.mean()),
        "accuracy_ci": list(wilson(round(float(right.sum())), len(right))),
        "against_large": dict(zip(("mean", "low", "high"), gap, strict=True)),
        "compute_ms": ms,
        "compute_ratio": ms / large_ms,
        "large_runs": None if trial is None else trial.share().get(LARGE, 0.0),
    }


def _held(row: dict[str, Any], target: dict[str, Any]) -> str:
    if row["key"] == SMALL and "hold_small" in target:
        return held(row["accuracy"], target["hold_small"])
    if row["key"] in (CASCADE, AVERAGED, CHEAP):
        kept = row["against_large"]["mean"] >= 0 and row["compute_ratio"] <= MOST_COMPUTE
        return f"{'held' if kept else 'missed'} (≥ large, ≤ {MOST_COMPUTE:.0%})"
    return ""


def _curves(trained: Trained, found: Measured) -> dict[str, Any]:
    """Share of rows escalated, accuracy by it: what every threshold would have given on the judged rows."""
    small, large = (trained.heads[name].scores for name in (SMALL, LARGE))
    tiers = [_softmax(scores) for scores in (small, large)]
    truth = trained.truth
    order = np.argsort(tiers[0].max(axis=1), kind="stable")
    one = (tiers[0].argmax(axis=1) == truth).astype(float)
    curves = {}
    for name, votes in (("last", tiers[1]), ("averaged", tiers[0] + tiers[1])):
        two = (votes.argmax(axis=1) == truth).astype(float)
        gained = np.concatenate([[0.0], np.cumsum(two[order] - one[order])]) / len(one)
        curves[name] = (one.mean() + gained).tolist()
    cost = {name: found.trials[name].compute_ms / found.trials[name].n for name in (SMALL, LARGE)}
    return curves | {"small_ms": cost[SMALL], "large_ms": cost[LARGE]}


def _softmax(scores: Any) -> Any:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


_COLUMNS = (
    "accuracy", "95 %", "against large, paired", "compute", "of large", "large runs", "QUALITY.md", "to hold"
)  # fmt: skip


# --- what is printed ----------------------------------------------------------------------------------------------


def _table(result: dict[str, Any]) -> Table:
    title = f"{result['file']}: {result['n']} texts that nothing was trained on, {result['labels']} labels"
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for row in result["rows"]:
        low, high = row["accuracy_ci"]
        gap, runs = row["against_large"], row["large_runs"]
        table.add_row(
            row["name"],
            f"{row['accuracy']:.4f}",
            f"{low:.3f} to {high:.3f}",
            f"{gap['mean']:+.4f} [{gap['low']:+.3f}, {gap['high']:+.3f}]",
            f"{row['compute_ms']:.3f} ms",
            f"{row['compute_ratio']:.1%}",
            "" if runs is None else f"{runs:.1%}",
            row["stated"],
            row["held"],
            style="bold" if row["key"] == AVERAGED else None,
        )
    return table


def _remarks(
    rows: list[dict[str, Any]], found: Measured, again: dict[str, Repeated], semantic: Semantic, note: str
) -> list[str]:
    said = []
    for name, both in found.solved.items():
        for part, solved in enumerate(both, 1):
            plan = solved.point.plan
            where = f"leg confidence ≥ {plan.leg_confidence:.3f}" if isinstance(plan, Cascade) else plan.kind
            weights = f", weights {plan.weights}" if isinstance(plan, Cascade) and plan.combine == "average" else ""
            reached = "reached" if solved.reached else f"NOT reached ({solved.reason})"
            said.append(f"{NAMES[name]}, part {part}: {where}{weights}; goal {reached} on {solved.rows:,} other rows")
    gain = next(row["against_random"] for row in rows if row["key"] == AVERAGED)
    said.append(
        f"votes averaged against the coin: {gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}], paired"
    )
    said += [
        f"{NAMES[name]}, solved on {each.halves} random halves: {each.gap:+.4f} against large on the others "
        f"in the mean (no worse on {each.kept:.0%} of them), large runs on {each.large_runs:.1%}"
        for name, each in again.items()
    ]
    return [*said, *semantic.remarks(), *([note] if note else [])]


if __name__ == "__main__":
    main()
