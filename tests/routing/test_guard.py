"""The guard: what a router is compared with, and that choosing is charged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecology.routing.guard import Guard, best_mixture, judge_router, mixture_score
from ecology.routing.matrix import Matrix


def matrix(scores: np.ndarray) -> Matrix:
    n, m = scores.shape
    empty = np.full((n, m), np.nan, dtype=np.float32)
    return Matrix(
        [f"p{at}" for at in range(n)], [f"m{at}@1" for at in range(m)], scores.astype(np.float32), empty, empty
    )


def made(signal: bool, n: int = 800) -> tuple[Matrix, np.ndarray]:
    rng = np.random.default_rng(3)
    chance = np.stack([rng.random(n), np.full(n, 0.65)], axis=1)
    scores = (rng.random((n, 2)) < chance).astype(float)
    told = chance if signal else np.tile(scores.mean(axis=0), (n, 1)) + rng.normal(0, 0.2, (n, 2))
    return matrix(scores), told.astype(np.float32)


COST = np.array([0.001, 0.01])


def test_a_router_that_knows_is_worth_it_and_one_that_guesses_is_not() -> None:
    knows, guesses = judge_router(*made(True), COST, 0), judge_router(*made(False), COST, 0)
    assert knows.worthwhile and knows.gain_low > 0.02 and knows.single_gain_low > 0
    assert knows.random_gain >= knows.gain
    assert not guesses.worthwhile and "use m1@1 for everything" in guesses.advice
    assert "better than the best single model" in knows.advice


def test_choosing_costs_and_may_cost_too_much() -> None:
    free = judge_router(*made(True), COST, 0)
    gains = [judge_router(*made(True), COST, 0, orchestration).gain for orchestration in (0.0, 0.002, 0.009)]
    assert gains[0] == free.gain and gains == sorted(gains, reverse=True)
    assert not judge_router(*made(True), COST, 0, 0.05).worthwhile


def test_knowing_what_a_prompt_costs_is_worth_something_where_costs_vary() -> None:
    rng = np.random.default_rng(5)
    paid = COST * rng.lognormal(0.0, 1.5, (800, 2))
    whole, told = made(True)
    priced = Matrix(whole.prompts, whole.models, whole.scores, paid.astype(np.float32), whole.latency_ms)
    means = paid.mean(axis=0)
    blind = judge_router(priced, told, means, 0, expected=np.tile(means, (800, 1)))
    knows = judge_router(priced, told, means, 0, expected=paid)
    assert knows.gain > blind.gain + 0.005
    # Where every call costs its mean, expecting by prompt is expecting means.
    level = Matrix(whole.prompts, whole.models, whole.scores, np.tile(COST, (800, 1)), whole.latency_ms)
    by_prompt = judge_router(level, told, COST, 0, expected=np.tile(COST, (800, 1)))
    assert by_prompt.gain == pytest.approx(judge_router(whole, told, COST, 0).gain, abs=1e-9)


def test_no_prompts_are_no_verdict() -> None:
    guard = judge_router(matrix(np.full((3, 2), np.nan)), np.zeros((3, 2), np.float32), COST, 0)
    assert (guard.worthwhile, guard.prompts) == (False, 0)


def test_a_card_of_an_older_file_is_still_read() -> None:
    held = {"worthwhile": True, "gain": 0.1, "gain_low": 0.05, "gain_high": 0.2, "best_single": "a@1",
            "best_single_score": 0.7, "prompts": 10}  # fmt: skip
    assert "use the router where money matters" in Guard(**held).advice


numbers = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 10)), min_size=1, max_size=6)


@given(models=numbers, budget=st.integers(1, 25))
def test_the_best_mixture_is_that_of_trying_every_pair_and_share(models: list[tuple[int, int]], budget: int) -> None:
    cost, score = (np.array(each, dtype=float) for each in zip(*models, strict=True))
    found = mixture_score(float(budget), cost, score)
    pairs = [(a, b) for a in range(len(cost)) for b in range(len(cost))]
    between = {(budget - cost[a]) / (cost[b] - cost[a]) for a, b in pairs if cost[a] != cost[b]}
    shares = [share for share in {0.0, 1.0, *between} if 0 <= share <= 1]
    tried = [
        (1 - share) * score[a] + share * score[b]
        for a, b in pairs
        for share in shares
        if (1 - share) * cost[a] + share * cost[b] <= budget + 1e-9
    ]
    if tried:
        assert found == pytest.approx(max(tried))
    else:
        assert found == score[cost.argmin()]
    a, b, share = best_mixture(float(budget), cost, score)
    assert 0 <= share <= 1 and (a != b or share == 0.0)
