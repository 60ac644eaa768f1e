"""The demo's text: enough of it, in groups that no split tears apart, and nothing told twice across the split."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter, defaultdict
from io import StringIO
from pathlib import Path

import pytest

from ecology.demo.corpus import TEST, TRAIN, VAL, Corpus, bundled, read_corpus
from ecology.errors import ArtifactError

NEAR = 0.6


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return bundled()


def grams(text: str) -> frozenset[str]:
    folded = " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())
    return frozenset(folded[i : i + 4] for i in range(max(1, len(folded) - 3)))


def test_the_bundled_text_is_large_and_balanced(corpus: Corpus) -> None:
    assert len(corpus) >= 1_000
    assert len(set(corpus.labels)) >= 12
    assert len(set(corpus.domains)) == 4
    counts = Counter(corpus.labels)
    assert max(counts.values()) <= 2 * min(counts.values())


def test_every_group_tells_one_situation_of_one_intent(corpus: Corpus) -> None:
    labels = defaultdict(set)
    for group, label in zip(corpus.groups, corpus.labels, strict=True):
        labels[group].add(label)
    assert all(len(of) == 1 for of in labels.values())


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_no_group_is_in_two_splits(seed: int) -> None:
    corpus = bundled(seed)
    parts = defaultdict(set)
    for group, part in zip(corpus.groups, corpus.split, strict=True):
        parts[group].add(part)
    assert all(len(of) == 1 for of in parts.values())
    assert {part for of in parts.values() for part in of} == {TRAIN, VAL, TEST}
    assert all(set(corpus.part(part).labels) == set(corpus.labels) for part in (TRAIN, VAL, TEST))


def test_no_text_is_a_near_duplicate_of_one_in_another_split(corpus: Corpus) -> None:
    # Pairs that share no rare 4-gram cannot be near; comparing those that do is quick.
    shapes = [grams(text) for text in corpus.texts]
    holders: dict[str, list[int]] = defaultdict(list)
    for row, shape in enumerate(shapes):
        for gram in shape:
            holders[gram].append(row)
    near = set()
    for row, shape in enumerate(shapes):
        shared: Counter[int] = Counter()
        for gram in shape:
            shared.update(other for other in holders[gram] if other > row)
        for other, count in shared.items():
            alike = count / (len(shape) + len(shapes[other]) - count)
            if alike >= NEAR and corpus.split[row] != corpus.split[other]:
                near.add((corpus.texts[row], corpus.texts[other]))
    assert not near


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    lines = [",".join(rows[0]), *(",".join(f'"{value}"' for value in row.values()) for row in rows)]
    raw = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def some_rows(n: int = 120, **more: str) -> list[dict[str, str]]:
    return [{"text": f"text number {i} about {i % 3}", "intent": f"label-{i % 3}", **more} for i in range(n)]


def test_a_users_file_without_split_is_split_by_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv.gz", some_rows())
    one, again, other = read_corpus(path, 0), read_corpus(path, 0), read_corpus(path, 1)
    assert one == again
    assert one.split != other.split
    assert Counter(one.split)[TRAIN] > Counter(one.split)[TEST] > 0


def test_out_of_scope_rows_are_left_out(tmp_path: Path) -> None:
    rows = some_rows() + [{"text": f"something else {i}", "intent": "oos"} for i in range(9)]
    assert "oos" not in read_corpus(write(tmp_path / "mine.csv", rows)).labels


def test_with_train_and_val_alone_val_is_halved_and_said_so(tmp_path: Path) -> None:
    rows = [row | {"split": "val" if i % 4 == 0 else "train"} for i, row in enumerate(some_rows(200))]
    corpus = read_corpus(write(tmp_path / "mine.csv", rows))
    counts = Counter(corpus.split)
    assert counts[TRAIN] == 150
    assert abs(counts[VAL] - counts[TEST]) <= 3
    assert "halved" in corpus.note


def test_a_stated_split_is_kept(tmp_path: Path) -> None:
    parts = ["train", "train", "validation", "test"]
    rows = [row | {"split": parts[i % 4]} for i, row in enumerate(some_rows(200))]
    assert Counter(read_corpus(write(tmp_path / "mine.csv", rows)).split) == {TRAIN: 100, VAL: 50, TEST: 50}


def test_what_an_earlier_split_holds_is_left_out_of_a_later_one(tmp_path: Path) -> None:
    rows = [row | {"split": ["train", "val", "test"][i % 3]} for i, row in enumerate(some_rows(150))]
    rows.append(rows[0] | {"text": rows[0]["text"].upper(), "split": "test"})
    corpus = read_corpus(write(tmp_path / "mine.csv", rows))
    assert len(corpus) == 150
    assert "left out" in corpus.note


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"words": "a", "label": "b"}], "no column text"),
        ([{"text": "a", "tag": "b"}], "no column intent"),
        (some_rows(12), "12 usable rows"),
        ([{"text": f"t {i}", "label": "one"} for i in range(90)], "of 1 labels"),
        ([row | {"split": "train"} for row in some_rows()], "leaves no row"),
    ],
)
def test_a_file_that_cannot_serve_says_why(tmp_path: Path, rows: list[dict[str, str]], says: str) -> None:
    with pytest.raises(ArtifactError, match=says):
        read_corpus(write(tmp_path / "mine.csv", rows))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"\x1f\x8b broken"])
def test_a_file_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.csv.gz"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_corpus(path)


def test_the_shipped_files_are_plain_csv() -> None:
    folder = Path(__file__).parents[2] / "python/ecology/demo/utterances"
    for file in folder.glob("*.csv"):
        rows = list(csv.DictReader(StringIO(file.read_text(encoding="utf-8"), newline="")))
        assert all(set(row) == {"text", "intent", "domain", "group"} and all(row.values()) for row in rows), file
        assert {row["domain"] for row in rows} == {file.stem}
