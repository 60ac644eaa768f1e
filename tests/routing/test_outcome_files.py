"""Files of outcomes: what is written is read again, and what cannot be read is told by its name."""

from __future__ import annotations

import csv
import gzip
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.errors import ArtifactError, MissingExtra, OutcomesError
from ecology.routing import Outcome, Outcomes, read_outcomes, write_outcomes

OUTCOMES = [
    Outcome("Where is my card?", "a@1", 0.5, 0.001, 12.5, "support", "train", 0.75, 12, 3, 0.5, 1.5e9, "0"),
    Outcome('quotes " and, commas\nand lines', "b@1", 0.0),
    Outcome("日本語 — ä", "a@1", 1.0, leg_confidence=0.0, split="val"),
]
NAMES = ["o.csv", "o.csv.gz", "o.jsonl", "o.jsonl.gz", "o.parquet"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    write_outcomes(tmp_path / name, OUTCOMES)
    assert list(read_outcomes(tmp_path / name)) == OUTCOMES
    assert [path.name for path in tmp_path.iterdir()] == [name]
    first = (tmp_path / name).read_bytes()
    write_outcomes(tmp_path / name, OUTCOMES)
    assert (tmp_path / name).read_bytes() == first


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
words = texts.filter(lambda text: not text.isspace())
share = st.floats(0, 1)
count = st.none() | st.integers(0, 2**53)
outcome = st.builds(
    Outcome,
    prompt=words,
    model=words,
    score=share,
    cost_usd=st.none() | st.floats(0, 1e6),
    latency_ms=st.none() | st.floats(0, 1e9),
    task=st.none() | texts,
    split=st.none() | texts,
    leg_confidence=st.none() | share,
    tokens_in=count,
    tokens_out=count,
    propensity=st.none() | st.floats(0, 1, exclude_min=True),
    timestamp=st.none() | st.floats(-1e10, 1e10),
    fold=st.none() | texts,
)
some = st.lists(outcome, min_size=1, max_size=5, unique_by=lambda one: (one.prompt, one.model))


@pytest.mark.parametrize("name", NAMES)
@given(outcomes=some)
@settings(deadline=None, max_examples=40)
def test_any_text_and_any_number_survive_a_file(
    tmp_path_factory: pytest.TempPathFactory, name: str, outcomes: list[Outcome]
) -> None:
    file = tmp_path_factory.mktemp("any") / name
    table = Outcomes.read(outcomes)
    table.write(file)
    again = Outcomes.read(file)
    assert list(again) == list(table) == outcomes
    assert again == table and again.digest == table.digest


def test_json_lines_of_others_are_read(tmp_path: Path) -> None:
    """With empty lines, keys that other lines lack, nulls, and a carriage return as white space."""
    lines = [
        '{"prompt": "hi", "model": "a@1",\r "score": 1, "cost_usd": null}',
        "",
        '{"score":0,"model":"b@1","prompt":"hi"}',
    ]
    (tmp_path / "o.jsonl").write_bytes("\n".join(lines).encode() + b"\n\n")
    assert list(read_outcomes(tmp_path / "o.jsonl")) == [Outcome("hi", "a@1", 1.0), Outcome("hi", "b@1", 0.0)]


def test_a_csv_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """With a byte order mark, other columns, and the columns in another order."""
    file = tmp_path / "o.csv"
    file.write_text("\ufeffscore,note,model,prompt\r\n0.5,x,a@1,hi\r\n", "utf-8", newline="")
    assert list(read_outcomes(file)) == [Outcome("hi", "a@1", 0.5)]


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
        ("no.parquet", b"prompt,model,score\nhi,a@1,1\n"),
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


def test_equal_prompts_of_a_file_are_one_string(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "o.csv", [Outcome("the same prompt", model, 1.0) for model in ("a@1", "b@1")])
    one, two = read_outcomes(tmp_path / "o.csv")
    assert one.prompt is two.prompt


def test_a_name_that_says_no_format_is_csv(tmp_path: Path) -> None:
    """What was paid for is never lost to the name of a file."""
    for name in ("o.txt", "o", "o.gz"):
        write_outcomes(tmp_path / name, OUTCOMES)
        assert list(read_outcomes(tmp_path / name)) == OUTCOMES


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_outcomes(tmp_path / name, OUTCOMES)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r'pip install "ecology\[tables\]"'):
        write_outcomes(tmp_path / "o.parquet", OUTCOMES)
    (tmp_path / "o.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtra, match="tables"):
        read_outcomes(tmp_path / "o.parquet")


def test_what_is_unknown_everywhere_is_not_written(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "o.csv", [Outcome("hi", "a@1", 1.0, tokens_in=3)])
    assert (tmp_path / "o.csv").read_text("utf-8") == "prompt,model,score,tokens_in\nhi,a@1,1.0,3\n"
