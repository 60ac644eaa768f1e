"""A linear classifier opened from its file, and what is in its scope."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ecology as eco
from ecology import _core
from ecology.errors import ArtifactError

TOPICS = {
    "refund": ("refund", "money back", "return the order", "charged twice"),
    "travel": ("book a flight", "train to the coast", "hotel by the sea", "rent a car"),
    "music": ("play a song", "turn the volume up", "skip this track", "shuffle my list"),
}
WORDS = ("please", "now", "for me", "today", "again", "quickly", "my friend", "at once", "could you")
ELSEWHERE = [
    f"{what} {of}" for what in ("boil", "knead", "grate") for of in ("xylem", "quartz", "zwieback", "jodhpurs")
]
PIECES = (
    "[UNK]",
    *sorted({word for phrases in (*TOPICS.values(), WORDS) for phrase in phrases for word in phrase.split()}),
)


def told() -> tuple[list[str], list[str]]:
    rows = [
        (f"{ask} {word} {also}", label)
        for label, asks in TOPICS.items()
        for ask in asks
        for word in WORDS
        for also in WORDS
    ]
    return [text for text, _ in rows], [label for _, label in rows]


def embedding() -> eco.StaticEmbedding:
    generator = np.random.default_rng(3)
    rows = generator.integers(-127, 128, (len(PIECES), 16)).astype(np.int8)
    ones = np.ones(len(PIECES), np.float32)
    return eco.StaticEmbedding(PIECES, rows, ones, ones)


def trained(
    path: Path, more: tuple[eco.StaticEmbedding, ...]
) -> tuple[eco.LinearClassifier, list[str], list[str], list[str]]:
    texts, labels = told()
    names = sorted(TOPICS)
    held_out = texts[::5]
    fit = [at for at in range(len(texts)) if at % 5]
    spec = json.dumps(json.loads(_core.default_features()) | {"buckets_log2": 10})
    rows = _core.Features([texts[at] for at in fit], spec, *more)
    known = np.array([names.index(labels[at]) for at in fit], np.uint32)
    weights, bias = _core.fit_sparse(rows, known, len(names))
    _core.write_classifier(path, rows, weights, bias, names, 0.7)
    return eco.LinearClassifier.load(path), [texts[at] for at in fit], [labels[at] for at in fit], held_out


@pytest.fixture(params=["n-grams", "n-grams and an embedding"])
def known(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[eco.LinearClassifier, list[str], list[str], list[str]]:
    return trained(tmp_path / "c.safetensors", (embedding(),) if "embedding" in request.param else ())


def test_a_file_opened_alone_says_what_a_population_says(tmp_path: Path) -> None:
    classifier, _, _, held_out = trained(tmp_path / "c.safetensors", (embedding(),))
    (tmp_path / "ecology.toml").write_text(
        'name = "one"\n[[models]]\nname = "one"\nrole = "champion"\ntier = "small"\nfamily = "linear"\n'
        'timeout_ms = 500\nbackend = { kind = "linear", path = "c.safetensors" }\n'
        f'contract = {{ tasks = ["intent"], output = "label", labels = {json.dumps(classifier.labels)} }}\n'
        'price = { usd_per_call = 0 }\n[policy]\nbaseline = "one"\ndefaults = { task = "intent" }\n'
    )
    labels, confidence = classifier.predict(held_out[:20])
    with eco.Ecology.open(tmp_path / "ecology.toml") as ecology:
        for text, label, sure in zip(held_out[:20], labels, confidence, strict=True):
            answer = ecology.answer(text)
            assert answer.output == label
            assert answer.confidence == pytest.approx(float(sure), abs=1e-6)


def test_scores_are_those_of_a_slow_twin(tmp_path: Path) -> None:
    classifier, _, _, held_out = trained(tmp_path / "c.safetensors", ())
    scores = classifier.scores(held_out).astype(np.float64)
    shares = np.exp(scores / 0.7) / np.exp(scores / 0.7).sum(axis=1, keepdims=True)
    labels, confidence = classifier.predict(held_out)
    assert labels == [classifier.labels[at] for at in shares.argmax(axis=1)]
    np.testing.assert_allclose(confidence, shares.max(axis=1), rtol=1e-5)


def test_texts_about_something_else_score_below_those_in_scope(known) -> None:
    classifier, texts, labels, held_out = known
    scope = eco.Scope.fit(classifier, texts, labels, held_out, false_alarms=0.1)
    inside, outside = scope.score(held_out), scope.score(ELSEWHERE)
    assert np.mean(inside[:, None] > outside[None, :]) > 0.95
    assert not scope.contains(ELSEWHERE).any()


def test_the_stated_share_of_held_out_texts_is_refused(known) -> None:
    classifier, texts, labels, held_out = known
    for share in (0.05, 0.2, 0.5):
        scope = eco.Scope.fit(classifier, texts, labels, held_out, false_alarms=share)
        assert abs(np.mean(~scope.contains(held_out)) - share) <= 0.06


def test_a_saved_scope_scores_as_before(known, tmp_path: Path) -> None:
    classifier, texts, labels, held_out = known
    scope = eco.Scope.fit(classifier, texts, labels, held_out)
    scope.save(tmp_path / "scope.npz")
    again = eco.Scope.load(tmp_path / "scope.npz", classifier)
    np.testing.assert_array_equal(again.score(ELSEWHERE), scope.score(ELSEWHERE))
    assert again.threshold == scope.threshold


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": ["refund"]}, "one label for each text"),
        ({"held_out": ["a", "b"]}, "at least 20"),
        ({"false_alarms": 0.0}, "between 0 and 1"),
        ({"labels": "unknown"}, "does not know cooking"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_what_to_do(known, change, says: str) -> None:
    classifier, texts, labels, held_out = known
    given = {"texts": texts, "labels": labels, "held_out": held_out} | change
    if given["labels"] == "unknown":
        given["labels"] = ["cooking", *labels[1:]]
    with pytest.raises(ValueError, match=says):
        eco.Scope.fit(classifier, **given)


def test_a_scope_of_another_classifier_or_of_no_classifier_is_refused(tmp_path: Path) -> None:
    one, texts, labels, held_out = trained(tmp_path / "one.safetensors", ())
    other, *_ = trained(tmp_path / "other.safetensors", (embedding(),))
    eco.Scope.fit(one, texts, labels, held_out).save(tmp_path / "scope.npz")
    with pytest.raises(ArtifactError, match="not of"):
        eco.Scope.load(tmp_path / "scope.npz", other)
    (tmp_path / "broken.npz").write_bytes(b"no scope")
    with pytest.raises(ArtifactError, match="no scope"):
        eco.Scope.load(tmp_path / "broken.npz", one)
    with pytest.raises(ArtifactError):
        eco.LinearClassifier.load(tmp_path / "broken.npz")
