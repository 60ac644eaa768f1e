"""Intervals against their slow definitions, and against what they promise: to cover."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecology.stats import paired_interval, wilson
from ecology.stats.interval import Z_95


def wilson_by_definition(successes: int, n: int, z: float) -> tuple[float, float]:
    """All shares p for which the measured share is within z standard errors *of p*; the edges by bisection."""
    share = successes / n

    def outside(p: float) -> bool:
        return abs(share - p) > z * math.sqrt(p * (1 - p) / n)

    def edge(inside: float, beyond: float) -> float:
        if not outside(beyond):
            return beyond
        for _ in range(200):
            middle = (inside + beyond) / 2
            inside, beyond = (inside, middle) if outside(middle) else (middle, beyond)
        return inside

    return edge(share, 0.0), edge(share, 1.0)


counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts=counts, z=st.sampled_from([0.5, 1.0, Z_95, 3.0]))
def test_wilson_is_the_set_of_shares_that_fit(counts: tuple[int, int], z: float) -> None:
    assert wilson(*counts, z) == pytest.approx(wilson_by_definition(*counts, z), abs=1e-9)


@given(counts=counts)
def test_wilson_holds_the_share_stays_in_bounds_and_mirrors(counts: tuple[int, int]) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0.0 <= low <= successes / n + 1e-12 and successes / n - 1e-12 <= high <= 1.0
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize("n", [0, -1])
def test_without_rows_anything_is_possible(n: int) -> None:
    assert wilson(0, n) == (0.0, 1.0)


@pytest.mark.parametrize(("share", "n"), [(0.5, 30), (0.9, 100), (0.98, 100), (0.1, 50)])
def test_wilson_covers_about_as_often_as_it_says(share: float, n: int) -> None:
    rng = random.Random(7)
    rounds = 1500
    covered = 0
    for _ in range(rounds):
        low, high = wilson(sum(rng.random() < share for _ in range(n)), n)
        covered += low <= share <= high
    # A count is discrete, so that the coverage of the score interval swings around 95 %.
    assert 0.92 <= covered / rounds <= 0.985


def test_a_paired_interval_covers_the_difference_about_as_often_as_it_says() -> None:
    rng = random.Random(11)
    rounds, covered = 1000, 0
    for _ in range(rounds):
        hard = [rng.random() for _ in range(80)]
        a = [float(rng.random() < 0.9 * (1 - h / 2)) for h in hard]
        b = [float(rng.random() < 0.7 * (1 - h / 2)) for h in hard]
        mean, low, high = paired_interval(a, b)
        assert low <= mean <= high
        covered += low <= 0.2 * 0.75 <= high
    assert 0.93 <= covered / rounds <= 0.97


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=30))
def test_a_paired_interval_turns_with_its_sides(rows: list[tuple[float, float]]) -> None:
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    mean, low, high = paired_interval(a, b)
    back, back_low, back_high = paired_interval(b, a)
    assert (back, back_low, back_high) == pytest.approx((-mean, -high, -low), abs=1e-9)
    assert mean == pytest.approx(sum(a) / len(a) - sum(b) / len(b), abs=1e-9)


def test_what_makes_every_row_hard_alike_cancels() -> None:
    rng = random.Random(3)
    hard = [rng.random() for _ in range(200)]
    mean, low, high = paired_interval([h + 0.1 for h in hard], hard)
    assert mean == pytest.approx(0.1) and high - low < 1e-9


def test_no_rows_are_no_difference_and_unequal_ones_an_error() -> None:
    assert paired_interval([], []) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="shorter"):
        paired_interval([1.0, 0.0], [1.0])
