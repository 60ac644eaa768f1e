"""The log that another policy is judged on: decisions with their chances, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import OffPolicyError, Violation
from ...routing.outcomes import Outcomes

__all__ = ["MEASURES", "DecisionLog"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

MEASURES = ("score", "cost_usd", "latency_ms")
FIX = "log the probability with which the model was chosen: `propensity` of a decision, written when it is made"


@dataclass(frozen=True)
class DecisionLog:
    """One row a decision: `prompts[prompt[i]]` was given to `models[chosen[i]]` with chance `propensity[i]`.

    `values` has [n] for each of `MEASURES` that any row knows, NaN where it does not. `weight` [n], of mean 1, says for
    how many decisions a row stands: other than 1 where a gap was reweighted.
    """

    prompts: list[str]
    prompt: Codes
    models: list[str]
    chosen: Codes
    propensity: Floats
    values: Mapping[str, Floats]
    timestamp: Floats
    weight: Floats
    left_out: Mapping[str, int]
    digest: str
    slices: list[str | None] | None = None

    def __len__(self) -> int:
        return len(self.chosen)

    @classmethod
    def of(cls, source: Any, by: str | None = None) -> DecisionLog:
        """Of anything that `Outcomes.read` reads, which has `propensity`; prompts may repeat.

        Raises:
            ArtifactError, MissingExtra, OutcomesError: as `Outcomes.read`.
            OffPolicyError: no rows, rows without a propensity, no such slices.
        """
        table = source if isinstance(source, Outcomes) else Outcomes.of_log(source)
        wrong: list[Violation] = []
        propensity = table.numbers("propensity")
        if not len(table):
            wrong.append(Violation("rows", "there are none", "give a longer window"))
        elif missing := int(np.isnan(propensity).sum()):
            fix = FIX if missing == len(table) else f"{FIX}; leave out rows that nobody drew"
            wrong.append(Violation("propensity", f"{missing} of {len(table)} rows have none", fix))
        # A table is checked when it is read; this holds for one that was put together of columns.
        if strange := int((~((propensity > 0) & (propensity <= 1)) & ~np.isnan(propensity)).sum()):
            wrong.append(Violation("propensity", f"{strange} are not in (0, 1]", "give probabilities, above 0"))
        if by is not None and by not in ("task", "split", "fold", "model"):
            wrong.append(Violation(f"by {by}", "a log has no such column", "say task, split, fold or model"))
        if wrong:
            raise OffPolicyError(wrong)
        return cls(
            table.prompts,
            table.prompt_codes.astype(np.intp),
            table.models,
            table.model_codes.astype(np.intp),
            propensity,
            {name: table.numbers(name) for name in MEASURES if not np.isnan(table.numbers(name)).all()},
            table.numbers("timestamp"),
            np.ones(len(table)),
            table.left_out,
            table.digest,
            None if by is None else table.texts(by),
        )
