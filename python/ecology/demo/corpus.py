"""Labelled utterances in three splits: to learn from, to choose by, to report on.

The utterances in the package are by this project: 20 intents in 4 domains, each situation told three ways. The three
tellings are one *group*, and a group is never split, or the test would ask what training has told.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from ..errors import ArtifactError
from ..table import read_table

__all__ = ["Corpus", "bundled", "read_corpus"]

OUT_OF_SCOPE = "oos"
TRAIN, VAL, TEST = "train", "val", "test"
VAL_SHARE, TEST_SHARE = 0.18, 0.24
FEWEST_ROWS = 60


@dataclass(frozen=True)
class Corpus:
    """Rows of text, label and domain. `split` holds `train`, `val` or `test` for each row."""

    name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    domains: tuple[str, ...]
    groups: tuple[str, ...]
    split: tuple[str, ...]
    note: str = ""

    def part(self, split: str) -> Corpus:
        """The rows of one split."""
        return self._of([row for row, part in enumerate(self.split) if part == split])

    def without(self, rows: set[int]) -> Corpus:
        """All rows but these."""
        return self._of([row for row in range(len(self.texts)) if row not in rows])

    def _of(self, rows: Sequence[int]) -> Corpus:
        def column(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[row] for row in rows)

        return replace(
            self,
            texts=column(self.texts),
            labels=column(self.labels),
            domains=column(self.domains),
            groups=column(self.groups),
            split=column(self.split),
        )

    @property
    def names(self) -> list[str]:
        """The labels, sorted: the order of columns everywhere."""
        return sorted(set(self.labels))

    def __len__(self) -> int:
        return len(self.texts)


def bundled(seed: int = 0) -> Corpus:
    """The utterances in the package, split by group within each intent."""
    rows: list[dict[str, str]] = []
    for file in sorted(resources.files(__package__).joinpath("utterances").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".csv"):
            rows += csv.DictReader(io.StringIO(file.read_text("utf-8"), newline=""))
    return _corpus("bundled utterances", rows, _by_group(rows, seed), "")


def read_corpus(path: Path, seed: int = 0) -> Corpus:
    """A user's CSV, gzipped or not: `text`, `label` or `intent`, optional `domain`, `group` and `split`.

    Rows of the label `oos` are left out. Without a column `split` groups (or single rows) are split by seed. With
    train and val alone, half of val is set aside to report on: what a threshold was chosen by cannot also judge it.

    Raises:
        ArtifactError: the file cannot be read, lacks a column, or has too few rows.
    """
    fix = "give a CSV with the columns text and label (or intent), and optionally domain, group and split"
    columns, rows = read_table(path, fix)
    label = "label" if "label" in columns else "intent"
    missing = {"text", label} - set(columns)
    if missing:
        raise ArtifactError(str(path), f"it has no column {' or '.join(sorted(missing))}", fix)
    rows = [
        row | {"text": str(row["text"]), "intent": str(row[label])}
        for row in rows
        if str(row.get("text") or "").strip() and row.get(label)
    ]
    rows = [row for row in rows if row["intent"] != OUT_OF_SCOPE]
    labels = {row["intent"] for row in rows}
    if len(rows) < FEWEST_ROWS or len(labels) < 2:
        problem = f"it has {len(rows)} usable rows of {len(labels)} labels; at least {FEWEST_ROWS} rows of 2 are needed"
        raise ArtifactError(str(path), problem, fix)
    split, note = _stated(rows, seed) if "split" in columns else (_by_group(rows, seed), "")
    corpus = _corpus(path.name, rows, split, note)
    for part in (TRAIN, VAL, TEST):
        if not len(corpus.part(part)):
            raise ArtifactError(str(path), f"its split leaves no row to {_use(part)}", "use train, val and test")
    return _without_repeats(corpus)


def _use(part: str) -> str:
    return {TRAIN: "train on", VAL: "choose by", TEST: "report on"}[part]


def _unit(*key: object) -> float:
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _by_group(rows: Sequence[dict[str, str]], seed: int) -> list[str]:
    """Whole groups to each split, in the same shares within every label."""
    groups: dict[str, set[str]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row["intent"], set()).add(row.get("group") or f"row {number}")
    part_of: dict[tuple[str, str], str] = {}
    for intent, members in groups.items():
        shuffled = sorted(members, key=lambda group: _unit(seed, intent, group))
        tests = max(1, round(TEST_SHARE * len(shuffled)))
        vals = max(1, round(VAL_SHARE * len(shuffled)))
        for position, group in enumerate(shuffled):
            part_of[intent, group] = TEST if position < tests else VAL if position < tests + vals else TRAIN
    return [part_of[row["intent"], row.get("group") or f"row {number}"] for number, row in enumerate(rows)]


def _stated(rows: Sequence[dict[str, str]], seed: int) -> tuple[list[str], str]:
    names = {"validation": VAL, "valid": VAL, "dev": VAL}
    split = [names.get(row["split"], row["split"]) for row in rows]
    if TEST in split and VAL in split:
        return split, ""
    # One of the two is missing: what there is is halved within each label.
    there = TEST if TEST in split else VAL
    halves = _halves([row["intent"] if part == there else None for row, part in zip(rows, split, strict=True)], seed)
    split = [next(halves) if part == there else part for part in split]
    return split, f"the file has no {VAL if there == TEST else TEST} rows: its {there} rows were halved"


def _halves(labels: Sequence[str | None], seed: int) -> Iterator[str]:
    counts: dict[str, int] = {}
    rows = [(number, label) for number, label in enumerate(labels) if label is not None]
    half: dict[int, str] = {}
    for number, label in sorted(rows, key=lambda row: _unit(seed, *row)):
        counts[label] = counts.get(label, 0) + 1
        half[number] = VAL if counts[label] % 2 else TEST
    return iter([half[number] for number, _ in rows])


def _corpus(name: str, rows: Sequence[dict[str, str]], split: Sequence[str], note: str) -> Corpus:
    return Corpus(
        name=name,
        texts=tuple(row["text"] for row in rows),
        labels=tuple(row["intent"] for row in rows),
        domains=tuple(row.get("domain") or "" for row in rows),
        groups=tuple(row.get("group") or f"row {number}" for number, row in enumerate(rows)),
        split=tuple(split),
        note=note,
    )


def _without_repeats(corpus: Corpus) -> Corpus:
    """Leave out val and test rows whose text, but for case and spaces, is also in an earlier split."""
    seen: dict[str, str] = {}
    repeated = set()
    for part in (TRAIN, VAL, TEST):
        for row, text in enumerate(corpus.texts):
            if corpus.split[row] == part:
                key = " ".join(text.lower().split())
                if seen.setdefault(key, part) != part:
                    repeated.add(row)
    if not repeated:
        return corpus
    note = f"{len(repeated)} rows that an earlier split holds too were left out"
    return replace(corpus.without(repeated), note="; ".join(filter(None, [corpus.note, note])))
