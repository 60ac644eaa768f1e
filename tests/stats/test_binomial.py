"""Tails against their definitions, and against what a p-value promises."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.stats import binomial_cdf, binomial_p_value, hoeffding_bentkus_p_value, paired_lower


def cdf_by_counting(k: int, n: int, p: Fraction) -> Fraction:
    """The definition, in whole numbers."""
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(min(k, n) + 1)), Fraction(0))


@given(n=st.integers(1, 60), k=st.integers(-1, 61), share=st.integers(1, 99))
@settings(deadline=None)
def test_the_tail_is_the_sum_of_its_terms(n: int, k: int, share: int) -> None:
    p = Fraction(share, 100)
    assert binomial_cdf(k, n, float(p)) == pytest.approx(float(cdf_by_counting(k, n, p)), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("k", "n", "p", "tail"),
    [(0, 10, 0.0, 1.0), (9, 10, 1.0, 0.0), (10, 10, 1.0, 1.0), (-1, 10, 0.5, 0.0), (500_000, 1_000_000, 0.5, 0.5004)],
)
def test_the_ends_and_a_million_rows(k: int, n: int, p: float, tail: float) -> None:
    assert binomial_cdf(k, n, p) == pytest.approx(tail, abs=1e-4)


@pytest.mark.parametrize(("n", "alpha"), [(50, 0.1), (300, 0.02), (1000, 0.05)])
def test_a_p_value_is_small_as_rarely_as_it_says_when_the_error_is_just_above(n: int, alpha: float) -> None:
    """The smallest that can be: exactly alpha. Losses of 0 and 1, and losses that are spread."""
    rng = random.Random(5)
    rounds, broken, spread = 4000, 0, 0
    for _ in range(rounds):
        errors = sum(rng.random() < alpha for _ in range(n))
        broken += binomial_p_value(errors, n, alpha) <= 0.05
        mean = sum(rng.random() * 2 * alpha for _ in range(n)) / n
        spread += hoeffding_bentkus_p_value(mean, n, alpha) <= 0.05
    # Four standard deviations above five in a hundred.
    slack = 4 * math.sqrt(0.05 * 0.95 / rounds)
    assert broken / rounds <= 0.05 + slack and spread / rounds <= 0.05 + slack
    assert broken > 0


@given(n=st.integers(1, 500), errors=st.integers(0, 500), share=st.integers(1, 99))
def test_for_losses_of_0_and_1_the_exact_tail_is_never_weaker(n: int, errors: int, share: int) -> None:
    errors, alpha = min(errors, n), share / 100
    assert binomial_p_value(errors, n, alpha) <= hoeffding_bentkus_p_value(errors / n, n, alpha) + 1e-9


def test_without_rows_nothing_is_shown() -> None:
    assert (binomial_p_value(0, 0, 0.1), hoeffding_bentkus_p_value(0.0, 0, 0.1)) == (1.0, 1.0)


def test_a_paired_lower_end_is_below_the_mean_and_rises_with_rows() -> None:
    ends = [paired_lower(0.01 * n, 0.05 * n, n) for n in (10, 100, 1000, 10_000, 1_000_000)]
    assert ends == sorted(ends) and ends[-1] < 0.01 and ends[-1] == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize("n", [40, 300])
def test_a_paired_lower_end_is_above_the_truth_about_as_rarely_as_it_says(n: int) -> None:
    rng = random.Random(3)
    rounds, above = 4000, 0
    for _ in range(rounds):
        differences = [rng.choices([-1, 0, 1], [0.04, 0.92, 0.04])[0] for _ in range(n)]
        above += paired_lower(sum(differences), sum(abs(d) for d in differences), n) > 0
    assert above / rounds <= 0.06
