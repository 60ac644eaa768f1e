"""Outcomes as matrices: prompts by models, split into rows to learn from and rows to judge by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import OutcomesError, Violation
from .outcome import Outcome
from .outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]

__all__ = ["VALIDATION", "Matrix", "split_by_prompt", "split_masks"]

VALIDATION = ("val", "validation")


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

        `value` names the number that `scores` holds. A model of `models` without outcomes is a column of NaN; a model
        that is not in `models` is left out.
        """
        import numpy as np

        table = outcomes if isinstance(outcomes, Outcomes) else Outcomes.read(outcomes)
        column_of = {model: column for column, model in enumerate(models)}
        columns = np.array([column_of.get(model, -1) for model in table.models], np.int32)[table.model_codes]
        if (columns < 0).any():
            table = table.take(columns >= 0)
            columns = columns[columns >= 0]
        shape = (len(table.prompts), len(models))

        def filled(name: str) -> Floats:
            matrix = np.full(shape, np.nan, dtype=np.float32)
            # Where a place occurs more than once, numpy keeps what is assigned last.
            matrix[table.prompt_codes, columns] = table.numbers(name)
            return matrix

        return cls(table.prompts, list(models), filled(value), filled("cost_usd"), filled("latency_ms"))

    def with_rows(self, other: Matrix) -> Matrix:
        """These rows, then those of another matrix of the same models."""
        import numpy as np

        return Matrix(
            [*self.prompts, *other.prompts],
            self.models,
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.cost_usd, other.cost_usd]),
            np.concatenate([self.latency_ms, other.latency_ms]),
        )


def split_masks(outcomes: Outcomes, validation_share: float, seed: int) -> tuple[Mask, Mask]:
    """Which rows are for training and which for validation, bool [n] each.

    By the field `split` if any row has one: then rows that say neither are in neither. Else by a hash of prompt and
    seed, so that a prompt falls on the same side in every table.
    """
    import numpy as np

    if (stated := outcomes.words("split")) is not None:
        return stated.among(("train",)), stated.among(VALIDATION)
    drawn = [
        int.from_bytes(hashlib.sha256(f"{seed}|{prompt}".encode()).digest()[:8]) / 2**64 < validation_share
        for prompt in outcomes.prompts
    ]
    validation = np.array(drawn, bool)[outcomes.prompt_codes]
    return ~validation, validation


def split_by_prompt(outcomes: Sequence[Outcome], validation_share: float, seed: int) -> tuple[Matrix, Matrix]:
    """Train and validation rows: by the field `split` if it is there, else by a hash of prompt and seed.

    Raises:
        OutcomesError: fewer than two models, a model that is in validation rows only, or too few prompts to split.
    """
    table = outcomes if isinstance(outcomes, Outcomes) else Outcomes.read(outcomes)
    models = table.models
    parts = table.split(validation_share, seed)
    train, validation = (Matrix.of(part, models) for part in parts)
    violations = []
    if len(models) < 2:
        violations.append(
            Violation("model", f"there is one model ({', '.join(models)})", "a router needs two to choose between")
        )
    for name, matrix, least in (("train", train, 10), ("val", validation, 5)):
        if len(matrix.prompts) < least:
            found = f"{len(matrix.prompts)} prompts to {'learn from' if name == 'train' else 'judge by'}"
            violations.append(Violation(f"split {name}", f"{found}, at least {least} are needed", "collect more"))
    if not violations:
        for model in sorted(set(models) - set(parts[0].models)):
            problem = "it has no outcome among the rows to learn from"
            violations.append(Violation(f"model {model}", problem, "collect more of it, or leave it out"))
    if violations:
        raise OutcomesError(violations)
    return train, validation
