"""A promise about errors is kept as often as it says; the threshold that looks right breaks it."""

from __future__ import annotations

import numpy as np
import pytest

from ecology.routing.bound import CannotPromise, Promise, error_bound

Floats = np.ndarray


def draw(rng: np.random.Generator, n: int, spread: bool = False) -> tuple[Floats, Floats]:
    """Confidences, and scores whose mean rises with them; the truth is known."""
    sure = rng.random(n)
    right = 0.8 + 0.2 * sure**0.5
    if spread:
        return sure, np.clip(right + rng.uniform(-0.1, 0.1, n) * (1 - right), 0.0, 1.0)
    return sure, (rng.random(n) < right).astype(float)


def true_error(threshold: float) -> float:
    """The mean of 1 − right over confidences from `threshold` to 1."""
    grid = np.linspace(threshold, 1.0, 20_001)
    return float(np.mean(0.2 - 0.2 * grid**0.5))


def naive(sure: Floats, score: Floats, alpha: float) -> float | None:
    """The lowest threshold whose measured error is alpha or less: what anybody would do first."""
    order = np.argsort(-sure)
    errors = np.cumsum(1 - score[order]) / np.arange(1, len(sure) + 1)
    kept = np.flatnonzero(errors <= alpha)
    return float(sure[order][kept[-1]]) if len(kept) else None


@pytest.mark.parametrize(("alpha", "spread"), [(0.03, False), (0.05, False), (0.05, True)])
def test_the_promise_is_kept_as_often_as_it_says_and_the_naive_one_is_not(alpha: float, spread: bool) -> None:
    rounds, delta = 400, 0.05
    broken = naively = promised = 0
    for seed in range(rounds):
        sure, score = draw(np.random.default_rng(seed), 2000, spread)
        found = error_bound(sure, score, alpha, delta)
        if isinstance(found, Promise):
            promised += 1
            broken += true_error(found.threshold) > alpha
        threshold = naive(sure, score, alpha)
        naively += threshold is not None and true_error(threshold) > alpha
    # Five in a hundred, and four standard deviations.
    assert broken / rounds <= delta + 4 * (delta * (1 - delta) / rounds) ** 0.5
    assert promised / rounds > 0.5
    if not spread:
        assert naively / rounds > 0.25


def slow(sure: Floats, score: Floats, alpha: float, delta: float) -> float | None:
    """The same by hand: for every start, every percent of coverage, until a test fails."""
    from math import ceil, comb

    n, best = len(sure), None
    for start in (25, 50, 75, 90):
        for percent in range(start, 101):
            threshold = sorted(sure, reverse=True)[max(1, ceil(n * percent / 100 - 1e-9)) - 1]
            kept = [1 - s for c, s in zip(sure, score, strict=True) if c >= threshold]
            m, errors = len(kept), round(sum(kept))
            if sum(comb(m, i) * alpha**i * (1 - alpha) ** (m - i) for i in range(errors + 1)) > delta / 4:
                break
            best = threshold if best is None else min(best, threshold)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_the_threshold_is_that_of_the_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sure, score = draw(rng, int(rng.integers(5, 200)))
    if seed % 2:
        sure = np.round(sure, 1)  # many that are equal
    found = error_bound(sure, score, 0.15, 0.2)
    wanted = slow(sure, score, 0.15, 0.2)
    assert (found.threshold if isinstance(found, Promise) else None) == wanted


def test_a_promise_says_what_it_covers() -> None:
    sure, score = draw(np.random.default_rng(1), 3000)
    found = error_bound(sure, score, 0.05)
    assert isinstance(found, Promise)
    kept = sure >= found.threshold
    assert found.coverage == pytest.approx(kept.mean()) and found.error == pytest.approx(1 - score[kept].mean())
    assert found.error < 0.05 and "at most 5.0% are wrong, with probability 95%" in str(found)


def test_equal_confidences_are_taken_together_or_not_at_all() -> None:
    sure, score = np.repeat([0.9, 0.1], 500), np.repeat([1.0, 0.0], 500)
    found = error_bound(sure, score, 0.1)
    assert isinstance(found, Promise) and (found.threshold, found.coverage) == (0.9, 0.5)
    assert isinstance(error_bound(np.full(1000, 0.5), np.repeat([1.0, 0.0], 500), 0.1), CannotPromise)


def test_too_few_rows_say_how_many_would_do_and_that_is_about_right() -> None:
    sure, score = draw(np.random.default_rng(4), 150)
    score = np.ones(150)
    found = error_bound(sure, score, 0.01)
    assert isinstance(found, CannotPromise) and found.rows_needed is not None and 150 < found.rows_needed < 3000
    assert "collect more" in str(found)
    enough = found.rows_needed + 10
    assert isinstance(error_bound(np.linspace(0, 1, enough), np.ones(enough), 0.01), Promise)


def test_errors_that_no_number_of_rows_can_mend_are_said() -> None:
    rng = np.random.default_rng(0)
    found = error_bound(rng.random(500), (rng.random(500) < 0.5).astype(float), 0.05)
    assert isinstance(found, CannotPromise) and found.rows_needed is None
    assert found.error > 0.3 and "train a better model" in str(found)


def test_no_rows_promise_nothing() -> None:
    found = error_bound(np.array([]), np.array([]), 0.1)
    assert isinstance(found, CannotPromise) and (found.rows, found.rows_needed) == (0, None)
