"""Choosing by confidence and money: equal to a loop, right at both ends, and the oracle is never beaten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.routing.metrics import twins

from ecology.routing.metrics import aiq, best_single, choose, exchange_rates, score_at, singleton_recall, trade

shapes = st.tuples(st.integers(1, 12), st.integers(1, 5))
tenths = st.integers(0, 10).map(lambda n: n / 10)


@st.composite
def tables(draw: st.DrawFn) -> list[Any]:
    """Confidence, scores and costs of one shape, with many ties."""
    shape = draw(shapes)
    return [draw(hnp.arrays(np.float64, shape, elements=tenths)) for _ in range(3)]


@given(drawn=tables(), rate=st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.7, np.inf]))
@settings(deadline=None)
def test_a_choice_is_the_one_of_the_loop(drawn: list[Any], rate: float) -> None:
    confidence, _, cost = drawn
    assert choose(confidence, cost, rate).tolist() == twins.choose(confidence.tolist(), cost.tolist(), rate)


@given(drawn=tables())
@settings(deadline=None)
def test_every_point_of_a_trade_is_the_mean_of_its_choices(drawn: list[Any]) -> None:
    confidence, scores, cost = drawn
    found = trade(confidence, cost, scores, cost)
    rows = np.arange(len(scores))
    for at, rate in enumerate(found.rates):
        chosen = choose(confidence, cost, rate)
        assert found.score[at].tolist() == scores[rows, chosen].tolist()
        assert found.cost[at].tolist() == cost[rows, chosen].tolist()
    again = np.concatenate([rows, rows[:1], rows[:1]])
    for points, of in zip(found.points(again), (found.cost, found.score), strict=True):
        assert points == pytest.approx(of[:, again].mean(axis=1))


@given(drawn=tables(), budget=tenths)
@settings(deadline=None)
def test_a_finely_tuned_oracle_is_never_beaten_at_equal_cost(drawn: list[Any], budget: float) -> None:
    confidence, scores, cost = drawn
    # Scores and costs are tenths: every rate at which a prompt changes its model is a quotient of two of those.
    quotients = {a / b for a in range(11) for b in range(1, 11)}
    rates = sorted({0.0, np.inf, *quotients, *(q + 1e-6 for q in quotients)})
    oracle = trade(scores, cost, scores, cost, rates).points()
    other = trade(confidence, cost, scores, cost, rates).points()
    cheapest = float(oracle[0].min())
    at = max(budget, cheapest)
    assert float(score_at(*oracle, at)) >= float(score_at(*other, at)) - 1e-4


def test_rates_span_from_the_best_to_the_cheapest() -> None:
    rng = np.random.default_rng(0)
    scores, cost = rng.random((300, 4)), np.array([0.00002, 0.0003, 0.0004, 0.02])
    confidence = np.clip(scores + rng.normal(0, 0.2, scores.shape), 0, 1)
    found = trade(confidence, cost, scores, cost)
    cost_of, _ = found.points()
    assert (found.rates[0], found.rates[-1]) == (0.0, np.inf)
    assert (np.diff(cost_of) <= 1e-12).all()
    assert cost_of[-1] == pytest.approx(cost.min()) and cost_of[-2] == pytest.approx(cost.min(), rel=0.2)
    assert len(np.unique(cost_of)) > 25


def test_costs_of_models_and_costs_of_prompts_are_the_same_thing() -> None:
    confidence = np.random.default_rng(0).random((50, 3))
    by_model = np.array([1.0, 2.0, 3.0])
    by_prompt = np.tile(by_model, (50, 1))
    assert exchange_rates(by_model).tolist() == exchange_rates(by_prompt).tolist()
    assert choose(confidence, by_model, 0.1).tolist() == choose(confidence, by_prompt, 0.1).tolist()


def test_a_perfect_router_of_two_models_has_the_area_of_the_oracle_and_a_blind_one_that_of_the_singles() -> None:
    rng = np.random.default_rng(3)
    weak = (rng.random(2000) < 0.5).astype(float)
    scores, cost = np.stack([weak, np.ones(2000)], axis=1), np.array([1.0, 5.0])
    perfect = aiq(*trade(scores, cost, scores, cost).points(), 1.0, 5.0)
    blind = np.tile([0.5, 0.9], (2000, 1))
    unaware = aiq(*trade(blind, cost, scores, cost).points(), 1.0, 5.0)
    mean = float(weak.mean())
    assert unaware == pytest.approx((mean + 1) / 2)
    # Straight up to 1 at the share of prompts that need the strong model, then flat.
    assert perfect == pytest.approx((1 - mean) * (mean + 1) / 2 + mean)


@given(drawn=tables(), seed=st.integers(0, 99))
@settings(deadline=None)
def test_recall_on_singletons_is_the_count_of_the_loop(drawn: list[Any], seed: int) -> None:
    confidence, scores, _ = drawn
    chosen = confidence.argmax(axis=1)
    expected = twins.singleton_recall(chosen.tolist(), scores.tolist(), 0.5)
    assert singleton_recall(chosen, scores) == pytest.approx(expected, nan_ok=True)
    mixed = np.random.default_rng(seed).permutation(len(scores))
    assert singleton_recall(chosen[mixed], scores[mixed]) == pytest.approx(expected, nan_ok=True)


@given(drawn=tables())
@settings(deadline=None)
def test_the_best_single_model_has_the_highest_mean_and_of_equals_the_lowest_cost(drawn: list[Any]) -> None:
    _, scores, cost = drawn
    # In whole tenths, as the means of floats differ in the last bit.
    ranked = [(-round(10 * s), round(10 * c)) for s, c in zip(scores.sum(axis=0), cost.sum(axis=0), strict=True)]
    found = best_single(np.round(scores * 10), np.round(cost * 10))
    assert ranked[found] == min(ranked)
