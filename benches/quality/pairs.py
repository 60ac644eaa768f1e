"""QUALITY.md §2: when is the strong model of two worth its price? RouteLLM's pairs, by RouteLLM's own measure.

    .venv/bin/python benches/quality/pairs.py --data DIR [--embedding static.safetensors] [--json]

MMLU is cross-fitted: every question is judged by a router that was fitted on the other folds, gains are compared by
their ranks within the fold, and intervals come from resampled questions. GSM8K has too few questions for one split to
prove anything: twenty are drawn, and differences are taken within each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rivals import MISSING, hashed_regression, length, nearest, sklearn_installed, task_means
from shown import arguments, encoder, fit_options, held, show
from tables import Table, folds, read_pair, repeated

import ecology as eco
from ecology.cli.output import steps
from ecology.routing import metrics
from ecology.routing.outcomes import Outcomes

FILES = ("llm_pair_mmlu.csv.gz", "llm_pair_gsm8k.csv.gz")
FOLDS, SPLITS, TEST_SHARE = 5, 20, 0.3
NEIGHBOURS = 200
TARGETS = (0.2, 0.5, 0.8)
OURS, LENGTH, REGRESSION = "ecology", "prompt length", "hashed n-grams + LR, P(strong wins)"
REFERENCE = {"llm_pair_mmlu": REGRESSION, "llm_pair_gsm8k": LENGTH}  # what QUALITY.md wants to see beaten, paired
HOLD = {"llm_pair_mmlu": 0.655, "llm_pair_gsm8k": 0.60}
PUBLISHED = {"llm_pair_mmlu": 0.603, "llm_pair_gsm8k": 0.622}  # the best of RouteLLM's own routers
# QUALITY.md's figures of the rivals, on its rows: whether these here are easier.
STATED = {
    "llm_pair_mmlu": {"known task": 0.646, REGRESSION: 0.639, "oracle": 1.219},
    "llm_pair_gsm8k": {REGRESSION: 0.590, "oracle": 1.136},
}
STRONG, WEAK = "gpt-4-1106-preview", "Mixtral-8x7B-Instruct"
NOTE = (
    "APGR and CPT as in RouteLLM's evaluate.py: ten bins of equal mass. Random, and so every fixed mixture, is .500. "
    "The published figure and QUALITY.md's are on other questions of the same benchmark. A gain is what the router "
    "expects from the strong model above the weak one."
)

Gains = dict[str, Any]


def main() -> None:
    """Read the arguments, fit on each split, print."""
    parser = arguments(__doc__)
    parser.add_argument("--splits", type=int, default=SPLITS, help="of GSM8K")
    parser.add_argument("--only", choices=["mmlu", "gsm8k"], help="one of the two")
    options = parser.parse_args()
    files = [name for name in FILES if options.only is None or options.only in name]
    show([_one(options.data / name, options) for name in files], NOTE, options.json)


def _one(path: Path, options: Any) -> dict[str, Any]:
    table = read_pair(path)
    is_large = "mmlu" in table.name
    with steps(quiet=options.json) as step:
        vectors = None
        if (encode := encoder(options.encoder)) is not None:
            with step(f"{table.name}: the encoder's vectors of {len(table.prompts)} prompts") as tell:
                vectors = encode(table.prompts, tell)
        splits = folds(table.prompts, FOLDS, options.seed)
        if not is_large:
            splits = repeated(table.prompts, options.splits, TEST_SHARE, options.seed)
        number = FOLDS if is_large else options.splits
        with step(f"{table.name}: {number} splits, a router and its rivals on each") as tell:
            parts = list(_fitted(table, splits, vectors, options, lambda done: tell(done / number)))
    rows = _cross_fitted(parts, table, options) if is_large else _repeated(parts, table)
    return _result(table, rows, parts, is_large)


def _fitted(
    table: Table, splits: Iterator[tuple[Any, Any]], vectors: Any, options: Any, tell: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """For each split: the rows of the test, every contender's gains on them, what the router's own guard said."""
    for number, (train_rows, test_rows) in enumerate(splits):
        train, test = table.take(train_rows), table.take(test_rows)
        router = eco.Router.fit(Outcomes.of_log(train.outcomes()), seed=options.seed, **fit_options(options))
        difference = train.scores[:, 0] - train.scores[:, 1]
        gains: Gains = {
            OURS: np.asarray(router.gain(test.prompts, strong="strong", weak="weak"), float),
            LENGTH: length(test),
        }
        if len(set(table.task)) > 1:
            known = task_means(train, test)
            gains["known task"] = known[:, 0] - known[:, 1]
        if sklearn_installed():
            gains[REGRESSION] = hashed_regression(train, test, difference > 0)
            strong, weak = (hashed_regression(train, test, train.scores[:, at], 0.2) for at in (0, 1))
            gains["hashed n-grams + LR, P(s) - P(w), C = .2"] = strong - weak
        if vectors is not None:
            gains[f"encoder + {NEIGHBOURS} nearest"] = nearest(
                vectors[train_rows], vectors[test_rows], difference, NEIGHBOURS
            )
        gains["oracle"] = test.scores[:, 0] - test.scores[:, 1]
        tell(number + 1)
        yield {"rows": test_rows, "gains": gains, "worthwhile": router.guard.worthwhile}


def _cross_fitted(parts: list[dict[str, Any]], table: Table, options: Any) -> list[dict[str, Any]]:
    """All folds as one test. Fits of different folds need not share a scale: what counts is the rank in the fold."""
    order = np.concatenate([part["rows"] for part in parts])
    strong, weak = table.scores[order, 0], table.scores[order, 1]
    ranks = {name: np.concatenate([_rank(part["gains"][name]) for part in parts]) for name in parts[0]["gains"]}
    reference = REFERENCE[table.name] if REFERENCE[table.name] in ranks else LENGTH

    def measured(rows: Any) -> dict[str, float]:
        found = {name: metrics.apgr(rank[rows], strong[rows], weak[rows]) for name, rank in ranks.items()}
        return found | {f"{name}, paired": value - found[reference] for name, value in found.items()}

    intervals = metrics.bootstrap(measured, len(order), seed=options.seed, resamples=options.resamples)
    return [
        {
            "name": name,
            "apgr": _numbers(intervals[name]),
            "paired": None if name == reference else _numbers(intervals[f"{name}, paired"]),
            "against": reference,
            "cpt": [metrics.cpt(rank, strong, weak, target) for target in TARGETS],
        }
        for name, rank in ranks.items()
    ]


def _repeated(parts: list[dict[str, Any]], table: Table) -> list[dict[str, Any]]:
    """Means over the splits. An interval holds 95 % of the splits: it is of one split, not of the mean."""
    areas: dict[str, list[float]] = {}
    shares: dict[str, list[list[float]]] = {}
    for part in parts:
        strong, weak = table.scores[part["rows"], 0], table.scores[part["rows"], 1]
        for name, gain in part["gains"].items():
            areas.setdefault(name, []).append(metrics.apgr(gain, strong, weak))
            shares.setdefault(name, []).append([metrics.cpt(gain, strong, weak, target) for target in TARGETS])
    reference = REFERENCE[table.name]
    return [
        {
            "name": name,
            "apgr": _spread(found),
            "paired": None if name == reference else _spread(np.subtract(found, areas[reference])),
            "against": reference,
            "cpt": np.nanmean(shares[name], axis=0).tolist(),
        }
        for name, found in areas.items()
    ]


def _result(table: Table, rows: list[dict[str, Any]], parts: list[dict[str, Any]], is_large: bool) -> dict[str, Any]:
    strong, weak = table.scores.mean(axis=0)
    dear, cheap = table.cost.mean(axis=0)
    hold = HOLD[table.name]
    for row in rows:
        row["held"] = held(row["apgr"]["value"], hold) if row["name"] == OURS else ""
    cells = [
        [
            row["name"],
            _interval(row["apgr"]),
            "" if row["paired"] is None else _interval(row["paired"], signed=True),
            *(f"{share:.1%}" for share in row["cpt"]),
            row["held"],
        ]
        for row in rows
    ]
    blind = f"random, any fixed mixture ({weak:.3f} to {strong:.3f})"
    cells.append([blind, "0.500", "", *(f"{target:.1%}" for target in TARGETS), ""])
    cells.append(["published best of RouteLLM, other questions", f"{PUBLISHED[table.name]:.3f}", "", "", "", "", ""])
    ours = next(row for row in rows if row["name"] == OURS)
    above = ours["paired"]["low"] > 0 if is_large else ours["paired"]["value"] > 0
    remarks = [
        f"strong {STRONG} {strong:.3f} at ${1000 * dear:.3f}, weak {WEAK} {weak:.3f} at ${1000 * cheap:.4f} per 1,000 "
        f"requests: price ratio {dear / cheap:.0f}; best single: strong",
        f"{'above' if above else 'not above'} {ours['against']}, paired {'(95 %)' if is_large else '(mean of splits)'}",
        f"the router's own guard found it worthwhile in {sum(p['worthwhile'] for p in parts)} of {len(parts)} fits",
        _scale(table, rows),
        *([] if sklearn_installed() else [f"hashed n-grams + LR: scikit-learn {MISSING}"]),
    ]
    how = f"{FOLDS} folds" if is_large else f"{len(parts)} splits, {TEST_SHARE:.0%} tested on"
    return {
        "title": f"{table.name}: {len(table.prompts)} prompts, {how}",
        "columns": ["APGR [95 %]", "paired", *(f"CPT({target:.0%})" for target in TARGETS), "to hold"],
        "rows": rows,
        "cells": cells,
        "remarks": remarks,
    }


def _scale(table: Table, rows: list[dict[str, Any]]) -> str:
    stated = STATED[table.name]
    both = [f"{r['name']} {r['apgr']['value']:.3f} ({stated[r['name']]:.3f})" for r in rows if r["name"] in stated]
    return f"here and (in QUALITY.md, on other rows): {'; '.join(both)}"


def _rank(gain: Any) -> Any:
    """Of n equally spaced places; equal gains share the mean of theirs."""
    values, place, count = np.unique(gain, return_inverse=True, return_counts=True)
    del values
    ends = np.cumsum(count)
    return ((ends - (count - 1) / 2 - 0.5) / len(gain))[place]


def _spread(values: Any) -> dict[str, float]:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"value": float(np.nanmean(values)), "low": float(low), "high": float(high)}


def _numbers(interval: Any) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _interval(of: dict[str, float], *, signed: bool = False) -> str:
    form = "+.3f" if signed else ".3f"
    return f"{of['value']:{form}} [{of['low']:{form}}, {of['high']:{form}}]"


if __name__ == "__main__":
    main()
