"""Nonsense is refused with all that is wrong with it, by every function, and the public names are complete."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from ecology.errors import MetricsError
from ecology.routing import metrics

NAN, INF = float("nan"), float("inf")

# a call → the places of what is wrong
WRONG: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "gain of another length": (lambda: metrics.apgr([1], [1, 0], [0, 0]), ["strong", "weak"]),
    "NaN among the gains": (lambda: metrics.apgr([1, NAN], [1, 0], [0, 0]), ["gain"]),
    "everything at once": (lambda: metrics.apgr([1, NAN], [1, INF], [[0, 0]]), ["gain", "strong", "weak"]),
    "no rows": (lambda: metrics.apgr([], [], []), ["gain", "strong", "weak"]),
    "words": (lambda: metrics.apgr(["a"], [1], [1]), ["gain"]),
    "ragged rows": (lambda: metrics.singletons([[1, 0], [1]]), ["scores"]),
    "no bins of the gain": (lambda: metrics.apgr([1], [1], [0], points=0), ["points"]),
    "a target in percent": (lambda: metrics.cpt([1], [1], [0], target=50), ["target"]),
    "a target of NaN": (lambda: metrics.cpt([1], [1], [0], target=NAN), ["target"]),
    "a cost below 0": (lambda: metrics.frontier([-1, 2], [0, 1]), ["cost"]),
    "no points": (lambda: metrics.score_at([], [], 1), ["cost", "score"]),
    "no spread in cost": (lambda: metrics.aiq([3, 3, 3], [0.1, 0.2, 0.3]), ["cost"]),
    "a range that is turned": (lambda: metrics.aiq([1, 2], [0, 1], low=2, high=1), ["cost"]),
    "a range without an end": (lambda: metrics.aiq([1, 2], [0, 1], high=INF), ["cost"]),
    "confidence in percent": (lambda: metrics.ece([95], [1]), ["confidence"]),
    "outcomes out of range": (lambda: metrics.brier([0.5, 0.5], [-0.1, 1]), ["outcome"]),
    "both, and no bins": (lambda: metrics.ece([2], [NAN], bins=0), ["confidence", "outcome", "bins"]),
    "bins of another kind": (lambda: metrics.ece([1], [1], binning="size"), ["binning"]),  # type: ignore[arg-type]
    "no rounds": (lambda: metrics.ece_floor([0.5], rounds=0), ["rounds"]),
    "a matrix of confidences": (lambda: metrics.reliability([[0.5]], [[1]]), ["confidence", "outcome"]),
    "risk of nothing": (lambda: metrics.aurc([], []), ["confidence", "outcome"]),
    "no coverage": (lambda: metrics.selective_score([1], [1], 0), ["coverage"]),
    "too much coverage": (lambda: metrics.selective_score([1], [1], 1.5), ["coverage"]),
    "costs of other models": (lambda: metrics.choose([[1, 0]], [1, 2, 3], 0), ["cost"]),
    "a rate below 0": (lambda: metrics.choose([[1, 0]], [1, 2], -1), ["rate"]),
    "a rate of NaN": (lambda: metrics.choose([[1, 0]], [1, 2], NAN), ["rate"]),
    "scores of other models": (lambda: metrics.trade([[1, 0]], [1, 2], [[1]], [1]), ["scores", "expected_cost"]),
    "unknown costs": (lambda: metrics.exchange_rates([1, NAN]), ["cost"]),
    "a budget below 0": (lambda: metrics.random_score([1, 2], [0, 1], -1), ["budget"]),
    "a choice that is no model": (lambda: metrics.singleton_recall([2], [[1, 0]]), ["chosen"]),
    "half a choice": (lambda: metrics.singleton_recall([0.5], [[1, 0]]), ["chosen"]),
    "scores that are no scores": (lambda: metrics.singletons([[1, 7]]), ["scores"]),
    "the best of none": (lambda: metrics.best_single([[]], []), ["scores", "cost"]),
    "no prompts": (lambda: metrics.bootstrap(lambda rows: {}, 0, seed=0), ["prompts"]),
    "a level in percent": (lambda: metrics.bootstrap(lambda rows: {}, 3, seed=0, level=95), ["level"]),
    "fewer than no resamples": (lambda: metrics.bootstrap(lambda rows: {}, 3, seed=0, resamples=-1), ["resamples"]),
    "unpaired": (lambda: metrics.paired_bootstrap([1, 2], [1], seed=0), ["b"]),
}  # fmt: skip


@pytest.mark.parametrize(("call", "places"), WRONG.values(), ids=WRONG.keys())
def test_nonsense_is_refused_with_every_reason_and_what_to_do(call: Callable[[], Any], places: list[str]) -> None:
    with pytest.raises(MetricsError) as caught:
        call()
    assert [violation.place for violation in caught.value.violations] == places
    assert all(violation.problem and violation.fix for violation in caught.value.violations)


def test_the_public_names_are_complete_and_each_is_explained() -> None:
    names = {name for name, value in vars(metrics).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert sorted(metrics.__all__) == sorted(names)
    for name in metrics.__all__:
        told = inspect.getdoc(getattr(metrics, name)) or ""
        assert len(told.split()) > 8, name
        assert inspect.isclass(getattr(metrics, name)) or ">>>" in told, name
