"""Cascades solved against slow, obvious twins: every pair of thresholds, every row, as the core would carry it out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.routing.cascades import cascade_curve, solve_stages
from ecology.routing.solve import WEIGHTS, solve_averaged, solve_cascade
from ecology.routing.validation import Validation

NEAR = 1e-9
confidence = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1, width=32))
score = st.sampled_from([0.0, 0.5, 1.0])


@st.composite
def validations(draw: st.DrawFn, models: int = 3) -> Validation:
    n = draw(st.integers(1, 9))

    def table(values: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(st.lists(values, min_size=models, max_size=models), min_size=n, max_size=n)))

    cost = np.array(draw(st.lists(st.integers(1, 20), min_size=models, max_size=models, unique=True)), dtype=float)
    per_row = table(st.integers(1, 9).map(float)) if draw(st.booleans()) else None
    cost = cost if per_row is None else per_row.mean(axis=0)
    return Validation(tuple("abc"[:models]), table(score), table(confidence), cost, row_cost=per_row)


def carry_out(rows: Validation, order: str, thresholds: tuple[float, ...]) -> tuple[float, float]:
    """Mean score and cost, row by row."""
    total = spent = 0.0
    for row in range(len(rows.score)):
        for at, name in enumerate(order):
            model = rows.of(name)
            spent += rows.costs[row, model]
            if at == len(order) - 1 or rows.leg[row, model] >= thresholds[at]:
                total += rows.score[row, model]
                break
    n = len(rows.score)
    return total / n, spent / n


def best_by_trying(rows: Validation, order: str, target: float) -> tuple[float, float]:
    edges = [sorted({0.0, 1.0, *map(float, rows.leg[:, rows.of(name)])}) for name in order[:-1]]
    tried = [carry_out(rows, order, thresholds) for thresholds in product(*edges)]
    reaching = [trial for trial in tried if trial[0] >= target - NEAR]
    if reaching:
        return min(reaching, key=lambda trial: (trial[1], -trial[0]))
    top = max(trial[0] for trial in tried)
    return min((trial for trial in tried if trial[0] >= top - NEAR), key=lambda trial: trial[1])


@given(rows=validations(), target=st.sampled_from([0.5, 0.9, 1.0, 1.2]), order=st.sampled_from(["abc", "cab", "ba"]))
@settings(deadline=None, max_examples=200)
def test_a_cascade_of_stages_is_the_cheapest_that_reaches_the_target(
    rows: Validation, target: float, order: str
) -> None:
    solution = solve_stages(rows, [order], target)
    assert solution.search == "exact"
    score_, cost = carry_out(rows, order, solution.thresholds)
    assert (score_, cost) == pytest.approx((solution.score, solution.cost))
    assert solution.target == pytest.approx(target * float(rows.score.mean(axis=0).max()))
    best = best_by_trying(rows, order, solution.target)
    assert solution.reached == (best[0] >= solution.target - NEAR)
    assert solution.cost == pytest.approx(best[1])


@given(rows=validations(), target=st.sampled_from([0.5, 0.9, 1.0]))
@settings(deadline=None, max_examples=100)
def test_of_several_orders_the_best_one_is_taken(rows: Validation, target: float) -> None:
    orders = ["abc", "ac", "bc"]
    found = solve_stages(rows, orders, target)
    alone = [solve_stages(rows, [order], target) for order in orders]
    if found.reached:
        assert found.cost == pytest.approx(min(each.cost for each in alone if each.reached))
    else:
        assert not any(each.reached for each in alone)
        assert found.score == pytest.approx(max(each.score for each in alone))


@given(rows=validations(), target=st.sampled_from([0.5, 0.9, 1.0]))
@settings(deadline=None, max_examples=100)
def test_coordinate_descent_says_so_and_is_never_better_than_the_exact_search(rows: Validation, target: float) -> None:
    exact, descent = solve_stages(rows, ["abc"], target), solve_stages(rows, ["abc"], target, most_pairs=0)
    assert descent.search == "coordinate descent"
    assert carry_out(rows, "abc", descent.thresholds) == pytest.approx((descent.score, descent.cost))
    assert exact.reached or not descent.reached
    if descent.reached:
        assert exact.cost <= descent.cost + NEAR


@pytest.mark.parametrize("order", [["a"], ["a", "a"], ["a", "b", "a"], ["a", "b", "c", "a"]])
def test_an_order_that_is_none_is_refused(order: list[str]) -> None:
    rows = Validation(("a", "b", "c"), np.ones((2, 3)), np.ones((2, 3)), np.ones(3))
    with pytest.raises(ValueError, match="two or three different models"):
        solve_stages(rows, [order])


@given(rows=validations(2), target=st.sampled_from([0.5, 0.9, 1.0]))
@settings(deadline=None, max_examples=50)
def test_a_curve_holds_the_sums_that_an_interval_is_made_of(rows: Validation, target: float) -> None:
    reference = target * rows.score[:, 1]
    curve = cascade_curve(rows, "a", "b", reference=reference)
    for at in np.flatnonzero(curve.allowed):
        escalated = rows.leg[:, 0] < curve.threshold(int(at))
        assert escalated.sum() == at
        difference = np.where(escalated, rows.score[:, 1], rows.score[:, 0]) - reference
        assert curve.total[at] == pytest.approx(difference.sum(), abs=1e-9)
        assert curve.squares[at] == pytest.approx((difference**2).sum(), abs=1e-9)


# --- votes -------------------------------------------------------------------------------------------------


def voters(seed: int, n: int = 120) -> tuple[Validation, np.ndarray, np.ndarray, np.ndarray]:
    """Two classifiers that err on different rows, so that together they know more than either."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    right = np.eye(4)[truth]

    def votes(noise: float) -> np.ndarray:
        raw = np.exp(2 * right + rng.normal(0, noise, (n, 4)))
        return raw / raw.sum(axis=1, keepdims=True)

    first, then = votes(1.4), votes(1.2)
    score = np.stack([votes_.argmax(axis=1) == truth for votes_ in (first, then)], axis=1).astype(float)
    leg = np.stack([first.max(axis=1), then.max(axis=1)], axis=1)
    return Validation(("a", "b"), score, leg, np.array([1.0, 10.0])), first, then, truth


@pytest.mark.parametrize("seed", range(4))
def test_averaged_votes_are_solved_as_by_trying_every_weight_and_threshold(seed: int) -> None:
    rows, first, then, truth = voters(seed, 40)
    found = solve_averaged(rows, "a", "b", first, then, truth)
    tried = []
    for weight in WEIGHTS:
        for threshold in {0.0, 1.0, *rows.leg[:, 0].tolist()}:
            score_ = cost = 0.0
            for row in range(len(truth)):
                escalates = rows.leg[row, 0] < threshold
                both = weight * first[row] + (1 - weight) * then[row]
                score_ += float(both.argmax() == truth[row]) if escalates else rows.score[row, 0]
                cost += 11.0 if escalates else 1.0
            tried.append((score_ / len(truth), cost / len(truth)))
    assert found.reached
    assert found.cost == pytest.approx(min(cost for score_, cost in tried if score_ >= found.target - NEAR))


def test_where_two_err_differently_the_average_needs_fewer_escalations() -> None:
    rows, first, then, truth = voters(7, 2000)
    averaged, plain = solve_averaged(rows, "a", "b", first, then, truth), solve_cascade(rows, "a", "b")
    assert averaged.reached and averaged.share_then < plain.share_then
    assert averaged.weights is not None and sum(averaged.weights) == pytest.approx(1.0)
