"""APGR and CPT: equal to their definitions, RouteLLM's where that is defined, and right where the answer is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.routing.metrics import twins

from ecology.routing.metrics import apgr, cpt, pair_curve

# Few values, so that there are ties; halves and eighths, so that sums are exact.
gains = st.sampled_from([-1.0, -0.5, 0.0, 0.125, 0.25, 0.3, 0.7, 1.0]) | st.floats(-1, 1)
scores = st.sampled_from([0.0, 0.0, 1.0, 1.0, 0.5, 0.25])
pairs = st.lists(st.tuples(gains, scores, scores), min_size=1, max_size=40)
bins = st.sampled_from([None, 1, 2, 3, 10, 50])


def columns(rows: list[tuple[float, float, float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]


@given(rows=pairs, points=bins)
@settings(deadline=None)
def test_the_curve_is_the_one_of_the_definition(rows: list[Any], points: int | None) -> None:
    curve = pair_curve(*columns(rows), points=points)
    expected = twins.pair_curve(*columns(rows), points)
    assert curve.share.tolist() == [share for share, _ in expected]
    assert curve.score.tolist() == pytest.approx([score for _, score in expected], abs=1e-12)


@given(rows=pairs, points=bins, target=st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]))
@settings(deadline=None)
def test_apgr_and_cpt_are_those_of_the_definition(rows: list[Any], points: int | None, target: float) -> None:
    given_ = columns(rows)
    assert apgr(*given_, points=points) == pytest.approx(twins.apgr(*given_, points), abs=1e-9, nan_ok=True)
    assert cpt(*given_, target=target, points=points) == pytest.approx(
        twins.cpt(*given_, target, points), abs=1e-6, nan_ok=True
    )


def as_routellm_computes_it(gain: Any, strong: Any, weak: Any) -> tuple[float, list[float]]:
    """Quantile thresholds, percentages, trapezoids and `interp` as in `evaluate.py`; own words."""
    edges = np.quantile(gain, np.linspace(0, 1, 11))
    calls, quality = [], []
    for at, edge in enumerate(edges):
        sent = gain >= edge if at < 10 else gain > edge
        calls.append(sent.mean() * 100)
        quality.append(np.where(sent, strong, weak).mean() * 100)
    order = np.argsort(calls)
    x, y = np.array(calls)[order], np.array(quality)[order]
    low, high = weak.mean() * 100, strong.mean() * 100
    area, base, top = (np.trapezoid(v, x / 100) for v in (y, np.full(11, low), np.full(11, high)))
    return (area - base) / (top - base), [np.interp(p * (high - low) + low, y, x) / 100 for p in (0.2, 0.5, 0.8)]


@pytest.mark.parametrize("seed", range(20))
def test_without_ties_it_is_what_routellm_computes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hard = rng.random(800)
    weak, strong = (rng.random(800) > hard).astype(float), (rng.random(800) > hard / 2).astype(float)
    gain = hard + rng.normal(0, 0.3, 800)
    area, calls = as_routellm_computes_it(gain, strong, weak)
    assert apgr(gain, strong, weak) == pytest.approx(area, abs=1e-12)
    if (np.diff(pair_curve(gain, strong, weak).score) > 0).all():
        assert [cpt(gain, strong, weak, t) for t in (0.2, 0.5, 0.8)] == pytest.approx(calls, abs=1e-12)


def test_some_of_those_seeds_have_a_curve_that_rises() -> None:
    """Else the comparison of CPT above would have compared nothing."""
    rng = np.random.default_rng(1)
    weak = (rng.random(4000) > 0.6).astype(float)
    gain, strong = 1 - weak + rng.normal(0, 1, 4000), np.ones(4000)
    assert (np.diff(pair_curve(gain, strong, weak).score) > 0).all()
    assert [cpt(gain, strong, weak, t) for t in (0.2, 0.5, 0.8)] == pytest.approx(
        as_routellm_computes_it(gain, strong, weak)[1], abs=1e-12
    )


def test_a_random_order_recovers_half_of_the_gap_on_average() -> None:
    rng = np.random.default_rng(0)
    strong, weak = (rng.random(500) < 0.8).astype(float), (rng.random(500) < 0.5).astype(float)
    drawn = [apgr(rng.random(500), strong, weak) for _ in range(400)]
    assert np.mean(drawn) == pytest.approx(0.5, abs=5 * np.std(drawn) / 20)


@given(rows=pairs)
@settings(deadline=None)
def test_no_order_is_better_than_that_of_the_true_gain(rows: list[Any]) -> None:
    gain, strong, weak = columns(rows)
    true = [s - w for s, w in zip(strong, weak, strict=True)]
    best, found = apgr(true, strong, weak, points=None), apgr(gain, strong, weak, points=None)
    assert math.isnan(best) == math.isnan(found)
    assert not found > best + 1e-9


@given(rows=pairs, points=bins, seed=st.integers(0, 99))
@settings(deadline=None)
def test_neither_the_order_of_rows_nor_the_scale_of_gains_counts(
    rows: list[Any], points: int | None, seed: int
) -> None:
    gain, strong, weak = (np.array(column) for column in columns(rows))
    mixed = np.random.default_rng(seed).permutation(len(gain))
    value = apgr(gain, strong, weak, points=points)
    assert np.array_equal(apgr(gain[mixed], strong[mixed], weak[mixed], points=points), value, equal_nan=True)
    assert np.array_equal(apgr(gain * 4, strong, weak, points=points), value, equal_nan=True)


# gain, strong, weak → APGR, CPT(50 %), with every threshold
KNOWN: dict[str, tuple[list[float], list[float], list[float], float, float]] = {
    "equal gains know nothing": ([7, 7, 7, 7], [1, 1, 1, 1], [0, 1, 0, 1], 0.5, 0.5),
    "the best order": ([1, 0, 1, 0], [1, 1, 1, 1], [0, 1, 0, 1], 0.75, 0.25),
    "the worst order": ([0, 1, 0, 1], [1, 1, 1, 1], [0, 1, 0, 1], 0.25, 0.75),
    "one prompt": ([0.3], [1], [0], 0.5, 0.5),
    "no gap": ([1, 2], [1, 0], [0, 1], math.nan, math.nan),
    "the strong is the weaker": ([1, 2], [0, 0], [0, 1], math.nan, math.nan),
    "more than the strong model": ([3, 2, 1], [1, 1, 0], [0, 0, 1], 3.5 / 3, 1 / 6),
}  # fmt: skip


@pytest.mark.parametrize(("gain", "strong", "weak", "area", "half"), KNOWN.values(), ids=KNOWN.keys())
def test_small_cases_have_the_value_that_one_computes_by_hand(
    gain: list[float], strong: list[float], weak: list[float], area: float, half: float
) -> None:
    assert apgr(gain, strong, weak, points=None) == pytest.approx(area, nan_ok=True)
    assert cpt(gain, strong, weak, 0.5, points=None) == pytest.approx(half, nan_ok=True)
