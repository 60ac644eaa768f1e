"""One model more for a router that exists: a head over what it knows of prompts already.

The head is ridge regression of the model's scores on φ, with the penalty that is best on held-out prompts, and is
calibrated on those (`fit_head`). Nothing else of the router changes, so whatever it says of the other models stays as
it was, to the bit.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import OutcomesError, Violation
from .outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["add_models"]

LEAST = 20
# Of heads on the logarithm of an amount.
PENALTY = 100.0


def add_models(
    weights: _core.RouterWeights, card: dict[str, Any], outcomes: Outcomes, seed: int
) -> _core.RouterWeights:
    """These weights with a head for each model of the outcomes.

    Raises:
        OutcomesError: a model is ranked already, has fewer than 20 prompts, or the router has one head per model over
        n-grams.
    """
    import numpy as np

    violations = []
    if weights.kind == "direct":
        place = "router"
        violations.append(Violation(place, "it has no description of prompts that models share", "fit it again"))
    known = set(weights.models)
    matrix = outcomes.matrix()
    counts = (~np.isnan(matrix.scores)).sum(axis=0)
    for model, count in zip(matrix.models, counts.tolist(), strict=True):
        if model in known:
            violations.append(Violation("model", f"{model} is ranked already", "give the change a new version"))
        if count < LEAST:
            problem = f"{model} has outcomes on {count} prompts, at least {LEAST} are needed"
            violations.append(Violation("model", problem, "collect more"))
    if violations:
        raise OutcomesError(violations)
    basis = weights.basis(matrix.prompts)
    wide = basis.astype(np.float64)
    held_out = np.random.default_rng(seed).permutation(len(basis)) < len(basis) // 4
    for column, model in enumerate(matrix.models):
        scores = matrix.scores[:, column].copy()
        facts = {"score": float(np.nanmean(scores))}
        logs = {}
        for name, values in (("cost_usd", matrix.cost_usd), ("latency_ms", matrix.latency_ms)):
            amounts = values[:, column].astype(np.float64)
            seen = amounts > 0
            facts[name] = float(np.nanmean(amounts)) if (~np.isnan(amounts)).any() else None  # type: ignore[assignment]
            logs[name] = _ridge(wide[seen], np.log(amounts[seen]), PENALTY) if seen.sum() >= LEAST else None
        card = card | {"models": card.get("models", {}) | {model: facts}, "added": [*card.get("added", []), model]}
        head, calibration = _head(basis, scores, held_out)
        options = {"cost": logs["cost_usd"], "latency": logs["latency_ms"]}
        weights = weights.with_model(model, head, calibration, json.dumps(card), **options)
    return weights


def _head(
    basis: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], held_out: npt.NDArray[np.bool_]
) -> tuple[tuple[npt.NDArray[np.float32], float], str]:
    import numpy as np

    seen = ~np.isnan(scores)
    learn, judge = seen & ~held_out, seen & held_out
    if min(learn.sum(), judge.sum()) < LEAST // 4:
        learn = judge = seen
    weights, bias, calibration = _core.fit_head(basis[learn], scores[learn], basis[judge], scores[judge])
    return (weights, bias), calibration


def _ridge(basis: Floats, targets: Floats, penalty: float) -> tuple[npt.NDArray[np.float32], float]:
    """Weights and an unpenalised bias."""
    import numpy as np

    means, level = basis.mean(axis=0), targets.mean()
    centred = basis - means
    gram = centred.T @ centred + penalty * np.eye(basis.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (targets - level)).astype(np.float32)
    return weights, float(level - means @ weights)
