"""An intent model learns tasks, knows how sure it is, and solves from where on it is believed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecology as eco
from ecology import _core
from ecology.errors import ArtifactError, OutcomesError
from ecology.routing.intent import least_confidence

WORDS = {
    "refunds": ["refund", "money back", "chargeback", "reimburse"],
    "travel": ["flight", "hotel", "passport", "itinerary"],
    "recipes": ["oven", "flour", "simmer", "whisk"],
}


def rows(n: int = 150, seed: int = 0) -> tuple[list[str], list[str]]:
    """The task is in one word of each text; every tenth has the word of another task too."""
    rng = random.Random(seed)
    texts, tasks = [], []
    for at in range(n):
        task = sorted(WORDS)[at % len(WORDS)]
        other = rng.choice(WORDS[rng.choice(sorted(WORDS))]) if at % 10 == 0 else "please"
        texts.append(f"{other} tell me about the {rng.choice(WORDS[task])} number {at}")
        tasks.append(task)
    return texts, tasks


@pytest.fixture(scope="module")
def model() -> eco.IntentModel:
    return eco.IntentModel.fit(*rows())


def test_what_is_in_the_words_is_learned_and_measured(model: eco.IntentModel) -> None:
    texts, tasks = rows(seed=1)
    said, confidence = model.infer(texts)
    assert np.mean([a == b for a, b in zip(said, tasks, strict=True)]) > 0.9
    assert confidence.dtype == np.float32 and ((confidence > 0) & (confidence <= 1)).all()
    card = model.card
    measured = card["validation"]
    assert measured["accuracy"] > 0.9 and measured["coverage"] > 0.5 and 0 <= measured["ece"] < 0.3
    low, high = measured["interval_95"]
    assert low <= measured["accuracy_when_inferred"] <= high
    assert measured["accuracy_when_inferred"] >= card["target_accuracy"] == 0.95
    assert model.min_confidence is not None and 0 < model.min_confidence <= 1
    assert model.tasks == sorted(WORDS) and repr(model).startswith("IntentModel(tasks=['recipes'")


def test_the_same_rows_and_seed_give_the_same_bytes_and_a_file_gives_them_back(
    model: eco.IntentModel, tmp_path: Path
) -> None:
    assert eco.IntentModel.fit(*rows()).digest == model.digest
    assert eco.IntentModel.fit(*rows(), seed=1).digest != model.digest
    assert model.save(tmp_path / "a.safetensors") == model.digest
    again = eco.IntentModel.load(tmp_path / "a.safetensors")
    assert (again.digest, again.card, again.tasks) == (model.digest, model.card, model.tasks)
    texts, _ = rows(seed=2)
    assert (again.infer(texts)[1] == model.infer(texts)[1]).all() and again.infer(texts)[0] == model.infer(texts)[0]
    # It is a classifier like any other.
    assert _core.linear_member(tmp_path / "a.safetensors").labels == model.tasks


def test_it_reads_what_the_router_beside_it_reads(tmp_path: Path) -> None:
    outcomes = [
        eco.Outcome(text, who, float(task == "travel") if who == "a@1" else 0.5)
        for text, task in zip(*rows(60), strict=True)
        for who in ("a@1", "b@1")
    ]
    embedding = _core.StaticEmbedding(
        ["card", "flight", "[UNK]"],
        np.eye(3, 4, dtype=np.int8),
        np.ones(3, dtype=np.float32),
        np.ones(3, dtype=np.float32),
    )
    for given_one in (None, embedding):
        router = eco.Router.fit(outcomes, embedding=given_one)
        router.save(tmp_path / "router.safetensors")
        model = eco.IntentModel.fit(*rows(60), like=tmp_path / "router.safetensors")
        read = _core.RouterWeights.read(tmp_path / "router.safetensors")
        assert json.loads(model.features) == json.loads(read.features)
        model.save(tmp_path / "intent.safetensors")
        assert eco.IntentModel.load(tmp_path / "intent.safetensors").digest == model.digest


def test_rows_of_a_group_stay_together() -> None:
    texts, tasks = rows()
    groups = [str(at // 3) for at in range(len(texts))]
    card = eco.IntentModel.fit(texts, tasks, groups=groups).card
    # Each group is one text of each task, so validation rows come in threes.
    assert card["validation"]["rows"] % 3 == 0


def test_what_cannot_be_reached_is_said_and_not_made_up() -> None:
    rng = random.Random(0)
    texts = [f"text {rng.random()}" for _ in range(200)]
    model = eco.IntentModel.fit(texts, [rng.choice("ab") for _ in texts], target_accuracy=1.0)
    assert model.card["validation"]["accuracy"] < 0.8
    if model.min_confidence is None:
        assert model.card["validation"]["coverage"] == 0 and "none solved" in repr(model)
    else:
        assert model.card["validation"]["coverage"] < 0.2


SOME = rows(30)


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        ((SOME[0], SOME[1][:-1], {}), ["30 texts, 29 tasks"]),
        ((SOME[0], SOME[1], {"groups": ["x"]}), ["30 tasks and 1 groups"]),
        ((["a", "b"], ["x", "x"], {}), ["there is 1 task"]),
        (([], [], {}), ["there is 0 task"]),
        ((["a", " ", "c", ""], ["x", "y", "", "z"], {}), ["row 1 has no text (2", "row 2 has no task (1"]),
        ((["a", "b", "c"], ["x", "y", "z"], {"groups": ["1", "1", "1"]}), ["no row"]),
        ((*SOME, {"target_accuracy": 0.0, "validation_share": 1.0}), ["validation_share", "target_accuracy"]),
        ((*SOME, {"target_accuracy": float("nan")}), ["target_accuracy"]),
    ],
    ids=lambda value: value[0][:24] if isinstance(value, list) else "",
)
def test_rows_that_cannot_teach_are_refused_with_all_reasons(arguments: Any, problems: list[str]) -> None:
    texts, tasks, options = arguments
    with pytest.raises(OutcomesError) as refused:
        eco.IntentModel.fit(texts, tasks, **options)
    for problem in problems:
        assert problem in str(refused.value), str(refused.value)
    assert all(violation.fix for violation in refused.value.violations)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.safetensors").write_bytes(b"nothing")
    outcomes = [eco.Outcome(f"prompt {n}", who, float(n % 2)) for n in range(40) for who in ("a@1", "b@1")]
    eco.Router.fit(outcomes).save(tmp_path / "router.safetensors")
    for name in ("junk", "router", "absent"):
        with pytest.raises(ArtifactError):
            eco.IntentModel.load(tmp_path / f"{name}.safetensors")


@given(
    st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), max_size=30),
    st.sampled_from([0.5, 0.8, 0.95, 1.0]),
)
def test_the_threshold_is_the_least_that_reaches_the_target(pairs: list[tuple[float, bool]], target: float) -> None:
    """Beside its slow twin: every confidence is tried."""
    reaching = []
    for least in sorted({confidence for confidence, _ in pairs}):
        believed = [right for confidence, right in pairs if confidence >= least]
        if sum(believed) / len(believed) >= target:
            reaching.append(least)
    expected = min(reaching, default=None)
    assert least_confidence([c for c, _ in pairs], [r for _, r in pairs], target) == expected
