"""Votes, beside what a careful user would write instead."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from jobs.workloads import SOME_EQUAL

from ecology import _core

try:
    import orjson
except ImportError:  # not a dependency: the row is there where it is installed
    orjson = None  # type: ignore[assignment]


def test_majority_of_five_json_replies(benchmark) -> None:
    """Canonical form, votes, support, divergence."""
    verdict = benchmark(_core.majority, SOME_EQUAL)
    assert (verdict["index"], verdict["support"]) == (0, 3)
    benchmark.extra_info["bytes_per_reply"] = sum(map(len, SOME_EQUAL)) / len(SOME_EQUAL)


def _by_orjson(replies: list[str]) -> Any:
    votes = Counter(orjson.dumps(orjson.loads(reply), option=orjson.OPT_SORT_KEYS) for reply in replies)
    return votes.most_common(1)[0]


def _by_json(replies: list[str]) -> Any:
    votes = Counter(json.dumps(json.loads(reply), sort_keys=True) for reply in replies)
    return votes.most_common(1)[0]


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(_by_orjson, marks=pytest.mark.skipif(orjson is None, reason="orjson is not installed")),
        pytest.param(_by_json),
    ],
)
def test_majority_by_hand(benchmark, count: Callable[[list[str]], Any]) -> None:
    """Sorted keys into a Counter: the vote alone."""
    assert benchmark(count, SOME_EQUAL)[1] == 3


def test_best_confidence_of_five(benchmark) -> None:
    """The surest of five labels."""
    labels, confidences = ["a", "b", "c", None, "e"], [0.2, 0.9, 0.4, None, 0.3]
    assert benchmark(_core.best_confidence, labels, confidences)["winner"] == "b"
