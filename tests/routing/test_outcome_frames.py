"""A frame of any library gives the same outcomes as its rows, and a wide table the same as the long one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.errors import MissingExtra, OutcomesError
from ecology.routing import Outcome, Outcomes

ROWS = [
    Outcome("Where is my card?", "a@1", 0.5, 0.001, 12.5, "support", "train", 0.75, 12, 3, 0.5, 1.5e9, "0"),
    Outcome("quotes, and\nlines", "b@1", 0.0),
    Outcome("日本語 — ä", "a@1", 1.0, leg_confidence=0.0, split="val", fold="3", tokens_in=7),
]
COLUMNS = Outcomes.read(ROWS).to_columns()


class Capsule:
    """Anything that speaks Arrow and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def dictionary(table: pa.Table) -> pa.Table:
    for name in ("prompt", "model", "task"):
        table = table.set_column(table.column_names.index(name), name, table[name].dictionary_encode())
    return table


FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas, its own dtypes": lambda: pd.DataFrame(COLUMNS).convert_dtypes(),
    "pandas, objects": lambda: pd.DataFrame(COLUMNS, dtype=object),
    "pandas, categories": lambda: pd.DataFrame(COLUMNS).astype({"prompt": "category", "model": "category"}),
    "pandas, of arrow": lambda: pa.table(COLUMNS).to_pandas(types_mapper=pd.ArrowDtype),
    "pandas, another index": lambda: pd.DataFrame(COLUMNS, index=[7, 7, 7]),
    "pandas, folds as numbers": lambda: pd.DataFrame(COLUMNS | {"fold": [0.0, None, 3.0]}),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars, lazy": lambda: pl.DataFrame(COLUMNS).lazy(),
    "polars, categories": lambda: pl.DataFrame(COLUMNS).with_columns(pl.col("prompt", "task").cast(pl.Categorical)),
    "arrow": lambda: pa.table(COLUMNS),
    "arrow, a batch": lambda: pa.RecordBatch.from_pydict(COLUMNS),
    "arrow, dictionaries": lambda: dictionary(pa.table(COLUMNS)),
    "capsule": lambda: Capsule(pa.table(COLUMNS)),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_frame_is_its_rows(frame: Callable[[], Any]) -> None:
    table = Outcomes.read(frame())
    assert list(table) == ROWS
    assert table.digest == Outcomes.read(ROWS).digest


WHEN = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
TIMES = {
    "text": ["2024-02-29T12:30:00Z", None],
    "another zone": ["2024-02-29T14:30:00+02:00", ""],
    "without a zone": ["2024-02-29 12:30:00", None],
    "datetime": [WHEN, None],
    "seconds": [WHEN.timestamp(), None],
    "seconds in words": [str(WHEN.timestamp()), None],
    "numpy": np.array(["2024-02-29T12:30", "NaT"], "datetime64[m]"),
    "pandas": pd.Series(pd.to_datetime(["2024-02-29T14:30:00+02:00", None])),
    "pandas, plain": pd.Series(pd.to_datetime(["2024-02-29T12:30:00", None])),
    "polars": pl.Series([WHEN, None]),
    "arrow": pa.chunked_array([pa.array([WHEN, None])]),
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
def test_a_time_is_read_in_every_form(times: Any) -> None:
    table = Outcomes.read({"prompt": ["a", "b"], "model": ["m", "m"], "score": [1, 1], "timestamp": times})
    assert [one.timestamp for one in table] == [WHEN.timestamp(), None]


TRUTHS = {
    "lists": [True, False, None],
    "words": ["True", "false", ""],
    "pandas": pd.Series([True, False, None], dtype="boolean"),
    "objects": pd.Series([True, False, None], dtype=object),
    "polars": pl.Series([True, False, None]),
    "arrow": pa.chunked_array([pa.array([True, False, None])]),
}


@pytest.mark.parametrize("truths", TRUTHS.values(), ids=TRUTHS.keys())
def test_right_and_wrong_are_scores(truths: Any) -> None:
    table = Outcomes.read({"prompt": ["a", "b", "c"], "m@1": truths})
    assert [(one.prompt, one.score) for one in table] == [("a", 1.0), ("b", 0.0)]


def test_a_capsule_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = Capsule(pa.table(COLUMNS))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r'pip install "ecology\[tables\]"'):
        Outcomes.read(frame)


# --- wide --------------------------------------------------------------------------------------------------

WIDE = {
    "id": [10, 11, 12],
    "prompt": ["p", "q", "r"],
    "task": ["sums", None, "essays"],
    "small@1": [1, 0, None],
    "large@1": [0.5, None, 0.25],
    "large@1|cost_usd": [0.01, None, 0.03],
    "large@1|tokens_out": [5, None, None],
    "note": ["x", "y", "1"],
    "timestamp": [1.0, 2.0, None],
}
LONG = [
    Outcome("p", "small@1", 1.0, task="sums", timestamp=1.0),
    Outcome("p", "large@1", 0.5, 0.01, task="sums", tokens_out=5, timestamp=1.0),
    Outcome("q", "small@1", 0.0, timestamp=2.0),
    Outcome("r", "large@1", 0.25, 0.03, task="essays"),
]


@pytest.mark.parametrize(
    "form", [dict, pd.DataFrame, pl.DataFrame, pa.table], ids=["dict", "pandas", "polars", "arrow"]
)
def test_a_wide_table_is_the_long_one(form: Any) -> None:
    assert list(Outcomes.read(form(WIDE))) == LONG


def test_a_wide_file_is_the_long_one(tmp_path: Path) -> None:
    pd.DataFrame(WIDE).to_csv(tmp_path / "wide.csv", index=False)
    assert list(Outcomes.read(tmp_path / "wide.csv")) == LONG


def test_named_columns_are_the_models_whatever_else_is_there() -> None:
    table = {"prompt": ["p"], "model": ["gold"], "score": [7], "a": [1], "b": [0], "seen": [1]}
    assert list(Outcomes.read(table, wide=["b", "a", "b"])) == [Outcome("p", "b", 0.0), Outcome("p", "a", 1.0)]


share = st.none() | st.floats(0, 1)


@given(cells=st.lists(st.tuples(share, share, share, st.none() | st.floats(0, 9)), min_size=1, max_size=6))
@settings(deadline=None)
def test_wide_is_long_for_any_cells(cells: list[tuple[Any, ...]]) -> None:
    prompts = [f"prompt {number}" for number in range(len(cells))]
    scores = {model: [row[at] for row in cells] for at, model in enumerate("cab")}
    costs = [row[3] for row in cells]
    rows = [  # the slow twin
        {"prompt": prompt, "model": model, "score": scores[model][at], "cost_usd": costs[at] if model == "a" else None}
        for at, prompt in enumerate(prompts)
        for model in "cab"
        if scores[model][at] is not None
    ]
    wide = {"prompt": prompts, **scores, "a|cost_usd": costs}
    if not rows:
        with pytest.raises(OutcomesError, match="no rows"):
            Outcomes.read(wide, wide="cab")
    else:
        assert Outcomes.read(wide, wide="cab") == Outcomes.read(rows)


# a wide table, what `wide` names → the places of what is wrong with it
WRONG: dict[str, tuple[dict[str, Any], list[str] | None, list[str]]] = {
    "a score above 1": ({"a": [1, 2], "b": [0, 1]}, None, ["column a"]),
    "a slip in words": ({"a": [1, "x"], "b": [0, 1]}, None, ["column a"]),
    "named, a score above 1": ({"a": [1, 2], "b": [0, 1]}, ["a", "b"], ["row 1.a"]),
    "no such column": ({"a": [1, 0]}, ["a", "c"], ["column c"]),
    "a cost below 0": ({"a": [1, 0], "a|cost_usd": [1, -1]}, None, ["row 1.a|cost_usd"]),
    "an empty prompt": ({"a": [1, 0], "prompt": ["p", ""]}, None, ["row 1.prompt"]),
    "no scores": ({"note": ["x", "y"]}, None, ["column model", "column score"]),
}


@pytest.mark.parametrize(("columns", "wide", "places"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_wide_table_is_told(columns: Any, wide: Any, places: list[str]) -> None:
    with pytest.raises(OutcomesError) as caught:
        Outcomes.read({"prompt": ["p", "q"]} | columns, wide=wide)
    assert [violation.place for violation in caught.value.violations] == places


def test_a_table_without_prompts_is_told_once() -> None:
    for columns in ({"text": ["a"] * 30, "label": ["b"] * 30}, {"model": ["m"] * 30, "score": [1] * 30}):
        with pytest.raises(OutcomesError) as caught:
            Outcomes.read(columns)
        assert "column prompt" in [violation.place for violation in caught.value.violations]
        assert len(caught.value.violations) <= 3
