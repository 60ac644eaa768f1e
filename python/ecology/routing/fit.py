"""From outcomes to router weights: what is checked, what is extracted, and what the card says afterwards.

The numbers are found in Rust (`ecology-learn`, `factored`); here rows become arrays and mistakes become words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import OutcomesError, Violation
from .explain import evidence
from .family import Trial
from .guard import Guard, judge_router, orchestration_cost
from .matrix import Matrix, split_by_prompt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .outcomes import Outcomes

    # P(good) and, in US dollars, what a call costs.
    Scorer = Callable[[_core.RouterWeights, list[str]], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]

__all__ = ["fit_weights"]

MOST_TASKS = 64
# Of the whole, what reading prompts and judging take.
READ, JUDGED = 0.1, 0.05


def fit_weights(
    outcomes: Outcomes,
    score: Scorer,
    *,
    embedding: _core.StaticEmbedding | str | os.PathLike[str] | None = None,
    signals: bool | None = None,
    validation_share: float = 0.2,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
    keep_texts: bool = False,
    refit: bool = False,
) -> _core.RouterWeights:
    """Fit, judge and describe a factored router.

    Args:
        outcomes: checked rows.
        score: gives P(good) and expected US dollars, float32 [n, models], of prompts under weights: how they will be
            served.
        embedding: a static embedding, or the file of one. Without it, prompts are hashed n-grams.
        signals: whether named signals (length, structure, …) are features too: they help with costs. By default if
            there is an embedding. All linear members of a population need the features of its router.
        validation_share: of the prompts, if the rows do not say which are for validation.
        seed: of split, folds and orders. The same rows in any order and the same seed give the same bytes.
        keep_texts: whether the card keeps prompts near each prototype as texts; else as fingerprints.
        progress: told a rising number in [0, 1], from any thread.
        refit: whether to fit once more on all rows after the judgement; the card then has `refit`.

    Raises:
        OutcomesError: too few rows or models, a model that is not among the rows to learn from, or scores
            that are all alike.
        ArtifactError: the file is no static embedding.
    """
    tell = progress or (lambda _: None)
    _check_options(validation_share, seed)
    if isinstance(embedding, str | os.PathLike):
        embedding = _core.StaticEmbedding.load(Path(embedding))
    train, validation = (_in_order(part) for part in split_by_prompt(outcomes, validation_share, seed))
    _check(train)
    spec = json.loads(_core.default_features())
    if signals or (signals is None and embedding is not None):
        spec["signals"] = True
    rows, validation_rows = (_core.Features(part.prompts, json.dumps(spec), embedding) for part in (train, validation))
    tell(READ)
    # Of what is left, the first fit's share.
    share = (1 - READ - JUDGED) / (2 if refit else 1)
    facts = {model: _facts(train, column) for column, model in enumerate(train.models)}
    tasks, names = _tasks(outcomes, train)
    try:
        fitted = _core.fit_factored(
            rows,
            train.scores,
            validation_rows,
            validation.scores,
            train.models,
            _prices(facts)[0],
            tasks=tasks,
            task_names=names,
            cost=train.cost_usd,
            validation_cost=validation.cost_usd,
            latency=train.latency_ms,
            validation_latency=validation.latency_ms,
            seed=seed,
            progress=lambda done: tell(READ + done * share),
        )
    except ValueError as error:
        raise OutcomesError([Violation("outcomes", str(error), "collect more outcomes")]) from error
    trials = [Trial(**trial) for trial in json.loads(fitted.family)]
    card: dict[str, Any] = {
        "prompts": len(train.prompts),
        "seed": seed,
        "validation_share": validation_share,
        "models": facts,
        "tasks": names,
        "family": [trial.to_dict() for trial in trials],
        "data_digest": outcomes.digest,
        "features": json.loads(rows.features),
    }
    judged = fitted.weights(json.dumps(card))
    confidence, expected = score(judged, validation.prompts)
    card["validation"] = _quality(validation, confidence)
    card["guard"] = _guard(validation, confidence, expected, facts, seed).__dict__
    if refit:
        whole = _in_order(train.with_rows(validation))
        tasks, _ = _tasks(outcomes, whole, names)
        fitted = _again(
            _core.Features(whole.prompts, json.dumps(spec), embedding),
            whole.scores,
            _core.Features([], json.dumps(spec), embedding),
            whole.scores[:0],
            whole.models,
            _prices(facts)[0],
            tasks=tasks,
            task_names=names,
            cost=whole.cost_usd,
            validation_cost=whole.cost_usd[:0],
            latency=whole.latency_ms,
            validation_latency=whole.latency_ms[:0],
            seed=seed,
            progress=lambda done: tell(READ + share + done * share),
        )
        card["refit"] = True
    card["evidence"] = evidence(fitted.weights(json.dumps(card)), train.prompts, keep_texts=keep_texts)
    weights = fitted.weights(json.dumps(card), outcomes.digest)
    tell(1.0)
    return weights


def _check_options(validation_share: float, seed: int) -> None:
    wrong = []
    if not 0 < validation_share < 1:
        wrong.append(Violation("validation_share", f"{validation_share!r} is not between 0 and 1", "give 0.2"))
    if not 0 <= seed < 1 << 64:
        wrong.append(Violation("seed", f"{seed!r} is not in [0, 2^64)", "give 0"))
    if wrong:
        raise OutcomesError(wrong)


def _again(*rows: Any, **options: Any) -> _core.FittedRouter:
    try:
        return _core.fit_factored(*rows, **options)
    except ValueError as error:
        raise OutcomesError([Violation("outcomes", str(error), "fit without refit")]) from error


def _in_order(matrix: Matrix) -> Matrix:
    """Rows by prompt: who lists the same outcomes in another order gets the same router."""
    import numpy as np

    order = sorted(range(len(matrix.prompts)), key=matrix.prompts.__getitem__)
    at = np.array(order, np.intp)
    return replace(
        matrix,
        prompts=[matrix.prompts[row] for row in order],
        scores=matrix.scores[at],
        cost_usd=matrix.cost_usd[at],
        latency_ms=matrix.latency_ms[at],
    )


def _check(train: Matrix) -> None:
    import numpy as np

    seen = train.scores[~np.isnan(train.scores)]
    if seen.size and (seen == seen[0]).all():
        problem = f"every score is {float(seen[0]):g}: no model is better than another anywhere"
        raise OutcomesError([Violation("score", problem, "score answers so that good and bad ones differ")])


def _tasks(
    outcomes: Outcomes, train: Matrix, given: list[str] | None = None
) -> tuple[npt.NDArray[np.int32] | None, list[str]]:
    """The number of each training prompt's task, and the names of tasks: the most frequent ones, if they are many, or
    those that are `given`."""
    import numpy as np

    words = outcomes.words("task")
    if words is None:
        return None, []
    of_prompt = np.full(len(outcomes.prompts), -1, np.int32)
    known = words.codes >= 0
    of_prompt[outcomes.prompt_codes[known]] = words.codes[known]
    number = {prompt: at for at, prompt in enumerate(outcomes.prompts)}
    mine = of_prompt[[number[prompt] for prompt in train.prompts]]
    if given is not None:
        mine[~np.isin(mine, [code for code, value in enumerate(words.values) if value in given])] = -1
    codes, counts = np.unique(mine[mine >= 0], return_counts=True)
    if len(codes) < 2:
        return None, []
    by_size = sorted(zip(-counts, (words.values[code] for code in codes), codes, strict=True))[:MOST_TASKS]
    chosen = sorted((name, code) for _, name, code in by_size)
    new = np.full(len(words.values) + 1, -1, np.int32)
    for at, (_, code) in enumerate(chosen):
        new[code] = at
    return new[mine], [name for name, _ in chosen]


def _facts(train: Matrix, column: int) -> dict[str, float | None]:
    import numpy as np

    def mean(values: Any) -> float | None:
        seen = values[~np.isnan(values)]
        return float(seen.mean()) if seen.size else None

    return {
        "score": mean(train.scores[:, column]),
        "cost_usd": mean(train.cost_usd[:, column]),
        "latency_ms": mean(train.latency_ms[:, column]),
    }


def _prices(facts: dict[str, dict[str, float | None]]) -> tuple[list[float], bool]:
    """What a call of each model takes, and whether that is money: it is where money is known of all, else time."""
    costs = [fact["cost_usd"] for fact in facts.values()]
    money = all(cost is not None for cost in costs)
    known = costs if money else [fact["latency_ms"] for fact in facts.values()]
    if any(value is None for value in known):  # what is unknown is not free: then nothing is compared by cost
        return [0.0] * len(known), money
    return [value or 0.0 for value in known], money


def _guard(
    validation: Matrix,
    confidence: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float32],
    facts: dict[str, dict[str, float | None]],
    seed: int,
) -> Guard:
    import numpy as np

    prices, money = _prices(facts)
    cost = np.array(prices, dtype=np.float64)
    # Where nothing is known of any cost, choosing has none that could be compared.
    charged = orchestration_cost(money) if cost.any() else 0.0
    return judge_router(validation, confidence, cost, seed, charged, expected if money else None)


def _quality(validation: Matrix, confidence: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Squared error of P(good) on validation rows, for each model and over all; None where nothing was observed."""
    import numpy as np

    errors = (confidence.astype(np.float64) - validation.scores) ** 2
    seen = ~np.isnan(errors)

    def mean(values: Any, observed: Any) -> float | None:
        return float(values[observed].mean()) if observed.any() else None

    brier = {model: mean(errors[:, at], seen[:, at]) for at, model in enumerate(validation.models)}
    return {"prompts": len(validation.prompts), "brier": mean(errors, seen), "brier_of": brier}
