"""Holes that a review found, each held shut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ecology as eco
from ecology import _core
from ecology.demo.corpus import Corpus
from ecology.demo.tier import train_large, train_small
from ecology.engine.description import read_description
from ecology.errors import ArtifactError, InvalidPopulation


def classifier(path: Path, seed: int = 0) -> None:
    rows = _core.Features(["red apple", "green pear", "red cherry", "green lime"])
    weights, bias = _core.fit_sparse(rows, np.array([0, 1, 0, 1], dtype=np.uint32), 2, seed)
    _core.write_classifier(path, rows, weights, bias, ["red", "green"], 1.0 + seed)


def test_a_classifier_is_no_router_and_a_router_no_classifier(tmp_path: Path) -> None:
    classifier(tmp_path / "fruit.safetensors")
    with pytest.raises(ArtifactError, match="not a router"):
        _core.RouterWeights.read(tmp_path / "fruit.safetensors")
    prompts = [f"prompt {n} {'easy' if n % 2 else 'hard'}" for n in range(80)]
    rows = [(prompt, model) for prompt in prompts for model in ("a@1", "b@1")]
    outcomes = [eco.Outcome(prompt, model, float(model == "a@1" or "easy" in prompt)) for prompt, model in rows]
    eco.Router.fit(outcomes).save(tmp_path / "router.safetensors")
    with pytest.raises(ArtifactError, match=r"ecology\.router\.v1"):
        _core.linear_member(tmp_path / "router.safetensors")


def test_weights_that_changed_after_the_description_was_read_are_refused(tmp_path: Path) -> None:
    classifier(tmp_path / "w.safetensors")
    (tmp_path / "ecology.toml").write_text(
        'name = "one"\n[[models]]\nname = "w"\nrole = "champion"\ntimeout_ms = 50\n'
        'backend = { kind = "linear", path = "w.safetensors" }\nprice = { usd_per_call = 0 }\n'
    )
    description = read_description(tmp_path)
    classifier(tmp_path / "w.safetensors", seed=1)
    with pytest.raises(InvalidPopulation, match=r"digest|content"):
        eco.Ecology(description)


def test_an_unknown_price_is_not_free(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("def say(text):\n    return text\n")
    model = '[[models]]\nname = "{}"\nrole = "champion"\ntimeout_ms = 900\n{}\n'
    backend = 'backend = { kind = "callable", target = "models:say" }'
    priced = model.format("priced", backend + "\nprice = { usd_per_call = 0.001 }")
    (tmp_path / "ecology.toml").write_text('name = "two"\n' + model.format("unpriced", backend) + priced)
    with eco.Ecology.open(tmp_path) as ecology:
        assert ecology.route("hello there").model == "priced@1"


def test_a_label_that_training_has_not_seen_breaks_no_tier(tmp_path: Path) -> None:
    def corpus(labels: list[str], word: str) -> Corpus:
        texts = tuple(f"{label} {word} {n}" for n, label in enumerate(labels))
        groups = tuple(map(str, range(len(labels))))
        return Corpus("c", texts, tuple(labels), ("",) * len(labels), groups, (word,) * len(labels))

    train, val = corpus(["a", "b"] * 20, "train"), corpus(["a", "b", "rare"] * 5, "val")
    small = train_small("small", tmp_path, train, val, 0, lambda _: None)
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(40, 8)), generator.normal(size=(15, 8))
    large = train_large(tmp_path, train, val, *vectors, 0, lambda _: None)
    for tier in (small, large):
        assert tier.correct(tier.val_scores, val)[2::3].sum() == 0
        assert np.isfinite(tier.confidence(tier.val_scores)).all()
