"""From an answer to a score in [0, 1]: by label, by a function of the user's, or by a judge of the population."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..backends import CallableBackend
from ..engine.description import Description
from ..errors import AllLegsFailed, AllLegsRefused, DeadlineExceeded, InvalidRequest, UnknownModel
from ..policy import Budget, Defaults, Direct, Policy
from ..population import Role
from .answers import Answers

__all__ = ["Judge", "Scorer", "callable_scorer", "label_scorer"]

Scorer = Callable[[str, Any, str | None], float]
"""(prompt, output, expected) → score."""

GOOD = {"good": 1.0, "yes": 1.0, "pass": 1.0, "correct": 1.0, "bad": 0.0, "no": 0.0, "fail": 0.0, "wrong": 0.0}


def label_scorer(prompt: str, output: Any, expected: str | None) -> float:
    """1 when the output is the expected label, but for case and surrounding spaces.

    >>> label_scorer("hi", " Greeting ", "greeting")
    1.0
    """
    return float(str(output).strip().lower() == str(expected).strip().lower())


def callable_scorer(target: str, root: Path) -> Scorer:
    """`package.module:function`, called with (prompt, output, expected).

    Raises:
        ArtifactError: it cannot be imported.
    """
    function: Callable[..., Any] = CallableBackend(kind="callable", target=target).load(root)

    def score(prompt: str, output: Any, expected: str | None) -> float:
        try:
            said = function(prompt, output, expected)
        except Exception as error:  # whatever a user's function raises
            problem = f"{target} raised {type(error).__name__}: {error} on the prompt {prompt[:80]!r}; mend it"
            raise InvalidRequest(problem=problem) from error
        return _score(said, target)

    return score


class Judge:
    """A model of role `judge`: it gets `{"prompt", "output", "expected"}` and says a number in [0, 1], good or bad.

    It is called like any model, inside its timeout and its contract, by a population of its own that `serve` opens, and
    its calls cost money like any other: `cost_usd` is what they have cost, `left_usd` what the next one may cost.

    Raises:
        UnknownModel: there is no such judge.
    """

    def __init__(self, description: Description, name: str, serve: Callable[[Description], Answers]) -> None:
        judge = description.find(name)
        if judge is None or judge.role is not Role.JUDGE:
            raise UnknownModel(name, [model.id for model in description.models if model.role is Role.JUDGE])
        # Alone in a population of its own, where judging is the request.
        contract = judge.contract.model_copy(update={"modalities": ("json", "text"), "tasks": ("any",)})
        alone = judge.model_copy(update={"role": Role.CHAMPION, "fallback": None, "contract": contract})
        policy = Policy(defaults=Defaults(), default_plan=Direct(max_fallbacks=0), grants=description.policy.grants)
        bench = Description(f"{description.name}: judge", (alone,), policy, description.root, description.source)
        self._name = judge.id
        self._bench = serve(bench)
        self.cost_usd = 0.0
        self.left_usd: float | None = None

    def __call__(self, prompt: str, output: Any, expected: str | None) -> float:
        """The score of one answer.

        Raises:
            InvalidRequest: the verdict is no score. BudgetExhausted, AllLegsFailed, AllLegsRefused, DeadlineExceeded:
            there is none.
        """
        asked = {"prompt": prompt, "output": output, "expected": expected}
        budget = None if self.left_usd is None else Budget(usd=self.left_usd)
        try:
            answer = self._bench.answer(asked, budget=budget)
        except (AllLegsFailed, AllLegsRefused, DeadlineExceeded) as error:
            self.cost_usd += sum(leg["cost_usd"] for leg in error.legs)
            raise
        self.cost_usd += answer.cost_usd
        said = answer.output
        return _score(said.get("score") if isinstance(said, dict) else said, self._name)


def _score(said: Any, whose: str) -> float:
    if isinstance(said, str):
        said = GOOD.get(said.strip().lower(), said)
    try:
        score = float(said)
    except (TypeError, ValueError):
        score = math.nan
    if not 0 <= score <= 1:
        raise InvalidRequest(problem=f"{whose} said {said!r}; a score is a number in [0, 1], or good or bad")
    return score
