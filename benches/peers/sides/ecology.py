"""Ours: the whole job, through the public API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpus import Corpus

from ecology import Ecology, Router, read_description
from ecology.engine.handle import compile_population, engine_of
from ecology.engine.request import core_arguments

__all__ = ["SIDES"]

ACCOUNT = "acme/web"
TASK = "assist"


class EngineSide:
    """An ecology with contracts, a declared account path, and a learned router."""

    name = "ecology  Ecology.route"
    does = "features, score, admission by contract, budget check of two accounts, calibrated confidence, ranking of all"

    def fit(self, corpus: Corpus, folder: Path) -> None:
        """Fit the router and open a description of one callable member per model (`route` never calls it)."""
        learned(corpus).save(folder / "router.safetensors")
        path = folder / "ecology.toml"
        path.write_text(_description(corpus.models))
        self._ecology = Ecology.open(path)
        # The facade has no batch yet: the same population's engine, under the same constraints for all prompts.
        self._engine = engine_of(compile_population(read_description(path)))
        self._constraints = core_arguments(task=TASK, account=ACCOUNT)

    def decide(self, prompt: str) -> Any:
        """One `Ecology.route`, with the task and the payer that a service would state."""
        return self._ecology.route(prompt, task=TASK, account=ACCOUNT)

    def decide_many(self, prompts: Sequence[str]) -> Any:
        """One `Engine.route_batch`."""
        return self._engine.route_batch(prompts, self._constraints)

    def choice(self, decision: Any) -> str:
        """Without the version."""
        return decision.model.partition("@")[0]

    def choices(self, decisions: Any) -> list[str]:
        """Of the column."""
        return [model.partition("@")[0] for model in decisions["model"]]


class RouterSide(EngineSide):
    """The router on its own: no accounts, contracts that accept everything."""

    name = "ecology  Router.route"
    does = "the same under contracts that accept anything, without an account"

    def fit(self, corpus: Corpus, folder: Path) -> None:
        """Fit on outcomes of every model on every prompt."""
        self._router = learned(corpus)

    def decide(self, prompt: str) -> Any:
        """One `Router.route`."""
        return self._router.route(prompt)

    def decide_many(self, prompts: Sequence[str]) -> Any:
        """`Router.route_batch`."""
        return self._router.route_batch(prompts)


_FITTED: dict[int, Router] = {}


def learned(corpus: Corpus) -> Router:
    """A router that was fitted on the corpus; both sides use the same one."""
    if id(corpus) not in _FITTED:
        columns: dict[str, list[Any]] = {"prompt": [], "model": [], "score": [], "cost_usd": [], "latency_ms": []}
        for prompt, good in corpus.train:
            columns["prompt"] += [prompt] * len(corpus.models)
            columns["model"] += [f"{model}@1" for model in corpus.models]
            columns["score"] += [float(model == good) for model in corpus.models]
            columns["cost_usd"] += [0.001] * len(corpus.models)
            columns["latency_ms"] += [100.0] * len(corpus.models)
        _FITTED.clear()
        _FITTED[id(corpus)] = Router.fit(columns)
    return _FITTED[id(corpus)]


def _description(models: Sequence[str]) -> str:
    lines = ['name = "peers"', ""]
    for model in models:
        lines += [
            "[[models]]",
            f'name = "{model}"',
            "timeout_ms = 1000",
            'backend = { kind = "callable", target = "builtins:str" }',
            f'contract = {{ tasks = ["{TASK}"], max_input_bytes = 10_000_000 }}',
            "price = { usd_per_call = 0.001 }",
            "",
        ]
    lines += ["[policy.budgets]", '"acme" = { usd = 1_000_000 }', f'"{ACCOUNT}" = {{ usd = 100_000 }}', ""]
    lines += ["[policy.routing]", 'router = "router.safetensors"', ""]
    return "\n".join(lines)


SIDES = [EngineSide, RouterSide]
