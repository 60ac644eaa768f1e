"""What the benches of the binding share: prompts, descriptions, and an ecology that is open."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# pytest's importlib mode puts no folder on the path: this one, and the one whose corpus every bench shares.
sys.path.insert(0, str(Path(__file__).parent.parent / "peers"))
sys.path.insert(0, str(Path(__file__).parent))
from corpus import Corpus, make_corpus

from ecology import Ecology, Router, _core

MODELS = 16


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """Prompts of 5 to 400 words, median 49, about 16 topics."""
    return make_corpus(MODELS, train=MODELS * 40, test=1_000)


@pytest.fixture(scope="session")
def prompt(corpus: Corpus) -> str:
    """The prompt of median length."""
    return sorted(corpus.prompts, key=len)[len(corpus.prompts) // 2]


@pytest.fixture(scope="session")
def router(corpus: Corpus) -> Router:
    """Fitted on the topics; `b` of 16 models is good at each."""
    columns: dict[str, list[object]] = {"prompt": [], "model": [], "score": [], "cost_usd": []}
    for prompt, good in corpus.train:
        columns["prompt"] += [prompt] * MODELS
        columns["model"] += [f"{model}@1" for model in corpus.models]
        columns["score"] += [float(model == good) for model in corpus.models]
        columns["cost_usd"] += [0.001] * MODELS
    return Router.fit(columns)


@pytest.fixture(scope="session")
def linear(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained linear member over the 16 topics."""
    import numpy as np

    position = {model: at for at, model in enumerate(corpus.models)}
    rows = _core.Features([prompt for prompt, _ in corpus.train])
    labels = np.array([position[model] for _, model in corpus.train], dtype=np.uint32)
    weights, bias = _core.fit_sparse(rows, labels, MODELS)
    path = tmp_path_factory.mktemp("linear") / "small.safetensors"
    _core.write_classifier(path, rows, weights, bias, list(corpus.models), 1.0)
    return path


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Ecology]]:
    """Opens a description's text; `models.py` beside it holds `MEMBERS`."""
    ecologies: list[Ecology] = []

    def open_text(toml: str) -> Ecology:
        (tmp_path / "models.py").write_text(MEMBERS)
        (tmp_path / "ecology.toml").write_text(toml)
        ecologies.append(Ecology.open(tmp_path))
        return ecologies[-1]

    yield open_text
    for ecology in ecologies:
        ecology.close()


MEMBERS = """
from ecology import Reply


def one(data):
    return Reply("one", confidence=0.9)


def two(data):
    return Reply("two", confidence=0.8)


def three(data):
    return Reply("three", confidence=0.7)
"""
