"""Solved thresholds against slow, obvious twins: every threshold is tried, row by row, as the core would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.routing.solve import Solution, solve_adaptive, solve_cascade
from ecology.routing.validation import Validation

NEAR = 1e-9


@dataclass
class Trial:
    score: float
    cost: float
    share_then: float


def try_cascade(rows: Validation, first: int, then: int, threshold: float) -> Trial:
    score = cost = escalated = 0.0
    for leg, scores in zip(rows.leg, rows.score, strict=True):
        cost += rows.cost[first]
        if leg[first] >= threshold:
            score += scores[first]
        else:
            score, cost, escalated = score + scores[then], cost + rows.cost[then], escalated + 1
    n = len(rows.score)
    return Trial(score / n, cost / n, escalated / n)


def try_adaptive(rows: Validation, then: int, threshold: float) -> Trial:
    assert rows.decision is not None
    score = cost = runs = 0.0
    order = sorted(range(len(rows.models)), key=lambda model: rows.cost[model])
    for leg, decision, scores in zip(rows.leg, rows.decision, rows.score, strict=True):
        alone = next((model for model in order if decision[model] >= threshold), None)
        if alone is not None:
            score, cost, runs = score + scores[alone], cost + rows.cost[alone], runs + (alone == then)
            continue
        two = sorted(range(len(rows.models)), key=lambda model: -decision[model])[:2]
        surer = max(two, key=lambda model: (leg[model], -two.index(model)))
        score, cost, runs = score + scores[surer], cost + sum(rows.cost[model] for model in two), runs + (then in two)
    n = len(rows.score)
    return Trial(score / n, cost / n, runs / n)


def best_of(trials: list[Trial], target: float) -> Trial:
    reaching = [trial for trial in trials if trial.score >= target - NEAR]
    if reaching:
        return min(reaching, key=lambda trial: trial.cost)
    top = max(trial.score for trial in trials)
    return min((trial for trial in trials if trial.score >= top - NEAR), key=lambda trial: trial.cost)


def thresholds(confidences: np.ndarray) -> list[float]:
    """One for each way in which rows can be told apart, of those that a plan can state."""
    return sorted({0.0, 1.0, *map(float, confidences.ravel())})


def agrees(solution: Solution, stated: Trial, best: Trial) -> None:
    """The solution is as good as the best of all, and its threshold gives what it says."""
    assert stated.score == pytest.approx(solution.score)
    assert stated.cost == pytest.approx(solution.cost)
    assert stated.share_then == pytest.approx(solution.share_then)
    assert solution.reached == (solution.score >= solution.target - NEAR)
    assert (best.score >= solution.target - NEAR) == solution.reached
    assert solution.cost == pytest.approx(best.cost)
    if not solution.reached:
        assert solution.score == pytest.approx(best.score)
    assert 0 <= solution.threshold <= 1


# Few different values, so that ties and certainty occur; and any at all.
confidence = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1, width=32))
score = st.sampled_from([0.0, 0.5, 1.0])


@st.composite
def validations(draw: st.DrawFn, models: int) -> Validation:
    n = draw(st.integers(1, 12))

    def table(values: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(st.lists(values, min_size=models, max_size=models), min_size=n, max_size=n)))

    cost = np.array(draw(st.lists(st.integers(1, 20), min_size=models, max_size=models, unique=True)), dtype=float)
    names = tuple("abcd"[:models])
    return Validation(names, table(score), table(confidence), np.sort(cost), table(confidence))


targets = st.sampled_from([0.5, 0.9, 1.0, 1.1])


@given(rows=validations(2), target=targets)
@settings(deadline=None, max_examples=300)
def test_a_cascade_is_the_cheapest_that_reaches_the_target(rows: Validation, target: float) -> None:
    solution = solve_cascade(rows, "a", "b", target)
    assert solution.target == pytest.approx(target * float(rows.score[:, 1].mean()))
    trials = [try_cascade(rows, 0, 1, threshold) for threshold in thresholds(rows.leg[:, 0])]
    agrees(solution, try_cascade(rows, 0, 1, solution.threshold), best_of(trials, solution.target))


@given(rows=validations(3), target=targets)
@settings(deadline=None, max_examples=300)
def test_an_adaptive_plan_is_the_cheapest_that_reaches_the_target(rows: Validation, target: float) -> None:
    solution = solve_adaptive(rows, "c", target)
    assert solution is not None
    assert solution.target == pytest.approx(target * float(rows.score[:, 2].mean()))
    assert rows.decision is not None
    trials = [try_adaptive(rows, 2, threshold) for threshold in thresholds(rows.decision)]
    agrees(solution, try_adaptive(rows, 2, solution.threshold), best_of(trials, solution.target))


def rows_of(leg: list[float], small: list[float], large: list[float]) -> Validation:
    return Validation(
        ("small", "large"),
        np.array([small, large], dtype=float).T,
        np.array([leg, [1.0] * len(leg)]).T,
        np.array([1.0, 10.0]),
    )


def test_a_cascade_escalates_only_the_rows_that_it_has_to() -> None:
    solution = solve_cascade(rows_of([0.2, 0.4, 0.6, 0.8], [0, 0, 1, 1], [1, 1, 1, 1]), "small", "large")
    assert (solution.reached, solution.share_then, solution.cost) == (True, 0.5, 6.0)
    assert 0.4 < solution.threshold <= 0.6


def test_a_target_out_of_reach_is_stated() -> None:
    rows = rows_of([0.2, 0.4, 0.6, 0.8], [0, 0, 0, 0], [1, 0, 1, 0])
    solution = solve_cascade(rows, "small", "large", 1.5)
    assert (solution.reached, solution.target, solution.score) == (False, 0.75, 0.5)


def test_a_reply_that_is_certain_cannot_be_escalated_and_that_is_stated() -> None:
    """A leg confidence of 1 passes every threshold that a plan can have."""
    solution = solve_cascade(rows_of([1.0, 1.0], [0, 0], [1, 1]), "small", "large")
    assert (solution.reached, solution.share_then, solution.score) == (False, 0.0, 0.0)


def test_neighbouring_confidences_are_told_apart() -> None:
    low = 0.5
    high = float(np.nextafter(low, 1))
    solution = solve_cascade(rows_of([low, high], [0, 1], [1, 0]), "small", "large", 2.0)
    assert (solution.reached, solution.threshold) == (True, high)


def test_without_a_router_there_is_no_adaptive_plan() -> None:
    assert solve_adaptive(rows_of([0.5], [1], [1]), "large") is None
