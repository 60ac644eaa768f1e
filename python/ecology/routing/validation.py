"""Several models on the same validation rows: what thresholds are solved from, and nothing else is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    `row_latency` its latency in milliseconds; `expected` what that router reckons each call costs. `votes` holds the
    probabilities, float [n, labels], of models that say what they think of every label, all in one order of labels, and
    `truth` [n] the column of the right one.
    """

    models: tuple[str, ...]
    score: Floats
    leg: Floats
    cost: Floats
    decision: Floats | None = None
    row_cost: Floats | None = None
    row_latency: Floats | None = None
    votes: Mapping[str, Floats] | None = None
    truth: npt.NDArray[np.integer[Any]] | None = None
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

    def averaged(self, first: str, then: str, weights: tuple[float, float]) -> Floats:
        """The score of both votes together, [n]: 1 where the label with the largest weighted sum is the right one.

        Raises:
            ValueError: no votes of one of the two, or nobody said which label is right.
        """
        import numpy as np

        votes = self.votes or {}
        if first not in votes or then not in votes or self.truth is None:
            raise ValueError(f"{first} and {then}: give votes of both, and truth")
        picked = (weights[0] * votes[first] + weights[1] * votes[then]).argmax(axis=1)
        right: Floats = (picked == self.truth).astype(np.float64)
        return right


def validation_rows(
    outcomes: Sequence[Outcome],
    *,
    models: Collection[str] | None = None,
    router: Router | None = None,
    seed: int | None = None,
    validation_share: float | None = None,
    part: Literal["val", "train"] = "val",
) -> tuple[Validation, bool]:
    """The validation rows on which every model was observed, and whether costs are money (else milliseconds).

    `part = "train"` gives the other rows: fresh for whoever was not fitted on them, never for a router.

    Leg confidences are NaN in the column of a model that does not always state one. `models` restricts to some;
    `router` gives the decision confidences, if it knows them all. `seed` and `validation_share` are by default those
    that the router was fitted with (else 0 and 0.2): under others, rows that it learned from would judge it.

    Raises:
        OutcomesError: fewer than `LEAST_ROWS` such rows, fewer than two models, neither costs nor latencies, or a
            router that was fitted on validation rows, too (`refit`).
    """
    import numpy as np

    card = {} if router is None else router.card
    seed = card.get("seed", 0) if seed is None else seed
    validation_share = card.get("validation_share", 0.2) if validation_share is None else validation_share
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
            expected=expected,
        ),
        money,
    )


def _filled(values: Floats) -> Floats:
    """Where one call's number is unknown, the model's mean."""
    import numpy as np

    out: Floats = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    return out
