"""Outcomes are read from whatever holds them, and every bad row is told by its place."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.errors import ArtifactError, OutcomesError
from ecology.routing import Outcome, read_outcomes, to_outcomes, write_outcomes

GOOD = {"prompt": "hi", "model": "a@1", "score": 1}
OUTCOMES = [
    Outcome("Where is my card?", "a@1", 0.5, 0.001, 12.5, "support", "train", 0.75),
    Outcome('quotes " and, commas\nand lines', "b@1", 0.0),
    Outcome("日本語 — ä", "a@1", 1.0, leg_confidence=0.0, split="val"),
]


class Polars:
    """What is used of a polars frame."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def to_dicts(self) -> list[dict[str, Any]]:
        return self.rows


class Pandas:
    """What is used of a pandas frame; unknown numbers are NaN there."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return [{key: float("nan") if value is None else value for key, value in row.items()} for row in self.rows]


def as_dicts() -> list[dict[str, Any]]:
    return [{name: getattr(outcome, name) for name in Outcome.__slots__} for outcome in OUTCOMES]


def as_columns(convert: Any = list) -> dict[str, Any]:
    return {name: convert([row[name] for row in as_dicts()]) for name in Outcome.__slots__}


def as_arrays() -> dict[str, Any]:
    columns = as_columns()
    for name in ("score", "cost_usd", "latency_ms", "leg_confidence"):
        columns[name] = np.array([np.nan if value is None else value for value in columns[name]], dtype=np.float64)
    return columns


@pytest.mark.parametrize(
    "rows",
    [OUTCOMES, as_dicts(), as_columns(), as_columns(tuple), as_arrays(), Polars(as_dicts()), Pandas(as_dicts()),
     iter(OUTCOMES), [OUTCOMES[0], as_dicts()[1], OUTCOMES[2]]],
    ids=["outcomes", "dicts", "columns", "tuples", "arrays", "polars", "pandas", "iterator", "mixed"],
)  # fmt: skip
def test_every_table_gives_the_same_outcomes(rows: Any) -> None:
    assert to_outcomes(rows) == OUTCOMES


def test_single_precision_that_is_unknown_is_unknown() -> None:
    columns = {
        "prompt": ["hi"],
        "model": ["a@1"],
        "score": np.ones(1, np.float32),
        "cost_usd": np.full(1, np.nan, "f4"),
    }
    assert to_outcomes(columns) == [Outcome("hi", "a@1", 1.0)]


# a row → the places of what is wrong with it
BAD: dict[str, tuple[Any, list[str]]] = {
    "nothing": ({}, ["row 1.prompt", "row 1.model", "row 1.score"]),
    "no prompt": (GOOD | {"prompt": ""}, ["row 1.prompt"]),
    "prompt is None": (GOOD | {"prompt": None}, ["row 1.prompt"]),
    "prompt is NaN": (GOOD | {"prompt": float("nan")}, ["row 1.prompt"]),
    "no model": ({"prompt": "hi", "score": 1}, ["row 1.model"]),
    "no score": (GOOD | {"score": None}, ["row 1.score"]),
    "score in words": (GOOD | {"score": "good"}, ["row 1.score"]),
    "score in percent": (GOOD | {"score": 95}, ["row 1.score"]),
    "score below 0": (GOOD | {"score": -0.01}, ["row 1.score"]),
    "score NaN": (GOOD | {"score": float("nan")}, ["row 1.score"]),
    "score NaN in words": (GOOD | {"score": "nan"}, ["row 1.score"]),
    "cost below 0": (GOOD | {"cost_usd": -1}, ["row 1.cost_usd"]),
    "cost infinite": (GOOD | {"cost_usd": float("inf")}, ["row 1.cost_usd"]),
    "latency in words": (GOOD | {"latency_ms": "12 ms"}, ["row 1.latency_ms"]),
    "a list": (["hi", "a@1", 1], ["row 1"]),
    "all at once": ({"model": "a@1", "score": 2, "cost_usd": "x", "latency_ms": -1},
                    ["row 1.prompt", "row 1.score", "row 1.cost_usd", "row 1.latency_ms"]),
}  # fmt: skip


@pytest.mark.parametrize(("row", "places"), BAD.values(), ids=BAD.keys())
def test_a_bad_row_is_told_by_its_place(row: Any, places: list[str]) -> None:
    with pytest.raises(OutcomesError) as caught:
        to_outcomes([GOOD, row, GOOD])
    assert [violation.place for violation in caught.value.violations] == places
    assert all(violation.fix for violation in caught.value.violations)


def test_bad_rows_are_told_together_up_to_a_bound() -> None:
    with pytest.raises(OutcomesError) as caught:
        to_outcomes([GOOD | {"score": 2}] * 1000)
    assert len(caught.value.violations) == 21
    assert caught.value.violations[-1].problem == "and perhaps more"


@pytest.mark.parametrize("rows", [[], {}, {"prompt": [], "model": [], "score": []}, iter(())])
def test_no_rows_is_an_error(rows: Any) -> None:
    with pytest.raises(OutcomesError, match="there are no rows"):
        to_outcomes(rows)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"prompt": ["a", "b"], "model": ["m"], "score": [1, 1]}, "prompt 2, model 1, score 2"),
        (3, "int is no table"),
        (None, "NoneType is no table"),
        ("prompts.csv", "a str is no row"),
    ],
)
def test_what_is_no_table_is_refused(rows: Any, said: str) -> None:
    with pytest.raises(OutcomesError, match=said):
        to_outcomes(rows)


@pytest.mark.parametrize("name", ["outcomes.csv", "outcomes.csv.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    write_outcomes(tmp_path / name, OUTCOMES)
    assert read_outcomes(tmp_path / name) == OUTCOMES
    assert [path.name for path in tmp_path.iterdir()] == [name]
    first = (tmp_path / name).read_bytes()
    write_outcomes(tmp_path / name, OUTCOMES)
    assert (tmp_path / name).read_bytes() == first


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
share = st.floats(0, 1)
outcome = st.builds(
    Outcome,
    words,
    words,
    share,
    st.none() | st.floats(0, 1e6),
    st.none() | st.floats(0, 1e9),
    st.none() | words,
    st.none() | words,
    st.none() | share,
)


@given(outcomes=st.lists(outcome, min_size=1, max_size=5))
@settings(deadline=None)
def test_any_text_and_any_number_survive_a_file(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write_outcomes(folder / "o.csv", outcomes)
    assert read_outcomes(folder / "o.csv") == outcomes
    lines = [json.dumps({name: getattr(o, name) for name in Outcome.__slots__}, ensure_ascii=False) for o in outcomes]
    (folder / "o.jsonl").write_bytes("\n".join(lines).encode())
    assert read_outcomes(folder / "o.jsonl") == outcomes


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz"])
def test_json_lines_are_read(tmp_path: Path, name: str) -> None:
    raw = "\n\n".join(json.dumps(row) for row in as_dicts()).encode() + b"\n"
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    assert read_outcomes(tmp_path / name) == OUTCOMES


def test_a_csv_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """With a byte order mark, other columns, and the columns in another order."""
    file = tmp_path / "o.csv"
    file.write_text("\ufeffscore,note,model,prompt\r\n0.5,x,a@1,hi\r\n", "utf-8", newline="")
    assert read_outcomes(file) == [Outcome("hi", "a@1", 0.5)]


GZ = gzip.compress(b"prompt,model,score\n" + b"hi,a@1,1\n" * 500, mtime=0)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("cut.csv.gz", GZ[:-20]),
        ("bits.csv.gz", GZ[:30] + bytes(byte ^ 0x5A for byte in GZ[30:40]) + GZ[40:]),
        ("plain.csv.gz", b"prompt,model,score\n"),
        ("latin.csv", "prompt,model,score\ncafé,a,1\n".encode("latin-1")),
        ("half.jsonl", b'{"prompt": "hi", "model"'),
        ("list.jsonl", b'{"prompt": "hi", "model": "a", "score": 1}\n[1, 2]\n'),
        ("deep.jsonl", b"[" * 100_000),
        ("folder.csv", None),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path: Path, name: str, raw: bytes | None) -> None:
    if raw is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(raw)
    with pytest.raises(ArtifactError, match="cannot be read") as caught:
        read_outcomes(tmp_path / name)
    assert caught.value.path == str(tmp_path / name)
    assert str(caught.value).endswith("gzipped or not")


def test_a_file_that_is_absent_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file"):
        read_outcomes(tmp_path / "absent.csv")


def test_a_row_of_a_file_is_told_by_its_number(tmp_path: Path) -> None:
    with (tmp_path / "o.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["prompt", "model", "score"], ["hi", "a@1", 1], ["hi", "b@1", 12], ["hi"]])
    with pytest.raises(OutcomesError) as caught:
        read_outcomes(tmp_path / "o.csv")
    assert [violation.place for violation in caught.value.violations] == ["row 1.score", "row 2.model", "row 2.score"]
