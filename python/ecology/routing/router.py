"""A learned router on its own: from outcomes to decisions in microseconds, without a population.

    router = Router.fit(outcomes)
    router.route("Explain CRDT merges")        # Decision(model=…, confidence=…)
    router.save("router.safetensors")

Prompts are read once into a few numbers, which were chosen because they tell who answers well; each model has a short head over them,
calibrated on prompts that it was not fitted on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import ArtifactError, InvalidRequest
from ..messages import read_input
from ..spec import model_spec, snapshot_spec
from .guard import Guard
from .outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..population.training import Trained

__all__ = ["Router"]


class Router:
    """Ranks models for a prompt. Immutable; safe to share between threads."""

    def __init__(self, weights: _core.RouterWeights, *, min_decision_confidence: float = 0.7) -> None:
        """Serve fitted weights: the cheapest model that reaches `min_decision_confidence`, else the most confident."""
        self._weights = weights
        self._card: dict[str, Any] = json.loads(weights.card)
        models = []
        for model in weights.models:
            facts = self._card.get("models", {}).get(model, {})
            cost, latency = facts.get("cost_usd"), facts.get("latency_ms")
            price = {"known": cost is not None, "per_call": round((cost or 0.0) * 1e9)}
            price |= {"per_token_in": 0.0, "per_token_out": 0.0, "per_compute_ms": 0.0}
            models.append(model_spec(model, price=price, expected_latency_ms=latency, expected_compute_ms=latency))
        spec = snapshot_spec("router", models, features=json.loads(weights.features))
        spec["routing"]["min_decision_confidence"] = min_decision_confidence
        self._engine = _core.Engine(json.dumps(spec), [None] * len(models), weights)

    @classmethod
    def fit(
        cls,
        outcomes: Any,
        *,
        embedding: _core.StaticEmbedding | str | os.PathLike[str] | None = None,
        validation_share: float = 0.2,
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
        trained_on: Trained | None = None,
    ) -> Router:
        """Fit on outcomes: anything that `Outcomes.read` reads.

        Rows with `split` "train" and "val" are used as they say; otherwise prompts are split by a hash. Several forms of router are
        tried, and the simplest that is as good as the best within noise is kept (`card["family"]`). What it is worth is measured on
        the validation rows and kept in `card`; see `guard`.

        `embedding` is a static embedding or the file of one: prompts are then compared by meaning, too. `progress` is told a rising
        number in [0, 1]. `trained_on` is a description, or maps models to fingerprints of the prompts that they were trained on.

        Raises:
            OutcomesError: with all that is wrong.
            SeenInTraining: a model of `trained_on` has an outcome on a prompt that it has seen, without a `fold`.
        """
        from .fit import fit_weights

        table = Outcomes.read(outcomes)
        if trained_on is not None:
            table.check_training(trained_on)

        def score(weights: _core.RouterWeights, prompts: list[str]) -> npt.NDArray[np.float32]:
            return cls(weights).score_batch(prompts)

        options: dict[str, Any] = {"embedding": embedding, "validation_share": validation_share}
        return cls(fit_weights(table, score, **options, seed=seed, progress=progress))

    @property
    def models(self) -> list[str]:
        """The models that it ranks, in the order of the columns of `score_batch`."""
        return self._weights.models

    @property
    def digest(self) -> str:
        """SHA-256 of the file it is saved as."""
        return self._weights.digest

    @property
    def card(self) -> dict[str, Any]:
        """What it was fitted on, and what it was worth on validation prompts."""
        return self._card

    @property
    def guard(self) -> Guard:
        """Whether it beats the best single model and the best fixed mixture."""
        return Guard(**self._card["guard"])

    def route(self, prompt: str) -> _core.Decision:
        """Rank the models for one prompt.

        Raises:
            InvalidRequest: the prompt is empty or not valid text.
        """
        decision = self._engine.route_plain(prompt, None, None, None, None, None, None, None)
        return self._engine.route(read_input(prompt)[0]) if decision is None else decision

    def route_batch(self, prompts: Sequence[str]) -> dict[str, Any]:
        """Rank for many prompts on all cores: columns `model` (list) and `confidence` (float32 [n]).

        Raises:
            InvalidRequest: `prompts` is one string, or a prompt is empty or not valid text.
        """
        return self._engine.route_batch(_checked(prompts))

    def score_batch(self, prompts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Calibrated P(good), float32 [n, models].

        Raises:
            InvalidRequest: as `route_batch`.
        """
        scores = self._engine.score_batch(_checked(prompts))
        assert scores is not None, "the engine was given these weights"
        return scores

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write a safetensors file, whole or not at all; returns its digest."""
        return self._weights.write(Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Router:
        """Read a file that `save` wrote.

        Raises:
            ArtifactError: it is not one, or it was truncated.
        """
        weights = _core.RouterWeights.read(Path(path))
        try:
            return cls(weights)
        except ValueError as error:
            fix = "restore the file, or train it again"
            raise ArtifactError(str(path), f"its card cannot be read: {error}", fix) from error

    def __repr__(self) -> str:
        return f"Router(models={self.models}, prompts={self._card.get('prompts')})"


def _checked(prompts: Sequence[str]) -> list[str]:
    if isinstance(prompts, str):
        raise InvalidRequest(problem="prompts is one string; give a list of them, or call route()")
    checked = list(prompts)
    for number, prompt in enumerate(checked):
        if not isinstance(prompt, str) or not prompt or prompt.isspace():
            raise InvalidRequest(problem=f"prompt {number} is {prompt!r}; give some text")
        if not prompt.isascii():
            read_input(prompt)
    return checked
