"""Outcomes are read from whatever holds them, and every bad row is told by its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ecology.errors import OutcomesError
from ecology.routing import Outcome, to_outcomes

GOOD = {"prompt": "hi", "model": "a@1", "score": 1}
OUTCOMES = [
    Outcome("Where is my card?", "a@1", 0.5, 0.001, 12.5, "support", "train", 0.75),
    Outcome('quotes " and, commas\nand lines', "b@1", 0.0),
    Outcome("日本語 — ä", "a@1", 1.0, leg_confidence=0.0, split="val"),
]


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
    [OUTCOMES, as_dicts(), as_columns(), as_columns(tuple), as_arrays(), iter(OUTCOMES),
     [OUTCOMES[0], as_dicts()[1], OUTCOMES[2]], to_outcomes(OUTCOMES)],
    ids=["outcomes", "dicts", "columns", "tuples", "arrays", "iterator", "mixed", "table"],
)  # fmt: skip
def test_every_table_gives_the_same_outcomes(rows: Any) -> None:
    assert list(to_outcomes(rows)) == OUTCOMES


def test_single_precision_that_is_unknown_is_unknown() -> None:
    columns = {
        "prompt": ["hi"],
        "model": ["a@1"],
        "score": np.ones(1, np.float32),
        "cost_usd": np.full(1, np.nan, "f4"),
    }
    assert list(to_outcomes(columns)) == [Outcome("hi", "a@1", 1.0)]


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
    "cost NaN": (GOOD | {"cost_usd": float("nan")}, ["row 1.cost_usd"]),
    "cost NaN in words": (GOOD | {"cost_usd": "nan"}, ["row 1.cost_usd"]),
    "propensity 0": (GOOD | {"propensity": 0}, ["row 1.propensity"]),
    "propensity above 1": (GOOD | {"propensity": 1.5}, ["row 1.propensity"]),
    "half a token": (GOOD | {"tokens_in": 1.5}, ["row 1.tokens_in"]),
    "tokens below 0": (GOOD | {"tokens_out": -1}, ["row 1.tokens_out"]),
    "leg confidence above 1": (GOOD | {"leg_confidence": 1.5}, ["row 1.leg_confidence"]),
    "time in words": (GOOD | {"timestamp": "yesterday"}, ["row 1.timestamp"]),
    "score is a list": (GOOD | {"score": [1]}, ["row 1.score"]),
    "cost is a truth in words": (GOOD | {"cost_usd": "true"}, ["row 1.cost_usd"]),
    "blank prompt": (GOOD | {"prompt": " \n"}, ["row 1.prompt"]),
    "lone surrogate": (GOOD | {"prompt": "hi \ud800"}, ["row 1.prompt"]),
    "lone surrogate in a task": (GOOD | {"task": "\udfff"}, ["row 1.task"]),
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
        (b"prompt,model,score", "bytes is no table"),
        ([["hi", "a@1", 1]], "a list is no row"),
    ],
)
def test_what_is_no_table_is_refused(rows: Any, said: str) -> None:
    with pytest.raises(OutcomesError, match=said):
        to_outcomes(rows)
