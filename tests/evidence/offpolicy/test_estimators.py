"""The estimators against slow obvious twins, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.evidence.offpolicy.estimators import ESTIMATORS, Estimator, Terms, ratio, switch_threshold
from ecology.evidence.offpolicy.interval import bernstein, bootstrapped, normal
from ecology.evidence.offpolicy.overlap import overlap_of


def random_terms(seed: int, n: int = 40) -> Terms:
    rng = np.random.default_rng(seed)
    weight = rng.exponential(size=n) * (rng.random(n) < 0.8) + 1e-3
    stands = rng.random(n) + 0.5
    return Terms(weight, rng.random(n), rng.random(n), rng.random(n), stands / stands.mean())


def twin(name: str, terms: Terms, threshold: float) -> float:
    """Row by row, as it is written on paper."""
    top = bottom = 0.0
    for at in range(len(terms)):
        w, y, fitted = float(terms.weight[at]), float(terms.outcome[at]), float(terms.fitted[at])
        expected, stands = float(terms.expected[at]), float(terms.stands[at])
        if name == "dm":
            row, share = expected, 1.0
        elif name == "ips":
            row, share = w * y, 1.0
        elif name == "snips":
            row, share = w * y, w
        elif name == "dr" or w <= threshold:
            row, share = expected + w * (y - fitted), 1.0
        else:
            row, share = expected, 1.0
        top += stands * row
        bottom += stands * share
    return top / bottom


@pytest.mark.parametrize("name", ESTIMATORS)
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.0, 0.5, 2.0, math.inf]))
@settings(max_examples=40, deadline=None)
def test_an_estimator_is_its_slow_twin(name: Estimator, seed: int, threshold: float) -> None:
    terms = random_terms(seed)
    assert ratio(name, terms, threshold).value == pytest.approx(twin(name, terms, threshold), rel=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_influence_of_a_row_is_what_leaving_it_out_changes(name: Estimator) -> None:
    terms = random_terms(3, n=2000)
    found = ratio(name, terms, 1.5)
    influence = found.influence
    assert float(influence.mean()) == pytest.approx(0.0, abs=1e-12)
    for at in range(0, 2000, 97):
        without = np.arange(2000) != at
        moved = (found.value - ratio(name, terms.take(without), 1.5).value) * 2000
        assert moved == pytest.approx(float(influence[at]), abs=0.02 + 0.02 * abs(float(influence[at])))


@given(seed=st.integers(0, 10_000), constant=st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_a_constant_added_to_every_score_is_added_to_snips_and_not_to_ips(seed: int, constant: float) -> None:
    terms = random_terms(seed)
    moved = Terms(terms.weight, terms.outcome + constant, terms.fitted, terms.expected, terms.stands)
    difference = ratio("snips", moved).value - ratio("snips", terms).value
    assert difference == pytest.approx(constant, abs=1e-9)
    mean_weight = float(terms.stands @ terms.weight) / len(terms)
    expected = constant * mean_weight
    assert ratio("ips", moved).value - ratio("ips", terms).value == pytest.approx(expected, abs=1e-9)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_where_the_guesses_are_exact_dr_is_the_direct_method(seed: int) -> None:
    terms = random_terms(seed)
    exact = Terms(terms.weight, terms.fitted, terms.fitted, terms.expected, terms.stands)
    direct = ratio("dm", exact).value
    assert ratio("dr", exact).value == pytest.approx(direct, rel=1e-12)
    assert ratio("switch-dr", exact, 1.0).value == pytest.approx(direct, rel=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_without_a_limit_on_weights_switching_is_dr_and_with_none_allowed_the_direct_method(seed: int) -> None:
    terms = random_terms(seed)
    assert ratio("switch-dr", terms, math.inf).value == ratio("dr", terms).value
    assert ratio("switch-dr", terms, 0.0).value == pytest.approx(ratio("dm", terms).value, rel=1e-12)


def test_the_policy_of_the_log_itself_gets_the_plain_mean() -> None:
    terms = random_terms(5)
    same = Terms(np.ones(40), terms.outcome, terms.fitted, terms.fitted, np.ones(40))
    for name in ("ips", "snips", "dr", "switch-dr"):
        assert ratio(name, same, 1.0).value == pytest.approx(float(terms.outcome.mean()), rel=1e-12)


def slow_threshold(terms: Terms, largest: float) -> float:
    positive = sorted(float(w) for w in terms.weight if w > 0)
    lo, hi = math.log(positive[0]), math.log(positive[-1])
    losses = []
    for threshold in [math.inf, *[math.exp(hi + (lo - hi) * at / 20) for at in range(21)]]:
        rows = []
        for at in range(len(terms)):
            w = float(terms.weight[at])
            used = w if w <= threshold * (1 + 1e-12) else 0.0
            rows.append(float(terms.expected[at] + used * (terms.outcome[at] - terms.fitted[at])))
        mean = sum(rows) / len(rows)
        variance = sum((row - mean) ** 2 for row in rows) / len(rows) ** 2
        bias = largest * sum(float(w) for w in terms.weight if w > threshold * (1 + 1e-12)) / len(rows)
        losses.append((variance + bias**2, threshold))
    return min(losses, key=lambda pair: pair[0])[1]


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_of_switching_is_its_slow_twin(seed: int) -> None:
    terms = random_terms(seed)
    terms = Terms(terms.weight, terms.outcome, terms.fitted, terms.expected, np.ones(40))
    for largest in (0.0, 0.01, 1.0):
        found, slow = switch_threshold(terms, largest), slow_threshold(terms, largest)
        assert ratio("switch-dr", terms, found * (1 + 1e-9)).value == pytest.approx(
            ratio("switch-dr", terms, slow * (1 + 1e-9)).value, rel=1e-9
        )


def test_one_huge_weight_makes_switching_prefer_the_guess_and_even_weights_do_not() -> None:
    rng = np.random.default_rng(0)
    n = 1000
    guess = np.full(n, 0.5)
    even = Terms(np.ones(n), (rng.random(n) < 0.5).astype(float), guess, guess, np.ones(n))
    assert switch_threshold(even, 1.0) >= 1.0
    weight = np.full(n, 0.9)
    weight[0] = 100.0
    outcome = even.outcome.copy()
    outcome[0] = 0.0
    heavy = Terms(weight, outcome, guess, guess, np.ones(n))
    assert switch_threshold(heavy, 0.05) < 100
    assert ratio("switch-dr", heavy, switch_threshold(heavy, 0.05)).value > ratio("dr", heavy).value + 0.03


def test_intervals_agree_where_they_should_and_bernstein_is_the_longest() -> None:
    terms = random_terms(1, n=3000)
    for name in ESTIMATORS:
        found = ratio(name, terms)
        by_influence = normal(found.value, found.influence, 0.9)
        drawn = bootstrapped(found, 0.9, seed=0, resamples=2000)
        length = by_influence.high - by_influence.low
        assert drawn.low == pytest.approx(by_influence.low, abs=0.1 * length)
        assert drawn.high == pytest.approx(by_influence.high, abs=0.1 * length)
        certain = bernstein(found, 10.0, 0.9)
        if name == "snips":
            assert math.isnan(certain.low)
        else:
            assert certain.low < by_influence.low and by_influence.high < certain.high
    assert bootstrapped(found, 0.9, seed=0, resamples=50) == bootstrapped(found, 0.9, seed=0, resamples=50)
    assert bootstrapped(found, 0.9, seed=0, resamples=50) != bootstrapped(found, 0.9, seed=1, resamples=50)


def test_effective_rows_are_all_rows_under_even_weights_and_one_under_a_single_one() -> None:
    ones = np.ones(50)
    assert overlap_of(ones * 3, ones * 0.3, ones, 0.02).effective_rows == pytest.approx(50)
    single = np.zeros(50)
    single[7] = 50.0
    found = overlap_of(single, ones * 0.01, ones, 0.02)
    assert (found.effective_rows, found.largest_share, found.thin_mass) == (1.0, 1.0, 1.0)
