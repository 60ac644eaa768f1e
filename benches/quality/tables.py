"""The tables of outcomes that the benches read, as arrays, and folds of them that keep like questions together.

`--data` holds them as gzipped CSV; what their columns mean is in the README beside them. Nothing of them is kept here.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Table", "folds", "read_intents", "read_llmrouter9", "read_mmlu_pro", "read_pair", "repeated"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Rows = np.ndarray[Any, np.dtype[np.intp]]

PER_MILLION = 1e-6
UNKNOWN_ANSWER_TOKENS = 200  # llmrouter9 does not say how long its answers were
OPTIONS = "\nA. "  # where the stem of a question with options ends


@dataclass(frozen=True)
class Table:
    """`scores` and `cost` are float64 [prompts, models], in [0, 1] and in USD a request; `task` is a name a prompt."""

    name: str
    prompts: list[str]
    models: list[str]
    scores: Floats
    cost: Floats
    task: list[str]

    def take(self, rows: Any) -> Table:
        """Only these prompts, in this order."""
        chosen = np.asarray(rows).tolist()
        return replace(
            self,
            prompts=[self.prompts[row] for row in chosen],
            scores=self.scores[chosen],
            cost=self.cost[chosen],
            task=[self.task[row] for row in chosen],
        )

    def without(self, prefix: str, name: str) -> Table:
        """Without the models whose names begin so, under another name."""
        kept = [at for at, model in enumerate(self.models) if not model.startswith(prefix)]
        models = [self.models[at] for at in kept]
        return replace(self, name=name, models=models, scores=self.scores[:, kept], cost=self.cost[:, kept])

    def outcomes(self) -> dict[str, list[Any]]:
        """A row per prompt and model, as `Outcomes.read` takes it."""
        n, m = self.scores.shape
        return {
            "prompt": [prompt for prompt in self.prompts for _ in range(m)],
            "model": self.models * n,
            "score": self.scores.ravel().tolist(),
            "cost_usd": self.cost.ravel().tolist(),
            "task": [task for task in self.task for _ in range(m)],
        }


def read_pair(path: Path) -> Table:
    """RouteLLM's pairs: the columns are `strong` and `weak`. Contaminated rows are dropped, as RouteLLM does."""
    rows = [row for row in _read(path) if row["contaminated"] != "1"]
    sides = ("strong", "weak")
    return _table(
        path.name.removesuffix(".csv.gz"),
        rows,
        list(sides),
        [[float(row[f"{side}_correct"]) for side in sides] for row in rows],
        [[float(row[f"{side}_cost_usd_est"]) for side in sides] for row in rows],
        "domain",
    )


def read_llmrouter9(folder: Path) -> Table:
    """Nine open models on 14 tasks; an answer is reckoned as 200 tokens, as nobody knows how long it was."""
    rows = _read(folder / "llmrouter9.csv.gz")
    prices = _prices(folder)
    columns = list(rows[0])
    models = [name for name in columns[columns.index("metric") + 1 : columns.index("in_tokens_est")] if name in prices]
    cost = [
        [
            (float(row["in_tokens_est"]) * prices[model][0] + UNKNOWN_ANSWER_TOKENS * prices[model][1]) * PER_MILLION
            for model in models
        ]
        for row in rows
    ]
    scores = [[float(row[model]) for model in models] for row in rows]
    return _table("llmrouter9", rows, models, scores, cost, "task")


def read_mmlu_pro(folder: Path) -> Table:
    """28 models on MMLU-Pro; no letter extracted counts as wrong, cost is of the tokens that were written."""
    rows = _read(folder / "mmlu_pro_questions.csv.gz")
    answers = {row["id"]: row for row in _read(folder / "mmlu_pro_answers.csv.gz")}
    written = {row["id"]: row for row in _read(folder / "mmlu_pro_out_tokens.csv.gz")}
    prices = _prices(folder)
    models = [name for name in answers[rows[0]["id"]] if name not in ("id", "split")]
    scores = [[float(answers[row["id"]][model] == row["gold"]) for model in models] for row in rows]
    cost = []
    for row in rows:
        out = written[row["id"]]
        read = float(row["in_tokens_est"])
        cost.append([(read * prices[m][0] + float(out[m] or 0) * prices[m][1]) * PER_MILLION for m in models])
    return _table("mmlu_pro", rows, models, scores, cost, "category")


def read_intents(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Texts, their labels, and `train` or `val` for each; the texts of val that train has as well are left out."""
    rows = _read(path)
    trained = {row["text"].lower() for row in rows if row["split"] == "train"}
    kept = [row for row in rows if row["split"] == "train" or row["text"].lower() not in trained]
    return [row["text"] for row in kept], [row["intent"] for row in kept], [row["split"] for row in kept]


def folds(prompts: Sequence[str], k: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """`k` times (train, test); a question is in one fold, whatever the order of its options or its spelling."""
    group = _groups(prompts)
    part = np.random.default_rng(seed).integers(0, k, group.max() + 1)[group]
    for fold in range(k):
        yield np.flatnonzero(part != fold), np.flatnonzero(part == fold)


def repeated(prompts: Sequence[str], times: int, test_share: float, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """`times` times (train, test), each drawn anew by question."""
    group = _groups(prompts)
    for number in range(times):
        drawn = np.random.default_rng([seed, number]).random(group.max() + 1)[group] < test_share
        yield np.flatnonzero(~drawn), np.flatnonzero(drawn)


def _groups(prompts: Sequence[str]) -> Rows:
    stems = [" ".join(re.findall("[a-z0-9]+", prompt.split(OPTIONS)[0].lower())) for prompt in prompts]
    return np.unique(stems, return_inverse=True)[1]


def _table(name: str, rows: list[dict[str, str]], models: list[str], scores: Any, cost: Any, task: str) -> Table:
    prompts, tasks = [row["prompt"] for row in rows], [row[task] for row in rows]
    return Table(name, prompts, models, np.array(scores, float), np.array(cost, float), tasks)


def _prices(folder: Path) -> dict[str, tuple[float, float]]:
    """USD per million tokens read and written."""
    with (folder / "models.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {r["model"]: (float(r["price_in_usd_per_mtok"]), float(r["price_out_usd_per_mtok"])) for r in rows}


def _read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
