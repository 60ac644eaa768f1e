"""Which rows may judge a router: those that it was not fitted on, as far as the outcomes say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import OutcomesError, Violation
from ..matrix import Matrix
from ..outcome import Outcome
from ..outcomes import Outcomes

__all__ = ["HeldOut", "held_out"]

SPLITS = ("test", "val", "all")


@dataclass(frozen=True)
class HeldOut:
    """The rows, which they are in words, what to beware of, and the table's columns by prompt (the last row's)."""

    matrix: Matrix
    rows: str
    warnings: list[str]
    columns: dict[str, dict[str, str]]


def held_out(outcomes: Any, models: list[str], split: str | None = None) -> HeldOut:
    """Choose the rows: `test` if the column `split` has it, else `val`; without the column all, with a warning.

    A prompt that is also among the rows of `train` is left out, and told.

    Args:
        outcomes: a `Matrix` (the caller's word that the router never saw it), or anything that `Outcomes.read` reads.
        models: the models that the router ranks.
        split: "test", "val" or "all" to overrule.

    Raises:
        OutcomesError: no such rows, models that the router ranks and nobody observed, an unknown split.
    """
    if split not in (None, *SPLITS):
        raise OutcomesError([Violation("split", f"{split!r} is none", f"say one of {', '.join(SPLITS)}")])
    if isinstance(outcomes, Matrix):
        return HeldOut(_columns_of(outcomes, models), "the rows that were given", [], {})
    rows = list(Outcomes.of_log(outcomes))  # a repeated prompt may be in two splits; of one split the last row counts
    warnings: list[str] = []
    chosen, name = _chosen(rows, split, warnings)
    others = sorted({row.model for row in chosen} - set(models))
    if others:
        warnings.append(f"the router does not rank {', '.join(others)}: left out, also as rivals")
    absent = [model for model in models if model not in {row.model for row in chosen}]
    if absent:
        raise OutcomesError([_unseen(model, name) for model in absent])
    kept = [row for row in chosen if row.model in set(models)]
    columns = {"task": {row.prompt: row.task for row in kept if row.task is not None}}
    columns["split"] = {row.prompt: row.split for row in kept if row.split is not None}
    return HeldOut(Matrix.of(kept, models), name, warnings, columns)


def _chosen(rows: list[Outcome], split: str | None, warnings: list[str]) -> tuple[list[Outcome], str]:
    parts: dict[str, list[Outcome]] = {"train": [], "val": [], "test": []}
    unsplit: list[Outcome] = []
    for row in rows:
        part = {"validation": "val"}.get(row.split or "", row.split)
        parts.get(part or "", unsplit).append(row)
    if split == "all" or not any(parts.values()):
        if split != "all":
            warnings.append(
                "the outcomes have no column `split`: if the router was fitted on these prompts, all of this "
                "flatters it"
            )
        elif parts["train"]:
            warnings.append("rows of `train` are among these, as was asked: what is shown flatters the router")
        return rows, "all rows"
    name = split or ("test" if parts["test"] else "val")
    chosen = parts[name]
    if not chosen:
        there = ", ".join(f"{key} {len(value)}" for key, value in parts.items() if value)
        fix = "bring rows that the router was not fitted on, or say split all"
        raise OutcomesError([Violation(f"split {name}", f"there are no rows to judge by, only {there}", fix)])
    taught = {row.prompt for row in parts["train"]}
    clean = [row for row in chosen if row.prompt not in taught]
    if len(clean) < len(chosen):
        both = len({row.prompt for row in chosen}) - len({row.prompt for row in clean})
        warnings.append(f"{_prompts(both)} of `{name}` also in `train`: left out")
    if not clean:
        fix = "bring prompts that the router was not fitted on"
        raise OutcomesError([Violation(f"split {name}", "all of its prompts are also in train", fix)])
    if name == "val":
        warnings.append(
            "these are `val` rows: `fit` calibrated the router on them; rows of a split `test` would judge it unmoved"
        )
    return clean, f"split {name}"


def _columns_of(matrix: Matrix, models: list[str]) -> Matrix:
    absent = [model for model in models if model not in matrix.models]
    if absent:
        raise OutcomesError([_unseen(model, "the matrix") for model in absent])
    at = [matrix.models.index(model) for model in models]
    parts = (matrix.scores[:, at], matrix.cost_usd[:, at], matrix.latency_ms[:, at])
    return Matrix(list(matrix.prompts), list(models), *parts)


def _unseen(model: str, where: str) -> Violation:
    return Violation(f"model {model}", f"the router ranks it, and {where} has no outcome of it", "collect its outcomes")


def _prompts(n: int) -> str:
    return f"{n} prompts are" if n != 1 else "1 prompt is"
