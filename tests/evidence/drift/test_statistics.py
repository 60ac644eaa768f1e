"""The tests behind a verdict: slow twins, and how often they cry wolf."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecology.evidence.drift.statistics import auc, holm, kolmogorov_smirnov, moved_residuals, stability_index

SAMPLES = st.lists(st.integers(0, 6).map(float), min_size=2, max_size=30).map(np.array)


@given(SAMPLES, SAMPLES)
def test_the_distance_of_distributions_is_its_slow_twin(a: np.ndarray, b: np.ndarray) -> None:
    slow = max(abs(np.mean(a <= x) - np.mean(b <= x)) for x in [*a, *b])
    distance, p = kolmogorov_smirnov(a, b)
    assert distance == pytest.approx(slow) and 0 <= p <= 1
    assert kolmogorov_smirnov(b, a) == (pytest.approx(distance), pytest.approx(p))


@given(SAMPLES, st.lists(st.booleans(), min_size=30, max_size=30).map(np.array))
def test_the_area_is_its_slow_twin(score: np.ndarray, truth: np.ndarray) -> None:
    positive = truth[: len(score)]
    if positive.all() or not positive.any():
        return
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert auc(score, positive)[0] == pytest.approx(sum(pairs) / len(pairs))


@given(SAMPLES, SAMPLES)
def test_the_stability_index_is_its_slow_twin(a: np.ndarray, b: np.ndarray) -> None:
    ordered = sorted(a.tolist())
    edges = sorted({ordered[max(0, math.ceil(len(a) * at / 10 - 1e-9) - 1)] for at in range(1, 10)})
    bins = [[-math.inf, *edges, math.inf][at : at + 2] for at in range(len(edges) + 1)]

    def shares(sample: np.ndarray) -> list[float]:
        counts = [sum(low < x <= high for x in sample) + 0.5 for low, high in bins]
        return [count / sum(counts) for count in counts]

    slow = sum((p - q) * math.log(p / q) for p, q in zip(shares(a), shares(b), strict=True))
    assert stability_index(a, b) == pytest.approx(slow, abs=1e-12)
    assert stability_index(a, b) >= 0 == stability_index(a, a)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_corrected_p_value_is_its_slow_twin(p_values: list[float]) -> None:
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    for at, found in zip(order, [holm(p_values)[at] for at in order], strict=True):
        before = order[: order.index(at) + 1]
        slow = max(min(1.0, (len(p_values) - rank) * p_values[each]) for rank, each in enumerate(before))
        assert found == pytest.approx(slow)
        assert found >= p_values[at]


def residuals(rng: np.random.Generator) -> float:
    sides = []
    for _ in range(2):
        confidence = rng.random(300)
        sides.append((confidence, (rng.random(300) < confidence).astype(float)))
    return moved_residuals(sides[0], sides[1])


def distances(rng: np.random.Generator) -> float:
    return kolmogorov_smirnov(rng.random(200), rng.random(150))[1]


def ties(rng: np.random.Generator) -> float:
    return kolmogorov_smirnov(rng.integers(0, 3, 200).astype(float), rng.integers(0, 3, 150).astype(float))[1]


def areas(rng: np.random.Generator) -> float:
    return auc(rng.integers(0, 9, 200).astype(float), rng.random(200) < 0.4)[1]


@pytest.mark.parametrize("draw", [residuals, distances, ties, areas])
def test_where_nothing_changed_a_p_value_is_small_as_seldom_as_it_says(
    draw: Callable[[np.random.Generator], float],
) -> None:
    rng = np.random.default_rng(1)
    found = np.array([draw(rng) for _ in range(1500)])
    for level in (0.01, 0.05, 0.2):
        # Four standard errors above the level.
        assert np.mean(found <= level) <= level + 4 * math.sqrt(level * (1 - level) / 1500)


def test_residuals_move_in_their_mean_and_in_their_slope() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.random(2000)
    right = (confidence, (rng.random(2000) < confidence).astype(float))
    flat = (confidence, (rng.random(2000) < 0.5 + 0.5 * (confidence - 0.5)).astype(float))
    low = (confidence, (rng.random(2000) < confidence - 0.1).astype(float))
    assert abs(float(np.mean(flat[1] - flat[0]))) < 0.03, "its mean alone would tell nothing"
    assert moved_residuals(right, flat) < 1e-6 and moved_residuals(right, low) < 1e-6
    assert moved_residuals(None, right) > 0.01 and moved_residuals(None, flat) < 1e-6
    same = np.full(500, 0.5)
    assert moved_residuals(None, (same, (rng.random(500) < 0.5).astype(float))) > 0.001
    assert moved_residuals(None, (same, np.ones(500))) == 0.0
    assert moved_residuals(None, (np.ones(500), np.ones(500))) == 1.0
