"""The hull is what mixtures of two points reach, AIQ its area, and nobody is paid twice for a dominated point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.routing.metrics import twins

from ecology.errors import MetricsError
from ecology.routing.metrics import aiq, cost_to_reach, frontier, mixture_score, random_score, score_at

costs = st.sampled_from([0.0, 1.0, 2.0, 3.0, 8.0]) | st.floats(0.0, 10.0).map(lambda value: round(value, 3))
points = st.lists(st.tuples(costs, st.floats(0, 1).map(lambda value: round(value, 3))), min_size=1, max_size=12)
Points = list[tuple[float, float]]


def split(drawn: Points) -> tuple[list[float], list[float]]:
    return [cost for cost, _ in drawn], [score for _, score in drawn]


@given(drawn=points, budget=st.floats(0, 12))
@settings(deadline=None)
def test_the_hull_is_the_best_mixture_of_two(drawn: Points, budget: float) -> None:
    expected = twins.score_at(drawn, budget)
    assert float(score_at(*split(drawn), budget)) == pytest.approx(expected, abs=1e-9)
    assert float(mixture_score(*split(drawn), budget)) == pytest.approx(expected, abs=1e-9)


@given(drawn=points, low=st.floats(0, 5), width=st.floats(0.1, 10))
@settings(deadline=None)
def test_aiq_is_the_mean_over_budgets_of_the_best_mixture(drawn: Points, low: float, width: float) -> None:
    expected = twins.aiq(drawn, low, low + width)
    assert aiq(*split(drawn), low, low + width) == pytest.approx(expected, abs=1e-9)


@given(drawn=points, target=st.floats(0, 1).map(lambda value: round(value, 3)))
@settings(deadline=None)
def test_the_cost_to_reach_a_score_is_that_of_the_cheapest_mixture(drawn: Points, target: float) -> None:
    expected = twins.cost_to_reach(drawn, target)
    assert cost_to_reach(*split(drawn), target) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@given(drawn=points)
@settings(deadline=None)
def test_corners_rise_and_bend_down_and_cover_every_point(drawn: Points) -> None:
    cost, score = frontier(*split(drawn))
    assert (np.diff(cost) > 0).all() and (np.diff(score) > 0).all()
    slopes = np.diff(score) / np.diff(cost)
    assert (np.diff(slopes) < 1e-9).all()
    assert all(float(score_at(cost, score, c)) >= s - 1e-9 for c, s in drawn)
    assert set(zip(cost.tolist(), score.tolist(), strict=True)) <= set(drawn)


@given(drawn=points, more=points, seed=st.integers(0, 99))
@settings(deadline=None)
def test_more_points_never_lower_it_and_their_order_does_not_count(drawn: Points, more: Points, seed: int) -> None:
    """So AIQ of a router that can also do what the single models do is at least that of their hull."""
    cost, score = (np.array(column) for column in split(drawn))
    # From the cheapest point of the first on: below it, a cheaper and worse point shortens the way to nothing.
    low, high = float(cost.min()), 12.0
    assert aiq(*split(drawn + more), low, high) >= aiq(cost, score, low, high) - 1e-9
    mixed = np.random.default_rng(seed).permutation(len(cost))
    assert aiq(cost[mixed], score[mixed], low, high) == aiq(cost, score, low, high)


@given(drawn=points, budget=costs)
@settings(deadline=None, max_examples=60)
def test_a_random_choice_is_the_one_of_greatest_entropy_and_never_above_the_mixture(
    drawn: Points, budget: float
) -> None:
    cost, score = split(drawn)
    found = random_score(cost, score, budget)
    assert found == pytest.approx(twins.random_score(cost, score, budget), abs=1e-6)
    if budget >= min(cost):
        assert found <= float(mixture_score(cost, score, budget)) + 1e-6


@pytest.mark.parametrize("budget", [1.0, 1.5, 2.9, 3.0])
def test_of_two_models_random_is_the_line_between_them(budget: float) -> None:
    assert random_score([1, 3], [0.4, 0.8], budget) == pytest.approx(0.4 + 0.2 * (budget - 1))


# points → AIQ from their cheapest to their dearest
KNOWN: dict[str, tuple[Points, float]] = {
    "two": ([(1, 0.4), (3, 0.8)], 0.6),
    "a dear one that is worse": ([(1, 0.4), (3, 0.2)], 0.4),
    "one on the line": ([(1, 0.4), (2, 0.6), (3, 0.8)], 0.6),
    "one below the line": ([(1, 0.4), (2, 0.5), (3, 0.8)], 0.6),
    "one above the line": ([(1, 0.4), (2, 0.8), (3, 0.8)], 0.7),
    "two of one price": ([(1, 0.2), (1, 0.4), (3, 0.8)], 0.6),
}


@pytest.mark.parametrize(("drawn", "expected"), KNOWN.values(), ids=KNOWN.keys())
def test_small_cases_have_the_area_that_one_computes_by_hand(drawn: Points, expected: float) -> None:
    assert aiq(*split(drawn)) == pytest.approx(expected)


def test_without_a_spread_in_cost_there_is_no_area() -> None:
    with pytest.raises(MetricsError, match="there is no spread: from 2 to 2"):
        aiq([2.0, 2.0], [0.1, 0.9])
    assert math.isnan(cost_to_reach([2.0, 2.0], [0.1, 0.9], 0.95))
