"""QUALITY.md §3: many models, one budget. How much quality does every dollar buy, over the whole range of budgets?

    .venv/bin/python benches/quality/many.py --data DIR [--embedding static.safetensors] [--json]

Cross-fitted: every prompt is judged by a router that was fitted on the other folds. At each exchange rate of quality
for money the model of the highest expected score − rate · expected cost is taken; AIQ is the area under the
non-decreasing hull of these points, over the costs from the cheapest to the dearest single model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rivals import MISSING, hashed_regression, length, nearest, sklearn_installed, task_means
from shown import arguments, encoder, fit_options, held, show
from tables import Table, folds, read_llmrouter9, read_mmlu_pro

import ecology as eco
from ecology.cli.output import steps
from ecology.routing import metrics
from ecology.routing.outcomes import Outcomes

FOLDS, NEIGHBOURS, LENGTHS = 4, 100, 10
OURS, MEAN_COST, SINGLES = "ecology", "ecology, mean cost of each model", "single models, fixed mixtures"
HOLD = {"llmrouter9": 0.657, "mmlu_pro": 0.686, "mmlu_pro_open": 0.603}
KNOWN_TASK = {"llmrouter9": 0.667, "mmlu_pro": 0.689, "mmlu_pro_open": 0.602}  # QUALITY.md's, for the scale of its rows
NOTE = (
    "The targets of QUALITY.md are on other prompts of the same tables, of another difficulty: compare its figure for "
    "the known task with the row here. Prices are of models.csv, which calls most of them assumptions."
)
PER = 1000  # costs are printed per so many requests


def main() -> None:
    """Read the arguments, fit on each fold, print."""
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=sorted(HOLD), help="one of the three")
    options = parser.parse_args()
    names = [name for name in HOLD if options.only in (None, name)]
    show([_one(_read(name, options.data), options) for name in names], NOTE, options.json)


def _read(name: str, folder: Path) -> Table:
    if name == "llmrouter9":
        return read_llmrouter9(folder)
    table = read_mmlu_pro(folder)
    return table.without("gemini", name) if name == "mmlu_pro_open" else table


def _one(table: Table, options: Any) -> dict[str, Any]:
    with steps(quiet=options.json) as step:
        vectors = None
        if (encode := encoder(options.encoder)) is not None:
            with step(f"{table.name}: the encoder's vectors of {len(table.prompts)} prompts") as tell:
                vectors = encode(table.prompts, tell)
        with step(f"{table.name}: {FOLDS} folds, a router and its rivals on each") as tell:
            expected, guards = _fitted(table, vectors, options, lambda done: tell(done / FOLDS))
        with step(f"{table.name}: {options.resamples} resamples") as tell:
            rows = _measured(table, expected, options, tell)
    return _result(table, rows, guards)


def _fitted(
    table: Table, vectors: Any, options: Any, tell: Callable[[int], None]
) -> tuple[dict[str, tuple[Any, Any]], list[Any]]:
    """For each contender what it expects of every prompt, scores and costs [prompts, models]; each fold's guard."""
    expected: dict[str, tuple[Any, Any]] = {}
    guards = []

    def expect(name: str, rows: Any, scores: Any, cost: Any) -> None:
        both = expected.setdefault(name, (np.empty_like(table.scores), np.empty_like(table.cost)))
        both[0][rows], both[1][rows] = scores, cost

    for number, (train_rows, test_rows) in enumerate(folds(table.prompts, FOLDS, options.seed)):
        train, test = table.take(train_rows), table.take(test_rows)
        mean_cost = train.cost.mean(axis=0)
        router = eco.Router.fit(Outcomes.of_log(train.outcomes()), seed=options.seed, **fit_options(options))
        columns = [router.models.index(model) for model in table.models]
        scores = router.score_batch(test.prompts)[:, columns]
        if (cost := _expected_cost(router, test.prompts)) is not None:
            expect(OURS, test_rows, scores, cost[:, columns])
        expect(MEAN_COST, test_rows, scores, mean_cost)
        expect("prompt length (tenths)", test_rows, _by_length(train, test), mean_cost)
        expect("known task", test_rows, task_means(train, test), mean_cost)
        if sklearn_installed():
            heads = [hashed_regression(train, test, train.scores[:, at] >= 0.5) for at in range(len(table.models))]
            expect("hashed n-grams + LR", test_rows, np.stack(heads, axis=1), mean_cost)
        if vectors is not None:
            near = nearest(vectors[train_rows], vectors[test_rows], train.scores, NEIGHBOURS)
            expect(f"encoder + {NEIGHBOURS} nearest", test_rows, near, mean_cost)
        expect("oracle", test_rows, test.scores, test.cost)
        guards.append(router.guard)
        tell(number + 1)
    return expected, guards


def _expected_cost(router: Any, prompts: list[str]) -> Any:
    """What the router reckons each model would cost, [prompts, models]; None when it has not learned costs."""
    cost = router.expected_cost_batch(prompts)
    return None if np.isnan(cost).any() else cost


def _by_length(train: Table, test: Table) -> Any:
    """The known-task rival, when all that is known is the tenth of prompts by length that this one is in."""
    edges = np.quantile(length(train), np.linspace(0, 1, LENGTHS + 1)[1:-1])
    named = [Table(t.name, t.prompts, t.models, t.scores, t.cost, _tenths(t, edges)) for t in (train, test)]
    return task_means(*named)


def _tenths(table: Table, edges: Any) -> list[str]:
    return [str(tenth) for tenth in np.searchsorted(edges, length(table)).tolist()]


def _measured(table: Table, expected: dict[str, tuple[Any, Any]], options: Any, tell: Any) -> list[dict[str, Any]]:
    trades = {name: metrics.trade(*both, table.scores, table.cost) for name, both in expected.items()}
    singletons = metrics.singletons(table.scores)

    def areas(rows: Any) -> dict[str, float]:
        share = np.bincount(rows, minlength=len(table.prompts)) / len(rows)
        cost, score = share @ table.cost, share @ table.scores
        low, high = float(cost.min()), float(cost.max())
        found = {SINGLES: metrics.aiq(cost, score, low, high)}
        for name, trade in trades.items():
            found[name] = metrics.aiq(trade.cost @ share, trade.score @ share, low, high)
        return found | {f"{name}, paired": value - found[SINGLES] for name, value in found.items()}

    intervals = metrics.bootstrap(
        areas, len(table.prompts), seed=options.seed, resamples=options.resamples, progress=tell
    )
    single = metrics.best_single(table.scores, table.cost)
    best, dear = float(table.scores[:, single].mean()), float(table.cost[:, single].mean())
    rows = []
    for name in (*trades, SINGLES):
        if name == SINGLES:
            cost, score = table.cost.mean(axis=0), table.scores.mean(axis=0)
            chosen = np.full(len(table.prompts), single)
        else:
            cost, score = trades[name].points()
            # Where the router is at its best: there every singleton could have gone to its model.
            at = int(score.argmax())
            chosen = _choices(expected[name], trades[name].rates[at])
        rows.append(
            {
                "name": name,
                "aiq": _numbers(intervals[name]),
                "paired": None if name == SINGLES else _numbers(intervals[f"{name}, paired"]),
                "best": float(score.max()),
                "match": metrics.cost_to_reach(cost, score, best) / dear,
                "match_98": metrics.cost_to_reach(cost, score, 0.98 * best) / dear,
                "singletons": metrics.singleton_recall(chosen, table.scores) if singletons.any() else float("nan"),
            }
        )
    return rows


def _choices(both: tuple[Any, Any], rate: float) -> Any:
    return metrics.choose(both[0], both[1], rate)


def _result(table: Table, rows: list[dict[str, Any]], guards: list[Any]) -> dict[str, Any]:
    single = metrics.best_single(table.scores, table.cost)
    cost, score = table.cost.mean(axis=0), table.scores.mean(axis=0)
    ours = next((row for row in rows if row["name"] == OURS), None) or next(r for r in rows if r["name"] == MEAN_COST)
    target = HOLD[table.name]
    for row in rows:
        row["held"] = held(row["aiq"]["value"], target) if row is ours else ""
    known = next(row for row in rows if row["name"] == "known task")
    budget = float(cost[single]) / 2
    cells = [
        [
            row["name"],
            _interval(row["aiq"]),
            "" if row["paired"] is None else _interval(row["paired"], signed=True),
            f"{row['best']:.3f}",
            _share(row["match"]),
            _share(row["match_98"]),
            _share(row["singletons"]),
            row["held"],
        ]
        for row in rows
    ]
    distance = ours["aiq"]["value"] - known["aiq"]["value"]
    remarks = [
        f"best single {table.models[single]} {score[single]:.3f} at ${PER * cost[single]:.3f} per {PER:,}; models cost "
        f"${PER * cost.min():.3f} to ${PER * cost.max():.3f}: price ratio {cost.max() / cost.min():.0f}",
        f"at half of its cost: best fixed mixture {metrics.mixture_score(cost, score, budget):.3f}, random "
        f"{metrics.random_score(cost, score, budget):.3f}",
        f"{ours['name']} against the known task: {distance:+.3f}, the same in QUALITY.md's target: "
        f"{held(round(distance, 4), round(target - KNOWN_TASK[table.name], 4))}",
        f"the router's own guard found it worthwhile in {sum(g.worthwhile for g in guards)} of {len(guards)} fits",
        *(["nothing reaches the best single model for less than it: say so"] if not ours["match"] < 1 else []),
        *([] if sklearn_installed() else [f"hashed n-grams + LR: scikit-learn {MISSING}"]),
        *([] if ours["name"] == OURS else ["costs are means: this router has not learned what a prompt costs"]),
    ]
    return {
        "title": f"{table.name}: {len(table.prompts)} prompts, {len(table.models)} models, {FOLDS} folds",
        "columns": ["AIQ [95 %]", "above mixtures", "best", "cost to match", "to 98 %", "singletons", "to hold"],
        "rows": rows,
        "cells": cells,
        "remarks": remarks,
    }


def _numbers(interval: Any) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _interval(of: dict[str, float], *, signed: bool = False) -> str:
    form = "+.3f" if signed else ".3f"
    return f"{of['value']:{form}} [{of['low']:{form}}, {of['high']:{form}}]"


def _share(value: float) -> str:
    return "never" if np.isnan(value) else f"{value:.0%}"


if __name__ == "__main__":
    main()
