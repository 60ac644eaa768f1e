"""Distilling an encoder: the table says what the teacher says, of texts that it was not fitted on; and the command."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.backends.tiny_teacher import PIECES, write_teacher
from tests.cli.conftest import run  # noqa: F401  # a fixture
from tests.cli.running import Run

import ecology as eco
from ecology.backends import encoder, minilm, static_embedding
from ecology.backends.static_embedding import Teacher, distil
from ecology.errors import ArtifactError, MissingExtra

EXTRA = "needs the extra [embeddings]"
pytest.importorskip("onnx", reason=EXTRA)
tokenizers = pytest.importorskip("tokenizers", reason=EXTRA)
safetensors = pytest.importorskip("safetensors.numpy", reason=EXTRA)
pytest.importorskip("onnxruntime", reason=EXTRA)


def texts(n: int = 300) -> list[str]:
    """Letters and two words, in bags of two to six."""
    rng = np.random.default_rng(1)
    words = np.array([piece for piece in PIECES[5:] if not piece.startswith("##")])
    return [" ".join(rng.choice(words, rng.integers(2, 7))) for _ in range(n)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = write_teacher(tmp_path_factory.mktemp("files"), tokenizers, safetensors.save_file)
    return minilm.build(tmp_path_factory.mktemp("tiny"), teacher=files).onnx.parent


@pytest.fixture(scope="module")
def teacher(folder: Path) -> Teacher:
    return Teacher.open(folder)


@pytest.fixture(scope="module")
def table(teacher: Teacher) -> eco.StaticEmbedding:
    return distil(texts(), teacher, dimensions=12)


def test_a_table_is_near_its_teacher_on_texts_that_it_was_not_fitted_on(
    teacher: Teacher, table: eco.StaticEmbedding
) -> None:
    said = json.loads(table.provenance)
    assert (said["teacher"], said["dimensions"], said["texts"]) == (teacher.digest, 12, len(set(texts())))
    fresh = [text for text in texts(900) if text not in set(texts())]
    assert len(fresh) > 100
    vectors, expected = table.encode(fresh), teacher.encoder.encode(fresh)
    # Angles between texts, since the table's directions are turned.
    ours, theirs = (vectors @ vectors.T).ravel(), (expected @ expected.T).ravel()
    agreement = np.corrcoef(ours, theirs)[0, 1]
    assert agreement > 0.8 and said["agreement"] > 0.8


def test_the_same_texts_and_teacher_give_the_same_table(teacher: Teacher, table: eco.StaticEmbedding) -> None:
    again = distil([*texts(), *texts()[:50], " "], teacher, dimensions=12)
    assert again == table and again.provenance == table.provenance
    assert distil(texts(299), teacher, dimensions=12) != table


def test_pieces_are_those_that_a_text_can_hold(teacher: Teacher) -> None:
    assert teacher.pieces == tuple(p for p in PIECES if p not in {"[PAD]", "[CLS]", "[SEP]", "[unused0]"})
    vectors = teacher.piece_vectors(batch_size=5)
    assert vectors.shape == (len(teacher.pieces), 16)
    # A batch of 5 pads nothing, so a piece alone is the same.
    assert abs(vectors - teacher.piece_vectors(batch_size=1)).max() < 1e-5


def test_every_stage_shows_how_far_it_is(teacher: Teacher) -> None:
    told: dict[str, list[float]] = {}

    @contextmanager
    def step(name: str) -> Iterator[Any]:
        yield told.setdefault(name.split(":")[0] + str(len(told)), []).append

    distil(texts(), teacher, dimensions=3, step=step)
    assert list(told) == ["teacher0", "teacher1", "fit2"]
    assert all(numbers == sorted(numbers) and abs(numbers[-1] - 1) < 1e-3 for numbers in told.values())


@pytest.mark.parametrize(
    ("n", "options", "says"),
    [
        (99, {}, "99 different texts are too few"),
        (300, {"dimensions": 17}, "give 1 to the teacher's 16"),
        (300, {"dimensions": 0}, "give 1 to"),
        (300, {"lambda_": 0.0}, "lambda"),
        (300, {"steps": 0}, "steps"),
    ],
)
def test_what_cannot_be_distilled_is_refused(teacher: Teacher, n: int, options: dict[str, Any], says: str) -> None:
    chosen = list(dict.fromkeys(texts(1000)))[:n]
    with pytest.raises(ValueError, match=says):
        distil(chosen, teacher, **{"dimensions": 4, **options})


def test_an_encoder_with_another_tokenizer_is_refused(tmp_path: Path) -> None:
    files = write_teacher(tmp_path / "files", tokenizers, safetensors.save_file, lowercase=False)
    cased = minilm.build(tmp_path / "cased", teacher=files)
    with pytest.raises(ArtifactError, match="no lower-case WordPiece"):
        Teacher.open(cased.onnx.parent)
    with pytest.raises(ArtifactError, match="cannot be opened"):
        Teacher.open(tmp_path)


def test_without_the_extra_it_says_what_it_would_gain(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(module: str) -> Any:
        raise MissingExtra("embeddings", module)

    monkeypatch.setattr(encoder, "extra", absent)
    with pytest.raises(MissingExtra) as caught:
        Teacher.open(folder)
    assert static_embedding.GAIN in str(caught.value) and 'pip install "ecology[embeddings]"' in str(caught.value)


def test_the_command_reads_lines_and_tables_and_writes_a_file(run: Run, tmp_path: Path, folder: Path) -> None:  # noqa: F811
    all_ = texts()
    (tmp_path / "lines.txt").write_text("\n".join(all_[:100]))
    with gzip.open(tmp_path / "table.csv.gz", "wt") as file:
        file.write("id,prompt\n" + "".join(f"{at},{text}\n" for at, text in enumerate(all_[100:200])))
    (tmp_path / "objects.jsonl").write_text("\n".join(json.dumps({"said": text}) for text in all_[240:]))
    options = ("--teacher", str(folder), "--dimensions", "8", "--out", "static.safetensors")
    said = run("embeddings", "distil", "--texts", "lines.txt", "--texts", "table.csv.gz", *options, "--json")
    assert said.code == 0 and said.json["texts"] == len(set(all_[:200]))
    table = eco.StaticEmbedding.load(tmp_path / "static.safetensors")
    assert (table.digest, table.dimensions) == (said.json["digest"], 8)
    said = run("embeddings", "distil", "--texts", "objects.jsonl", *options)
    assert said.code == 1 and "has the columns said" in said.err and "--column" in said.err
    said = run("embeddings", "distil", "--texts", "objects.jsonl", "--column", "said", *options)
    assert said.code == 1 and "are too few" in said.err
    said = run("embeddings", "distil", "--texts", "lines.txt", "--texts", "objects.jsonl", "--column", "said", *options)
    assert said.code == 0 and "static.safetensors: 31 word pieces, 8 dimensions" in said.out
    said = run("embeddings", "distil", "--texts", "nothing.txt", *options)
    assert said.code == 1 and "nothing.txt" in said.err
