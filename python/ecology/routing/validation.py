"""Several models on the same validation rows: what thresholds are solved from, and nothing else is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import OutcomesError, Violation
from .matrix import Matrix, split_by_prompt
from .outcome import Outcome
from .outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .router import Router

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["LEAST_ROWS", "Validation", "validation_rows"]

LEAST_ROWS = 20
"""Below this many rows where every model was observed nothing is solved."""


@dataclass(frozen=True)
class Validation:
    """Models on the same validation rows; arrays are [n, models].

    `score` in [0, 1]; `leg` is the leg confidence; `decision` the decision confidence of a router, if there is one;
    `cost` [models] the mean cost of one call, in any one unit; `row_cost` that of each call, where it is known, and
    `row_latency` its latency in milliseconds; `expected` what that router reckons each call costs.
    """

    models: tuple[str, ...]
    score: Floats
    leg: Floats
    cost: Floats
    decision: Floats | None = None
    row_cost: Floats | None = None
    row_latency: Floats | None = None
    expected: Floats | None = None

    @property
    def costs(self) -> Floats:
        """What each call costs, [n, models]: as measured, else the model's mean."""
        import numpy as np

        return np.broadcast_to(self.cost, self.score.shape) if self.row_cost is None else self.row_cost

    @property
    def reckoned(self) -> Floats:
        """What a router weighs against score, [n, models] or [models]: by prompt if it can tell, else the means."""
        return self.cost if self.expected is None else self.expected

    @property
    def latencies(self) -> Floats:
        """Milliseconds of each call, [n, models]; 0 where nobody measured."""
        import numpy as np

        return np.zeros(self.score.shape) if self.row_latency is None else self.row_latency

    def of(self, model: str) -> int:
        """The column of a model."""
        return self.models.index(model)


def validation_rows(
    outcomes: Sequence[Outcome],
    *,
    models: Collection[str] | None = None,
    router: Router | None = None,
    seed: int = 0,
    validation_share: float = 0.2,
    part: Literal["val", "train"] = "val",
) -> tuple[Validation, bool]:
    """The validation rows on which every model was observed, and whether costs are money (else milliseconds).

    `part = "train"` gives the other rows: fresh for whoever was not fitted on them, never for a router.

    Leg confidences are NaN in the column of a model that does not always state one. `models` restricts to some;
    `router` gives the decision confidences, if it knows them all.

    Raises:
        OutcomesError: fewer than `LEAST_ROWS` such rows, fewer than two models, neither costs nor latencies, or a
            router that was fitted on validation rows, too (`refit`).
    """
    import numpy as np

    table = Outcomes.read(outcomes)
    if models is not None:
        table = table.of_models([model for model in table.models if model in models])
    validation = split_by_prompt(table, validation_share, seed)[part == "val"]
    chosen = table.split(validation_share, seed)[part == "val"]
    leg = Matrix.of(chosen, validation.models, "leg_confidence").scores.astype(np.float64)
    whole = ~np.isnan(validation.scores).any(axis=1)
    n = int(whole.sum())
    if n < LEAST_ROWS:
        name = "validation" if part == "val" else "training"
        problem = f"{n} {name} prompts have an outcome of every model, at least {LEAST_ROWS} are needed"
        raise OutcomesError([Violation(f"split {part}", problem, "collect every model on the same prompts")])
    score, leg = validation.scores[whole].astype(np.float64), leg[whole]
    usd, latency = (table[whole].astype(np.float64) for table in (validation.cost_usd, validation.latency_ms))
    known_usd, known_ms = (not np.isnan(table).all(axis=0).any() for table in (usd, latency))
    money = bool(known_usd and np.nansum(usd) > 0)
    if not money and not known_ms:
        fix = "add the column cost_usd, or latency_ms to go by time"
        raise OutcomesError([Violation("cost_usd", "some model has no costs", fix)])
    cost = _filled(usd if money else latency)
    decision, expected = None, None
    if router is not None and router.card.get("refit"):
        problem = "the router was fitted on the validation rows, too (refit)"
        raise OutcomesError([Violation("router", problem, "fit it without refit")])
    if router is not None and set(validation.models) <= set(router.models):
        columns = [router.models.index(model) for model in validation.models]
        asked = [validation.prompts[row] for row in np.flatnonzero(whole)]
        decision = router.score_batch(asked)[:, columns].astype(np.float64)
        reckoned = (router.expected_cost_batch if money else router.expected_latency_batch)(asked)[:, columns]
        if not np.isnan(reckoned).any():
            expected = reckoned.astype(np.float64)
    return (
        Validation(
            tuple(validation.models),
            score,
            leg,
            cost.mean(axis=0),
            decision,
            cost,
            _filled(latency) if known_ms else None,
            expected,
        ),
        money,
    )


def _filled(values: Floats) -> Floats:
    """Where one call's number is unknown, the model's mean."""
    import numpy as np

    out: Floats = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    return out
