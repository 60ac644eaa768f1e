"""A learned router on its own: from outcomes to decisions in microseconds, without a population.

    router = Router.fit(outcomes)
    router.route("Explain CRDT merges")        # Decision(model=…, confidence=…)
    router.save("router.safetensors")

Prompts are read once into a few numbers, which were chosen because they tell who answers well; each model has a short
head over them, calibrated on prompts that it was not fitted on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import ArtifactError, InvalidRequest, UnknownModel
from ..messages import read_input
from ..spec import model_spec, snapshot_spec
from .guard import Guard
from .outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..population.training import Trained
    from .explain import Explanation

__all__ = ["Router"]

# Models that a repr names.
SHOWN = 6


class Router:
    """Ranks models for a prompt. Immutable; safe to share between threads."""

    def __init__(self, weights: _core.RouterWeights, *, min_decision_confidence: float = 0.7) -> None:
        """Serve fitted weights: the cheapest model that reaches `min_decision_confidence`, else the most confident."""
        self._weights = weights
        self._min_decision_confidence = min_decision_confidence
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
        signals: bool | None = None,
        validation_share: float = 0.2,
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
        trained_on: Trained | None = None,
        keep_texts: bool = False,
        refit: bool = False,
    ) -> Router:
        """Fit on outcomes: anything that `Outcomes.read` reads.

        Rows with `split` "train" and "val" are used as they say; otherwise prompts are split by a hash. Several forms
        of router are tried, and the simplest that is as good as the best within noise is kept (`card["family"]`).
        What it is worth is measured on the validation rows and kept in `card`; see `guard`.

        `embedding` is a static embedding or the file of one: prompts are then compared by meaning, too. `signals`
        adds named signals to the features (by default with an embedding). `progress` is
        told a rising number in [0, 1]. `trained_on` is a description, or maps models to fingerprints of the prompts
        that they were trained on. With `keep_texts` the file holds a few training prompts as texts, for `explain`; by
        default only fingerprints of them. With `refit` the router that was judged is fitted once more on training and
        validation prompts together, and calibrated by what heads say of prompts that they did not see: more rows, for
        twice the time. Guard and card keep what the first fit was worth; nothing else may be solved or measured on the
        validation prompts of such a router.

        Raises:
            OutcomesError: with all that is wrong.
            SeenInTraining: a model of `trained_on` has an outcome on a prompt that it has seen, without a `fold`.
            ArtifactError: a file of outcomes or of the embedding cannot be read.
        """
        from .fit import fit_weights

        table = Outcomes.read(outcomes)
        if trained_on is not None:
            table.check_training(trained_on)

        def score(weights: _core.RouterWeights, prompts: list[str]) -> tuple[Any, Any]:
            served = cls(weights)
            return served.score_batch(prompts), served.expected_cost_batch(prompts)

        options: dict[str, Any] = {
            "embedding": embedding,
            "signals": signals,
            "validation_share": validation_share,
            "keep_texts": keep_texts,
            "refit": refit,
        }
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
        """Whether it beats the best single model and the best fixed mixture; judged when it was fitted, so models that
        were added since (`card["added"]`) are not among these."""
        return Guard(**self._card["guard"])

    def route(self, prompt: str) -> _core.Decision:
        """Rank the models for one prompt.

        Raises:
            InvalidRequest: the prompt is empty or not valid text.
        """
        decision = self._engine.route_plain(prompt, *[None] * 8)
        return self._engine.route(read_input(prompt)[0]) if decision is None else decision

    def route_batch(self, prompts: Sequence[str]) -> dict[str, Any]:
        """Rank for many prompts on all cores: columns `model` (list), `confidence` (float32 [n]) and `scores` (float32
        [n, models], the rows of `score_batch`).

        Raises:
            InvalidRequest: `prompts` is one string, or a prompt is empty or not valid text.
        """
        return self._engine.route_batch(_checked(prompts), None, True)

    def score_batch(self, prompts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Calibrated P(good), float32 [n, models].

        Raises:
            InvalidRequest: as `route_batch`.
        """
        scores = self._engine.score_batch(_checked(prompts))
        assert scores is not None, "the engine was given these weights"
        return scores

    def gain(self, prompts: Sequence[str], strong: str, weak: str) -> npt.NDArray[np.float32]:
        """Expected score of `strong` less that of `weak`, float32 [n] in about [-1, 1]: send the prompts where it is
        largest to the stronger model.

        This is the difference of the two P(good), except that a side whose calibration is level over ranges of scores
        counts half as its raw score: otherwise prompts would tie that the router can tell apart.

        Raises:
            InvalidRequest: as `route_batch`.
            UnknownModel: the router does not rank one of the two.
        """
        return self._weights.gain(_checked(prompts), self._column(strong), self._column(weak))

    def expected_cost_batch(self, prompts: Sequence[str]) -> npt.NDArray[np.float32]:
        """What each prompt would cost under each model, US dollars, float32 [n, models]: what decisions reckon with.

        A model whose cost does not visibly depend on the prompt has its mean in every row; NaN where no cost is known.

        >>> import ecology as eco
        >>> rows = [(f"{'long ' * (n % 7)}question {n}", m, n % 3 / 2) for n in range(60) for m in ("a", "b")]
        >>> cost = [{"prompt": p, "model": m, "score": s, "cost_usd": 0.5} for p, m, s in rows]
        >>> eco.Router.fit(cost).expected_cost_batch(["one", "two"]).tolist()
        [[0.5, 0.5], [0.5, 0.5]]

        Raises:
            InvalidRequest: as `route_batch`.
        """
        return self._expected(prompts, "cost_usd")

    def expected_latency_batch(self, prompts: Sequence[str]) -> npt.NDArray[np.float32]:
        """How long each model would take for each prompt, milliseconds, float32 [n, models]; as `expected_cost_batch`.

        Raises:
            InvalidRequest: as `route_batch`.
        """
        return self._expected(prompts, "latency_ms")

    def _expected(self, prompts: Sequence[str], fact: str) -> npt.NDArray[np.float32]:
        import numpy as np

        learned = self._weights.expected(_checked(prompts))[fact == "latency_ms"]
        facts = self._card.get("models", {})
        means = [facts.get(model, {}).get(fact) for model in self.models]
        known = np.array([np.nan if mean is None else mean for mean in means], np.float32)
        return np.where(np.isnan(learned), known, learned)

    def explain(self, prompt: str) -> Explanation:
        """The decision for a prompt, and what moved it: signals that stand out, inferred tasks and prototypes with
        the training prompts nearest to them, and what each adds to the chosen model's raw score against the
        runner-up's.

        Raises:
            InvalidRequest: as `route`.
        """
        from .explain import explain

        return explain(self._weights, self._card, self.route(prompt), prompt)

    def add_model(self, outcomes: Any, *, seed: int = 0) -> Router:
        """A router that ranks the models of these outcomes, too. What this one says of the others stays, to the bit.

        Outcomes should be on prompts like those that the router was fitted on: 20 at least, better hundreds.

        Raises:
            OutcomesError: with all that is wrong, such as a model that is ranked already.
        """
        from .newcomer import add_models

        weights = add_models(self._weights, self._card, Outcomes.read(outcomes), seed)
        return type(self)(weights, min_decision_confidence=self._min_decision_confidence)

    def _column(self, model: str) -> int:
        try:
            return self.models.index(model)
        except ValueError:
            raise UnknownModel(model, self.models) from None

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write a safetensors file, whole or not at all; returns its digest."""
        return self._weights.write(Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Router:
        """Read a file that `save` wrote.

        Raises:
            TruncatedArtifact: its end is missing.
            EditedArtifact: it was changed after it was written (files of earlier releases cannot tell).
            OtherFeatures: its features are of a version that this release does not extract.
            ArtifactError: it is not one, or cannot be read.
        """
        weights = _core.RouterWeights.read(Path(path))
        try:
            return cls(weights)
        except ValueError as error:
            fix = "restore the file, or train it again"
            raise ArtifactError(str(path), f"its card cannot be read: {error}", fix) from error

    def __repr__(self) -> str:
        models, kind = self.models, self._weights.kind
        shown = ", ".join(models[:SHOWN]) + (f", … {len(models) - SHOWN} more" if len(models) > SHOWN else "")
        worth = "" if "guard" not in self._card else f", gain={self.guard.gain:+.4f}"
        if added := self._card.get("added"):
            worth += f" before {len(added)} of them {'were' if len(added) > 1 else 'was'} added"
        return f"Router({len(models)} models: {shown}; {kind}, prompts={self._card.get('prompts')}{worth})"

    def _repr_html_(self) -> str:
        from .html import router_html

        return router_html(self)


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
