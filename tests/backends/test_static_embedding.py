"""A static embedding through Python: files, rows to learn from, and a member that serves over it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ecology as eco
from ecology import _core
from ecology.errors import ArtifactError

PIECES = ["[UNK]", "card", "##s", "lost", "stolen", "rate", "euro", "dollar", "my", "the", "is", "?"]
CARD, MONEY = [100, 0, 0], [0, 100, 0]
MEANINGS = [[0, 0, 1], CARD, [0, 0, 0], CARD, CARD, MONEY, MONEY, MONEY, [1, 1, 1], [1, 1, 2], [1, 0, 1], [0, 1, 1]]
TEXTS = ["my card is lost", "the card is stolen?", "euro rate", "the rate is my dollar", "lost cards", "dollar?"]
LABELS = np.array([0, 0, 1, 1, 0, 1], np.uint32)


def embedding(scale: float = 0.01) -> eco.StaticEmbedding:
    scales = np.full(len(PIECES), scale, np.float32)
    rows = np.array(MEANINGS, np.int8)
    return eco.StaticEmbedding(PIECES, rows, scales, np.ones_like(scales), '{"made":"by hand"}')


def features_json() -> str:
    return json.dumps(json.loads(_core.default_features()) | {"buckets_log2": 8})


def write_classifier(path: Path, table: eco.StaticEmbedding) -> tuple[_core.Features, np.ndarray, np.ndarray]:
    rows = _core.Features(TEXTS, features_json(), table)
    weights, bias = _core.fit_sparse(rows, LABELS, 2)
    _core.write_classifier(path, rows, weights, bias, ["card", "money"], 1.0)
    return rows, weights, bias


def test_texts_of_one_meaning_are_near_and_unknown_ones_are_zero() -> None:
    table = embedding()
    lost, stolen, rate, unknown = table.encode(["card lost", "Stolen cards", "euro rate", ""])
    assert lost @ stolen > 0.99 > 0.1 > lost @ rate
    assert not unknown.any()
    assert (table.dimensions, len(table), table.pieces("My cards…")) == (3, 12, ["my", "card", "##s", "[UNK]"])
    assert json.loads(table.provenance) == {"made": "by hand"}
    assert repr(table).startswith("StaticEmbedding(pieces=12, dimensions=3, digest=")


def test_a_saved_table_comes_back_equal_and_an_edited_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "static.safetensors"
    table = embedding()
    table.save(path)
    again = eco.StaticEmbedding.load(path)
    assert again == table and hash(again) == hash(table) and again != embedding(0.02)
    assert (again.encode(TEXTS) == table.encode(TEXTS)).all()
    assert again.vocabulary == PIECES and again.provenance == table.provenance
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        eco.StaticEmbedding.load(path)
    with pytest.raises(ArtifactError, match="No such file"):
        eco.StaticEmbedding.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("pieces", "rows", "problem"),
    [
        (["a"], np.zeros((2, 3), np.int8), "1 pieces for 2 rows"),
        (["a", "a"], np.zeros((2, 3), np.int8), "there twice"),
        (["a", "b"], np.zeros((2, 0), np.int8), "rows has 0 numbers"),
    ],
)
def test_parts_that_do_not_fit_are_refused(pieces: list[str], rows: np.ndarray, problem: str) -> None:
    ones = np.ones(len(pieces), np.float32)
    with pytest.raises(ValueError, match=problem):
        eco.StaticEmbedding(pieces, rows, ones, ones)


def test_rows_to_learn_from_have_the_vector_behind_the_buckets() -> None:
    table = embedding()
    rows = _core.Features(TEXTS, features_json(), table)
    assert rows.dimension == 256 + 3
    assert json.loads(rows.features)["embedding"] == {"digest": table.digest, "dimensions": 3}
    picked = np.zeros((259, 3), np.float32)
    picked[256:] = np.eye(3)
    assert (rows.score(picked, np.zeros(3, np.float32)) == table.encode(TEXTS)).all()
    with_signals = json.dumps(json.loads(features_json()) | {"signals": True})
    assert _core.Features(TEXTS, with_signals).dimension == 256 + len(_core.signals(""))
    assert _core.Features(TEXTS, features_json()).dimension == 256


def test_features_that_name_another_table_are_refused() -> None:
    named = json.loads(features_json()) | {"embedding": {"digest": embedding().digest, "dimensions": 3}}
    with pytest.raises(ValueError, match="not at hand"):
        _core.Features(TEXTS, json.dumps(named))
    with pytest.raises(ValueError, match="this one is"):
        _core.Features(TEXTS, json.dumps(named), embedding(0.02))


def test_a_classifier_over_it_serves_from_one_file(tmp_path: Path) -> None:
    rows, weights, bias = write_classifier(tmp_path / "intents.safetensors", embedding())
    (tmp_path / "ecology.toml").write_text(
        """
        name = "cards"
        [[models]]
        name = "intents"
        version = "1"
        tier = "small"
        timeout_ms = 100
        backend = { kind = "linear", path = "intents.safetensors" }
        contract = { tasks = ["any"], languages = ["any"] }
        price = { usd_per_call = 0.0 }
        """
    )
    expected = rows.score(weights, bias).argmax(axis=1)
    assert (expected == LABELS).all()
    with eco.Ecology.open(tmp_path / "ecology.toml") as ecology:
        answers = [ecology.answer(text).output for text in TEXTS]
        assert answers == [["card", "money"][label] for label in LABELS]
        # Words that no training text has, of pieces that the table knows: only the embedding can tell.
        assert ecology.answer("cards stolen").output == "card"
