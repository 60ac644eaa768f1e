"""From a prompt to features, and to a decision among 16 models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from corpus import Corpus
from descriptions import sixteen

from ecology import Ecology, Router, _core, read_description
from ecology.engine.handle import compile_population, engine_of
from ecology.engine.request import core_arguments

STATED = {"task": "assist", "account": "acme/web"}


def test_signals(benchmark, prompt: str) -> None:
    """Named signals of the median prompt, as a dictionary."""
    assert "words" in benchmark(_core.signals, prompt)


def test_extract(benchmark, prompt: str) -> None:
    """Hashed n-grams of the median prompt, as two arrays."""
    indices, values = benchmark(_core.extract, prompt)
    assert len(indices) == len(values)


def test_router_route(benchmark, router: Router, prompt: str) -> None:
    """`Router.route`: learned, 16 models, no accounts."""
    assert benchmark(router.route, prompt).model


def test_router_route_batch_of_1000(benchmark, router: Router, corpus: Corpus) -> None:
    """`Router.route_batch` on all cores."""
    assert len(benchmark(router.route_batch, corpus.prompts)["model"]) == 1_000


def test_ecology_route(
    benchmark, opened: Callable[[str], Ecology], router: Router, corpus: Corpus, prompt: str, tmp_path: Path
) -> None:
    """`Ecology.route` with a task and a payer: what the first row of SPEED.md times."""
    router.save(tmp_path / "router.safetensors")
    ecology = opened(sixteen(corpus.models))
    assert benchmark(ecology.route, prompt, **STATED).calibrated


def test_engine_route(benchmark, router: Router, corpus: Corpus, prompt: str, tmp_path: Path) -> None:
    """`Engine.route` with the arguments made once: `Ecology.route` less the facade."""
    engine = _engine(router, corpus, tmp_path)
    assert benchmark(engine.route, prompt, core_arguments(**STATED)).calibrated


def test_engine_route_batch_of_1000(benchmark, router: Router, corpus: Corpus, tmp_path: Path) -> None:
    """`Engine.route_batch` under one set of constraints."""
    engine = _engine(router, corpus, tmp_path)
    assert len(benchmark(engine.route_batch, corpus.prompts, core_arguments(**STATED))["model"]) == 1_000


def test_compile_of_16_models(benchmark, router: Router, corpus: Corpus, tmp_path: Path) -> None:
    """From TOML on disk to an engine: read, check, load the router, compile."""
    router.save(tmp_path / "router.safetensors")
    (tmp_path / "ecology.toml").write_text(sixteen(corpus.models))
    benchmark(lambda: engine_of(compile_population(read_description(tmp_path))))


def _engine(router: Router, corpus: Corpus, folder: Path) -> _core.Engine:
    router.save(folder / "router.safetensors")
    (folder / "ecology.toml").write_text(sixteen(corpus.models))
    return engine_of(compile_population(read_description(folder)))
