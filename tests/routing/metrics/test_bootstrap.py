"""Intervals cover as often as they say, are paired, and are the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ecology.routing.metrics import Interval, bootstrap, paired_bootstrap


def means(values: np.ndarray):
    return lambda rows: {"mean": float(values[rows].mean())}


def test_it_is_the_percentiles_of_a_loop_over_resamples() -> None:
    values = np.random.default_rng(5).random(50)
    found = bootstrap(means(values), 50, seed=3, resamples=200)["mean"]
    generator = np.random.default_rng(3)
    drawn = sorted(sum(values[row] for row in generator.integers(0, 50, 50)) / 50 for _ in range(200))

    def percentile(share: float) -> float:
        place = share * 199
        low = math.floor(place)
        return drawn[low] + (drawn[low + 1] - drawn[low]) * (place - low)

    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((percentile(0.025), percentile(0.975)))


def test_it_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for round_ in range(300):
        found = bootstrap(means((rng.random(120) < 0.7).astype(float)), 120, seed=round_, resamples=200)["mean"]
        covered += found.low <= 0.7 <= found.high
    assert 0.90 <= covered / 300 <= 0.985


def test_what_makes_every_prompt_hard_alike_cancels() -> None:
    hard = np.random.default_rng(1).random(200)
    paired = paired_bootstrap(hard + 0.1, hard, seed=0)
    assert paired.value == pytest.approx(0.1) and paired.high - paired.low < 1e-9
    alone = bootstrap(means(hard), 200, seed=0)["mean"]
    assert alone.high - alone.low > 0.05


def test_a_seed_gives_the_same_interval_and_another_one_another() -> None:
    values = np.random.default_rng(2).random(80)
    first, again, other = (bootstrap(means(values), 80, seed=seed, resamples=50)["mean"] for seed in (1, 1, 2))
    assert first == again != other


def test_the_two_sides_of_a_difference_turn() -> None:
    a, b = np.random.default_rng(4).random((2, 60))
    there, back = paired_bootstrap(a, b, seed=0), paired_bootstrap(b, a, seed=0)
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))


@pytest.mark.parametrize(("share", "known"), [(0.2, True), (0.9, False)])
def test_a_number_that_is_mostly_undefined_has_no_interval(share: float, known: bool) -> None:
    """And one that is undefined now and then is measured where it is defined."""
    generator = np.random.default_rng(0)
    found = bootstrap(
        lambda rows: {"x": float("nan") if generator.random() < share else 1.0}, 10, seed=0, resamples=300
    )["x"]
    assert (found.low, found.high) == ((1.0, 1.0) if known else (pytest.approx(math.nan, nan_ok=True),) * 2)


def test_without_resamples_there_is_a_value_and_no_interval() -> None:
    found = bootstrap(means(np.ones(3)), 3, seed=0, resamples=0)["mean"]
    assert found.value == 1.0 and math.isnan(found.low) and math.isnan(found.high)
    assert str(Interval(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"


def test_progress_is_told_to_the_end() -> None:
    told: list[float] = []
    bootstrap(means(np.ones(3)), 3, seed=0, resamples=4, progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]
