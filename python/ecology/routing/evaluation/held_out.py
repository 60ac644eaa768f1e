"""Which rows may judge a router: those that it was not fitted on, as far as the outcomes say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import OutcomesError, Violation
from ..matrix import VALIDATION, Matrix
from ..outcomes import Outcomes

__all__ = ["HeldOut", "held_out"]

SPLITS = ("test", "val", "all")
PARTS = {"train": ("train",), "val": VALIDATION, "test": ("test",)}
CALIBRATED = "calibrated the router on them; rows of a split `test` would judge it unmoved"


@dataclass(frozen=True)
class HeldOut:
    """The rows, which they are in words, what to beware of, and the table's columns by prompt (the last row's)."""

    matrix: Matrix
    rows: str
    warnings: list[str]
    columns: dict[str, dict[str, str]]


def held_out(
    outcomes: Any, models: list[str], split: str | None = None, card: Mapping[str, Any] | None = None
) -> HeldOut:
    """Choose the rows: `test` if the column `split` has it, else `val`. Without the column, those that `fit` kept aside
    if the router's card names just these outcomes; otherwise all, with a warning.

    A prompt that is also among the rows of `train` is left out, and told.

    Args:
        outcomes: a `Matrix` (the caller's word that the router never saw it), or anything that `Outcomes.read` reads.
        models: the models that the router ranks.
        split: "test", "val" or "all" to overrule.
        card: of the router.

    Raises:
        OutcomesError: no such rows, models that the router ranks and nobody observed, an unknown split.
    """
    import numpy as np

    if split not in (None, *SPLITS):
        raise OutcomesError([Violation("split", f"{split!r} is none", f"say one of {', '.join(SPLITS)}")])
    if isinstance(outcomes, Matrix):
        return HeldOut(_columns_of(outcomes, models), "the rows that were given", [], {})
    table = Outcomes.of_log(outcomes)  # a repeated prompt may be in two splits; of one split the last row counts
    warnings: list[str] = []
    chosen, name = _chosen(table, split, card or {}, warnings)
    others = sorted(set(chosen.models) - set(models))
    if others:
        warnings.append(f"the router does not rank {', '.join(others)}: left out, also as rivals")
    absent = sorted(set(models) - set(chosen.models), key=models.index)
    if absent:
        raise OutcomesError([_unseen(model, f"there is no outcome of it in {name}") for model in absent])
    ranked = np.isin(chosen.model_codes, [code for code, model in enumerate(chosen.models) if model in models])
    kept = chosen.take(ranked)
    columns = {field: _by_prompt(kept, field) for field in ("task", "split")}
    return HeldOut(Matrix.of(kept, models), name, warnings, columns)


def _by_prompt(table: Outcomes, field: str) -> dict[str, str]:
    """What the last row of each prompt says, where one says it."""
    words = table.words(field)
    if words is None:
        return {}
    prompts, values = table.prompts, words.values
    return {
        prompts[prompt]: values[code]
        for prompt, code in zip(table.prompt_codes.tolist(), words.codes.tolist(), strict=True)
        if code >= 0
    }


def _chosen(table: Outcomes, split: str | None, card: Mapping[str, Any], warnings: list[str]) -> tuple[Outcomes, str]:
    import numpy as np

    words = table.words("split")
    parts = {} if words is None else {name: words.among(PARTS[name]) for name in PARTS}
    if split == "all" or not any(part.any() for part in parts.values()):
        if split != "all" and card.get("data_digest") == table.digest:
            warnings.append(f"these are the prompts that `fit` kept aside: it {CALIBRATED}")
            return table.split(card.get("validation_share", 0.2), card["seed"])[1], "the prompts that fit kept aside"
        if split != "all":
            warnings.append(
                "the outcomes have no column `split`: if the router was fitted on these prompts, all of this "
                "flatters it"
            )
        elif parts and parts["train"].any():
            warnings.append("rows of `train` are among these, as was asked: what is shown flatters the router")
        return table, "all rows"
    name = split or ("test" if parts["test"].any() else "val")
    if not parts[name].any():
        there = ", ".join(f"{key} {int(part.sum())}" for key, part in parts.items() if part.any())
        fix = "bring rows that the router was not fitted on, or say split all"
        raise OutcomesError([Violation(f"split {name}", f"there are no rows to judge by, only {there}", fix)])
    taught = np.isin(table.prompt_codes, table.prompt_codes[parts["train"]])
    both = len(np.unique(table.prompt_codes[parts[name] & taught]))
    if both:
        warnings.append(f"{_prompts(both)} of `{name}` also in `train`: left out")
    clean = table.take(parts[name] & ~taught)
    if not len(clean):
        fix = "bring prompts that the router was not fitted on"
        raise OutcomesError([Violation(f"split {name}", "all of its prompts are also in train", fix)])
    if name == "val":
        warnings.append(f"these are `val` rows: `fit` {CALIBRATED}")
    return clean, f"split {name}"


def _columns_of(matrix: Matrix, models: list[str]) -> Matrix:
    absent = [model for model in models if model not in matrix.models]
    if absent:
        raise OutcomesError([_unseen(model, "there is no outcome of it in the matrix") for model in absent])
    at = [matrix.models.index(model) for model in models]
    parts = (matrix.scores[:, at], matrix.cost_usd[:, at], matrix.latency_ms[:, at])
    return Matrix(list(matrix.prompts), list(models), *parts)


def _unseen(model: str, problem: str) -> Violation:
    return Violation(f"model {model}", f"the router ranks it, and {problem}", "collect its outcomes")


def _prompts(n: int) -> str:
    return f"{n} prompts are" if n != 1 else "1 prompt is"
