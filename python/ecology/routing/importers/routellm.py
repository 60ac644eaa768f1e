"""RouteLLM's data: evaluation tables of right and wrong, MT-Bench judgements, and battles.

* *Evaluations* (`evals/mmlu/responses/mmlu_<domain>.csv`, `evals/gsm8k/gsm8k_responses.csv`): `prompt`, one column of
  True and False a model, and perhaps `<model>_response`. The domain is the task.
* *MT-Bench* (`evals/mt_bench/question.jsonl` and `judgements.jsonl`): a judge's 1 to 10, here (mean over turns − 1)
  / 9; the first turn is the prompt, as in RouteLLM's own evaluation, and the category the task.
* *Battles*, which its routers are trained on (the columns of lmsys-arena-human-preference-55k): `model_a`, `model_b`,
  `prompt`, and `winner` or `winner_model_a`, `winner_model_b`, `winner_tie`. The winner scores 1, the loser 0, a tie
  0.5 each, both bad 0.

RouteLLM drops prompts that its own training data holds: `contaminated_prompts.jsonl`. That file is used if it lies
beside a table or one folder above, as it does in RouteLLM's repository; `contaminated=()` keeps all.

>>> table = from_routellm_rows({"prompt": ["2 + 2?"], "gpt-4": [True], "mixtral": ["False"]}, task="sums")
>>> [(one.model, one.score, one.task) for one in table]
[('gpt-4', 1.0, 'sums'), ('mixtral', 0.0, 'sums')]
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import ArtifactError, OutcomesError, Violation
from ...table import read_objects, read_table
from ..outcomes import Outcomes
from .log import parsed

__all__ = ["from_routellm", "from_routellm_rows"]

FIX = "give RouteLLM's CSV files, its folders, or files of battles"
CONTAMINATED = "contaminated_prompts.jsonl"
WINNERS = ("winner", "winner_model_a")
TABLES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".json", ".parquet")


def from_routellm(*paths: str | os.PathLike[str], contaminated: Collection[str] | None = None) -> Outcomes:
    """Outcomes of RouteLLM's files, or of all such files in a folder.

    Args:
        contaminated: prompts to leave out; None reads `contaminated_prompts.jsonl` beside each file.

    Raises:
        ArtifactError: a file cannot be read.
        OutcomesError: a file has another layout, or values are wrong.
    """
    rows: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for path in _files([Path(path) for path in paths]):
        dropped = set(_contaminated(path) if contaminated is None else contaminated)
        for row in _rows_of(path):
            if row["prompt"] in dropped:
                left_out["contaminated"] += 1
            else:
                rows.append(row)
    if not rows and left_out:
        problem = f"all {left_out['contaminated']} outcomes are contaminated"
        raise OutcomesError([Violation("files", problem, "give contaminated=() to keep them")])
    return Outcomes.of_log(rows, dict(left_out))


def from_routellm_rows(columns: Mapping[str, Sequence[Any]], *, task: str | None = None) -> Outcomes:
    """Outcomes of an evaluation table that is in memory already, as columns."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return Outcomes.of_log(_evaluated(list(columns), rows, task, "columns"), {})


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = [each for each in sorted(path.rglob("*")) if each.name.endswith(TABLES) and each.name != CONTAMINATED]
        judged = {each.parent for each in inside if each.name == "judgements.jsonl"}
        found = [
            each
            for each in inside
            if each.name == "judgements.jsonl" or (each.suffix != ".jsonl" and each.parent not in judged)
        ]
        if not found:
            raise ArtifactError(str(path), "no table of RouteLLM is in this folder", FIX)
        files += found
    return files


def _contaminated(path: Path) -> list[str]:
    for folder in (path.parent, path.parent.parent):
        if (folder / CONTAMINATED).is_file():
            return [str(row.get("eval_prompt")) for row in read_objects(folder / CONTAMINATED, FIX)]
    return []


def _rows_of(path: Path) -> list[dict[str, Any]]:
    """Long rows of one file, whichever layout it has."""
    if path.name.startswith("judgements"):
        return _judged(path)
    if path.suffix == ".json":
        rows = read_objects(path, FIX)
        names = list(dict.fromkeys(name for row in rows for name in row))
    else:
        names, rows = read_table(path, FIX)
    if "model_a" in names and "model_b" in names and any(name in names for name in WINNERS):
        return [row for battle in rows for row in _fought(battle)]
    stem = path.name.split(".")[0]
    return _evaluated(names, rows, stem.removeprefix("mmlu_").removesuffix("_responses"), str(path))


def _evaluated(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], task: str | None, place: str
) -> list[dict[str, Any]]:
    replies = {f"{name}_response" for name in names}
    models = [
        name
        for name in names
        if name not in replies and name != "prompt" and rows and all(_is_truth(row.get(name)) for row in rows)
    ]
    if "prompt" not in names or not models:
        problem = f"no prompts, or no columns of True and False: {', '.join(names)}"
        raise OutcomesError([Violation(place, problem, FIX)])
    return [
        {"prompt": row["prompt"], "model": model, "score": row[model], "task": task}
        for row in rows
        for model in models
        if row[model] not in (None, "")
    ]


def _is_truth(value: Any) -> bool:
    return value in (None, "") or str(value).lower() in ("true", "false", "0", "1", "0.0", "1.0")


def _fought(battle: Mapping[str, Any]) -> list[dict[str, Any]]:
    prompt = parsed(battle.get("prompt"))
    if isinstance(prompt, list) and prompt:
        prompt = prompt[0]  # RouteLLM routes by the first turn
    winner = battle.get("winner")
    if winner is None:
        won = [str(battle.get(f"winner_{side}")).lower() in ("1", "1.0", "true") for side in ("model_a", "model_b")]
        winner = "model_a" if won[0] else "model_b" if won[1] else "tie"
    scores = {"model_a": (1.0, 0.0), "model_b": (0.0, 1.0), "tie": (0.5, 0.5), "tie (bothbad)": (0.0, 0.0)}.get(winner)
    return [
        {"prompt": prompt, "model": battle[f"model_{side}"], "score": None if scores is None else scores[at]}
        for at, side in enumerate("ab")
    ]


def _judged(path: Path) -> list[dict[str, Any]]:
    questions = {row.get("question_id"): row for row in read_objects(path.with_name("question.jsonl"), FIX)}
    given: dict[tuple[Any, Any], list[float]] = {}
    for row in read_objects(path, FIX):
        score = row.get("score")
        if isinstance(score, int | float) and 1 <= score <= 10:  # -1: the judge said no number
            given.setdefault((row.get("question_id"), row.get("model")), []).append(float(score))
    return [
        {
            "prompt": questions[question]["turns"][0],
            "model": model,
            "score": (sum(scores) / len(scores) - 1) / 9,
            "task": questions[question].get("category"),
        }
        for (question, model), scores in given.items()
        if question in questions
    ]
