"""Outcomes for those who have none: a sample of prompts through every model, scored.

A model has no outcome on a prompt that it was trained on (the manifest's `training_prompts`), nor on a file that it was
trained on (`data_digests`): what it does on rows that it has seen says nothing about what it will do on others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..errors import AllLegsFailed, AllLegsRefused, BudgetExhausted, DeadlineExceeded, InvalidRequest, NoEligibleModel
from ..policy import Budget
from ..population.training import fingerprint, read_trained
from ..routing import Outcome
from .answers import Answers
from .scorer import Judge, Scorer

__all__ = ["Collection", "collect"]

ACCOUNT = "outcomes-collect"
"""Who pays for collecting; needs no limit of its own, since `usd` is one."""

UNREACHED = ("unavailable", "occupied")
"""Outcomes of a leg that say nothing about the model: it never read the prompt."""


@dataclass
class Collection:
    """The outcomes, and everything that kept one from being there."""

    outcomes: list[Outcome] = field(default_factory=list)
    trained_on_it: list[str] = field(default_factory=list)
    seen_in_training: int = 0
    failed: int = 0
    why_failed: str = ""
    unreached: int = 0
    why_unreached: str = ""
    unscored: int = 0
    why_unscored: str = ""
    not_eligible: int = 0
    cost_usd: float = 0.0
    budget_spent: bool = False


def collect(
    ecology: Answers,
    rows: Sequence[tuple[str, str | None]],
    scorer: Scorer,
    *,
    task: str | None = None,
    usd: float | None = None,
    data_digest: str | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Collection:
    """Ask every serving model every prompt of `rows` (prompt, expected) and score what it says.

    Stops before `usd` would be passed. A model that fails on a prompt scores 0 there: whoever asks it gets nothing. A
    model that may not serve the prompt, or that cannot be reached (its server is down or busy), has no outcome for it:
    a router that learnt from those would avoid the model for ever.
    """
    collection = Collection()
    models: list[str] = []
    seen = read_trained(ecology.description)
    for model in ecology.description.models:
        if model.role.answers and model.stage.serves:
            trained = data_digest is not None and data_digest in model.data_digests
            (collection.trained_on_it if trained else models).append(model.id)
    for number, (prompt, expected) in enumerate(rows):
        mark = fingerprint(prompt)
        for model_id in models:
            if mark in seen.get(model_id, ()):
                collection.seen_in_training += 1
                continue
            try:
                _one(collection, ecology, scorer, prompt, expected, model_id, task, usd)
            except BudgetExhausted:
                collection.budget_spent = True
                return collection
        progress((number + 1) / len(rows))
    return collection


def _one(
    collection: Collection,
    ecology: Answers,
    scorer: Scorer,
    prompt: str,
    expected: str | None,
    model_id: str,
    task: str | None,
    usd: float | None,
) -> None:
    """One model on one prompt: its outcome, or why there is none.

    Raises:
        BudgetExhausted: what is left of `usd` does not pay for the call, or for the judge's.
    """

    def left() -> float | None:
        return None if usd is None else max(0.0, usd - collection.cost_usd)

    before = left()
    budget = None if before is None else Budget(usd=before)
    try:
        answer = ecology.answer(prompt, task=task, model=model_id, account=ACCOUNT, budget=budget)
    except NoEligibleModel:
        collection.not_eligible += 1
        return
    except (AllLegsFailed, AllLegsRefused, DeadlineExceeded) as error:
        collection.cost_usd += sum(leg["cost_usd"] for leg in error.legs)
        told = next((f"{leg['model']}: {leg['fault'] or leg['outcome']}" for leg in error.legs), "")
        if error.legs and all(leg["outcome"] in UNREACHED for leg in error.legs):
            collection.unreached += 1
            collection.why_unreached = collection.why_unreached or told
            return
        collection.failed += 1
        collection.why_failed = collection.why_failed or told
        collection.outcomes.append(Outcome(prompt, model_id, 0.0, task=task))
        return
    collection.cost_usd += answer.cost_usd
    judged = 0.0
    if isinstance(scorer, Judge):
        scorer.left_usd, judged = left(), scorer.cost_usd
    try:
        score = scorer(prompt, answer.output, expected)
    except (InvalidRequest, AllLegsFailed, AllLegsRefused, DeadlineExceeded) as error:
        if not isinstance(scorer, Judge):
            raise  # a function that is wrong once is wrong; nobody was paid for its opinion
        # An abstention: what was paid for so far is kept, and the first reason is told.
        collection.unscored += 1
        collection.why_unscored = collection.why_unscored or str(error)
        return
    finally:
        if isinstance(scorer, Judge):
            collection.cost_usd += scorer.cost_usd - judged
    # The leg's own confidence, not the answer's, which may be the router's: a cascade reads the former.
    (leg,) = [leg for leg in answer.attribution["legs"] if leg["chosen"]]
    collection.outcomes.append(
        Outcome(
            prompt,
            model_id,
            score,
            cost_usd=answer.cost_usd,
            latency_ms=answer.latency_ms,
            task=task,
            leg_confidence=leg["confidence"],
        )
    )
