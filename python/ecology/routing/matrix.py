"""Outcomes as matrices: prompts by models, split into rows to learn from and rows to judge by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import OutcomesError, Violation
from .outcome import Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["Matrix", "split_by_prompt"]


@dataclass(frozen=True)
class Matrix:
    """Scores and costs, float32 [prompts, models]; NaN where a model was not observed."""

    prompts: list[str]
    models: list[str]
    scores: Floats
    cost_usd: Floats
    latency_ms: Floats

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], models: Sequence[str], value: str = "score") -> Matrix:
        """Rows in the order in which prompts first appear. The last outcome of a prompt and model counts.

        `value` names the number that `scores` holds.
        """
        import numpy as np

        prompts = list(dict.fromkeys(outcome.prompt for outcome in outcomes))
        row_of = {prompt: row for row, prompt in enumerate(prompts)}
        column_of = {model: column for column, model in enumerate(models)}
        shape = (len(prompts), len(models))
        scores, cost, latency = (np.full(shape, np.nan, dtype=np.float32) for _ in range(3))
        for outcome in outcomes:
            at = row_of[outcome.prompt], column_of[outcome.model]
            number = getattr(outcome, value)
            scores[at] = np.nan if number is None else number
            cost[at] = np.nan if outcome.cost_usd is None else outcome.cost_usd
            latency[at] = np.nan if outcome.latency_ms is None else outcome.latency_ms
        return cls(prompts, list(models), scores, cost, latency)


def split_by_prompt(outcomes: Sequence[Outcome], validation_share: float, seed: int) -> tuple[Matrix, Matrix]:
    """Train and validation rows: by the column `split` if it is there, else by a hash of prompt and seed.

    Raises:
        OutcomesError: fewer than two models, or too few prompts to split.
    """
    models = sorted({outcome.model for outcome in outcomes})
    parts: tuple[list[Outcome], list[Outcome]] = ([], [])
    stated = any(outcome.split for outcome in outcomes)
    for outcome in outcomes:
        if stated:
            validation = outcome.split in ("val", "validation")
        else:
            digest = hashlib.sha256(f"{seed}|{outcome.prompt}".encode()).digest()
            validation = int.from_bytes(digest[:8]) / 2**64 < validation_share
        if stated and outcome.split not in ("train", "val", "validation"):
            continue
        parts[validation].append(outcome)
    train, validation_rows = (Matrix.of(part, models) for part in parts)
    violations = []
    if len(models) < 2:
        violations.append(
            Violation("model", f"there is one model ({', '.join(models)})", "a router needs two to choose between")
        )
    for name, matrix, least in (("train", train, 10), ("val", validation_rows, 5)):
        if len(matrix.prompts) < least:
            found = f"{len(matrix.prompts)} prompts to {'learn from' if name == 'train' else 'judge by'}"
            violations.append(Violation(f"split {name}", f"{found}, at least {least} are needed", "collect more"))
    if violations:
        raise OutcomesError(violations)
    return train, validation_rows
