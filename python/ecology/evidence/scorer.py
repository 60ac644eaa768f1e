"""From an answer to a score in [0, 1]: by label, by a function of the user's, or by a judge of the population."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..backends import CallableBackend
from ..engine.description import Description
from ..errors import InvalidRequest, UnknownModel
from ..policy import Defaults, Direct, Policy
from ..population import Role
from .answers import Answers

__all__ = ["Scorer", "callable_scorer", "judge_scorer", "label_scorer"]

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


def judge_scorer(description: Description, name: str, serve: Callable[[Description], Answers]) -> Scorer:
    """A model of role `judge`: it gets `{"prompt", "output", "expected"}` and says a number in [0, 1], good or bad.

    It is called like any model, inside its timeout and its contract, by a population of its own that `serve` opens.

    Raises:
        UnknownModel: there is no such judge.
    """
    judge = description.find(name)
    if judge is None or judge.role is not Role.JUDGE:
        raise UnknownModel(name, [model.id for model in description.models if model.role is Role.JUDGE])
    # Alone in a population of its own, where judging is the request.
    contract = judge.contract.model_copy(update={"modalities": ("json", "text"), "tasks": ("any",)})
    alone = judge.model_copy(update={"role": Role.CHAMPION, "fallback": None, "contract": contract})
    policy = Policy(defaults=Defaults(), default_plan=Direct(max_fallbacks=0), grants=description.policy.grants)
    bench = serve(Description(f"{description.name}: judge", (alone,), policy, description.root, description.source))

    def score(prompt: str, output: Any, expected: str | None) -> float:
        said = bench.answer({"prompt": prompt, "output": output, "expected": expected}).output
        return _score(said.get("score") if isinstance(said, dict) else said, judge.id)

    return score


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
