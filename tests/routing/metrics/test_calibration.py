"""Calibration: equal to the definition, blind to the order of rows, and a floor that a calibrated coin measures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.routing.metrics import twins

from ecology.routing.metrics import aurc, brier, ece, ece_floor, reliability, risk_coverage, selective_score

tenths = st.integers(0, 10).map(lambda n: n / 10)
rows_of = st.lists(st.tuples(tenths | st.floats(0, 1), tenths), min_size=1, max_size=40)
few_rows = st.lists(st.tuples(tenths, tenths), min_size=1, max_size=6)
binnings = st.sampled_from(["mass", "width"])
counts = st.integers(1, 20)


def columns(rows: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [confidence for confidence, _ in rows], [outcome for _, outcome in rows]


@given(rows=rows_of, bins=counts, binning=binnings)
@settings(deadline=None)
def test_ece_and_brier_are_those_of_the_definition(rows: list[Any], bins: int, binning: Any) -> None:
    assert ece(*columns(rows), bins, binning) == pytest.approx(twins.ece(*columns(rows), bins, binning), abs=1e-12)
    assert brier(*columns(rows)) == pytest.approx(twins.brier(*columns(rows)), abs=1e-12)


@given(rows=rows_of, bins=counts, binning=binnings, seed=st.integers(0, 99))
@settings(deadline=None)
def test_the_order_of_rows_changes_no_bit(rows: list[Any], bins: int, binning: Any, seed: int) -> None:
    confidence, outcome = (np.array(column) for column in columns(rows))
    mixed = np.random.default_rng(seed).permutation(len(rows))
    assert ece(confidence[mixed], outcome[mixed], bins, binning) == ece(confidence, outcome, bins, binning)
    assert brier(confidence[mixed], outcome[mixed]) == brier(confidence, outcome)
    assert aurc(confidence[mixed], outcome[mixed]) == aurc(confidence, outcome)
    assert ece_floor(confidence[mixed], bins, binning, rounds=3) == ece_floor(confidence, bins, binning, rounds=3)


@given(rows=rows_of, bins=counts, binning=binnings)
@settings(deadline=None)
def test_a_diagram_keeps_every_row_and_both_means(rows: list[Any], bins: int, binning: Any) -> None:
    confidence, outcome = columns(rows)
    table = reliability(confidence, outcome, bins, binning)
    assert table.count.sum() == len(rows) and (table.count > 0).all() and len(table.count) <= bins
    for found, column in ((table.confidence, confidence), (table.outcome, outcome)):
        assert (found * table.count).sum() / len(rows) == pytest.approx(twins.mean(column), abs=1e-12)
    assert (np.diff(table.confidence) > 0).all()
    assert ece(confidence, outcome, bins, binning) >= abs(twins.mean(confidence) - twins.mean(outcome)) - 1e-12


def test_distinct_confidences_are_shared_out_evenly() -> None:
    confidence = np.random.default_rng(0).random(600)
    assert reliability(confidence, confidence, bins=15).count.tolist() == [40] * 15


@pytest.mark.parametrize("binning", ["mass", "width"])
def test_a_calibrated_score_measures_its_floor(binning: Any) -> None:
    rng = np.random.default_rng(1)
    confidence = rng.beta(2, 1, 1500)
    mean, high = ece_floor(confidence, binning=binning)
    measured = [ece(confidence, (rng.random(1500) < confidence).astype(float), binning=binning) for _ in range(200)]
    assert np.mean(measured) == pytest.approx(mean, abs=4 * np.std(measured) / math.sqrt(100))
    assert 0.01 <= np.mean(np.array(measured) > high) <= 0.12
    over = np.clip(confidence + 0.1, 0, 1)
    assert ece(over, (rng.random(1500) < confidence).astype(float), binning=binning) > high


@pytest.mark.parametrize(("p", "n"), [(0.5, 100), (0.9, 40), (0.02, 300)])
def test_the_floor_of_one_bin_is_the_mean_deviation_of_a_binomial(p: float, n: int) -> None:
    expected = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * abs(k / n - p) for k in range(n + 1))
    assert ece_floor([p] * n, rounds=4000, seed=2)[0] == pytest.approx(expected, rel=0.05)


def test_the_floor_depends_on_its_seed_only_and_falls_with_rows() -> None:
    confidence = np.linspace(0.05, 0.95, 200)
    assert ece_floor(confidence, seed=1) == ece_floor(confidence, seed=1) != ece_floor(confidence, seed=2)
    assert ece_floor(np.tile(confidence, 16))[0] < ece_floor(confidence)[0] / 2


@pytest.mark.parametrize("sure", [0.0, 1.0])
def test_who_is_sure_and_right_has_no_error_and_no_floor(sure: float) -> None:
    assert (ece([sure] * 9, [sure] * 9), brier([sure] * 9, [sure] * 9)) == (0.0, 0.0)
    assert ece_floor([sure] * 9) == (0.0, 0.0)
    assert (ece([sure] * 9, [1 - sure] * 9), brier([sure] * 9, [1 - sure] * 9)) == (1.0, 1.0)


# --- answering only where sure ---------------------------------------------------------------------------------


@given(rows=few_rows)
@settings(deadline=None, max_examples=60)
def test_risk_is_the_mean_over_all_orders_that_confidence_allows(rows: list[Any]) -> None:
    coverage, risk = risk_coverage(*columns(rows))
    expected = twins.risk(*columns(rows))
    n = len(rows)
    assert coverage.tolist() == [(at + 1) / n for at in range(n)]
    assert risk.tolist() == pytest.approx(expected, abs=1e-9)
    assert aurc(*columns(rows)) == pytest.approx(twins.mean(expected), abs=1e-9)
    for taken in range(1, n + 1):
        assert selective_score(*columns(rows), taken / n) == pytest.approx(1 - expected[taken - 1], abs=1e-9)


@given(rows=rows_of)
@settings(deadline=None)
def test_no_order_has_less_area_than_the_true_one_and_all_answer_alike_at_full_coverage(rows: list[Any]) -> None:
    confidence, outcome = columns(rows)
    worst = [-value for value in outcome]
    assert aurc(outcome, outcome) - 1e-12 <= aurc(confidence, outcome) <= aurc(worst, outcome) + 1e-12
    assert aurc([0.5] * len(rows), outcome) == pytest.approx(1 - twins.mean(outcome), abs=1e-12)
    assert selective_score(confidence, outcome, 1.0) == pytest.approx(twins.mean(outcome), abs=1e-12)


@given(rows=rows_of)
@settings(deadline=None)
def test_only_the_order_of_confidence_counts(rows: list[Any]) -> None:
    confidence, outcome = columns(rows)
    ranks = np.unique(confidence, return_inverse=True)[1]
    assert aurc(ranks, outcome) == aurc(confidence, outcome)
