"""Who is asked about: the probability with which another policy would have chosen each model for each prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import OffPolicyError, Violation
from ...routing.router import Router

__all__ = ["Policy", "Target"]

Policy = str | Mapping[str, float] | Router | Callable[[list[str], list[str]], Any]
"""A model's name, a fixed mixture (model → share), a router as it serves, or a function of prompts and models to
probabilities [prompts, models]."""

SLACK = 1e-6


@dataclass(frozen=True)
class Target:
    """What the policy is called, and its probabilities, float64 [prompts, models]; `data` is the digest of the outcomes
    that it was fitted on, where it says so."""

    name: str
    probability: npt.NDArray[np.float64]
    data: str | None = None

    @classmethod
    def of(cls, policy: Policy, prompts: list[str], models: list[str]) -> Target:
        """Of the prompts of a log, over the models that it observed.

        Raises:
            OffPolicyError: it chooses models that the log never chose, or gives no probabilities.
        """
        if isinstance(policy, str):
            return cls(f"always {policy}", _mixture({policy: 1.0}, len(prompts), models))
        if isinstance(policy, Mapping):
            shares = ", ".join(f"{model} {share:.0%}" for model, share in policy.items())
            return cls(f"mixture of {shares}", _mixture(policy, len(prompts), models))
        if isinstance(policy, Router):
            return cls("router", _routed(policy, prompts, models), policy.card.get("data_digest"))
        name = getattr(policy, "__name__", type(policy).__name__)
        return cls(name, _checked(policy(list(prompts), list(models)), (len(prompts), len(models)), name))


def _mixture(shares: Mapping[str, float], prompts: int, models: list[str]) -> npt.NDArray[np.float64]:
    _known(shares, models)
    row = np.zeros(len(models))
    for model, share in shares.items():
        row[models.index(model)] = share
    return np.broadcast_to(_checked(row[None, :], (1, len(models)), "mixture"), (prompts, len(models)))


def _routed(router: Router, prompts: list[str], models: list[str]) -> npt.NDArray[np.float64]:
    """As it serves: one model a prompt."""
    chosen = [str(model) for model in router.route_batch(prompts)["model"]]
    _known(dict.fromkeys(chosen), models)
    probability = np.zeros((len(prompts), len(models)))
    at = {model: column for column, model in enumerate(models)}
    probability[np.arange(len(prompts)), [at[model] for model in chosen]] = 1.0
    return probability


def _known(chosen: Mapping[str, Any], models: Sequence[str]) -> None:
    fix = f"the log has: {', '.join(models)}; collect outcomes of it first"
    absent = [model for model in chosen if model not in models]
    if absent:
        raise OffPolicyError([Violation(f"model {model}", "the log never chose it", fix) for model in absent])


def _checked(given: Any, shape: tuple[int, int], name: str) -> npt.NDArray[np.float64]:
    try:
        probability = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OffPolicyError([Violation(name, f"it gives no numbers: {error}", "give [prompts, models]")]) from error
    wrong = []
    if probability.shape != shape:
        wrong.append(Violation(name, f"it gives {probability.shape}", f"give probabilities {shape}"))
    elif not (probability >= 0).all():
        wrong.append(Violation(name, "some probabilities are below 0 or NaN", "give 0 or more"))
    elif strays := int((np.abs(probability.sum(axis=1) - 1) > SLACK).sum()):
        total = float(probability.sum(axis=1)[np.abs(probability.sum(axis=1) - 1).argmax()])
        wrong.append(Violation(name, f"{strays} of {shape[0]} rows sum to {total:g} or the like", "let each sum to 1"))
    if wrong:
        raise OffPolicyError(wrong)
    return probability
