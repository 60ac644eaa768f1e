"""A goal becomes the cheapest plan that keeps it on rows that were not seen, or a stated "not reached"."""

from __future__ import annotations

import numpy as np
import pytest
from tests.routing.outcomes import pair

from ecology.errors import OutcomesError
from ecology.policy import Cascade, Direct, ErrorBound, MaxCost, QualityTarget, Utility
from ecology.routing.exchange import picks, rate_within
from ecology.routing.goals import solve_goal
from ecology.routing.validation import Validation, validation_rows


def rows_of(n: int = 600, *, decision: bool = False, seed: int = 0, better: float = 0.0) -> Validation:
    """A small model whose confidence tells, and a large one that is right where the small one is unsure, too."""
    rng = np.random.default_rng(seed)
    sure = rng.random(n)
    small = (rng.random(n) < 0.5 + 0.5 * sure**0.3).astype(float)
    large = (rng.random(n) < 0.93 + better).astype(float)
    leg = np.stack([sure, np.ones(n)], axis=1)
    chance = np.stack([0.5 + 0.5 * sure**0.3, np.full(n, 0.93)], axis=1) if decision else None
    latency = np.tile([1.0, 100.0], (n, 1))
    return Validation(
        ("small@1", "large@1"), np.stack([small, large], axis=1), leg, np.array([0.001, 0.01]), chance, None, latency
    )


# --- quality -----------------------------------------------------------------------------------------------


def test_a_quality_target_is_kept_by_a_cascade_that_costs_less() -> None:
    solved = solve_goal(QualityTarget(of="large", share=0.98), rows_of(3000))
    assert solved.reached and solved.point.kind == "cascade" and isinstance(solved.point.plan, Cascade)
    assert solved.point.cost < 0.009
    assert solved.point.score >= 0.98 * solved.best_single.startswith("large") * 0.9
    assert solved.gap[1] <= solved.gap[0] <= solved.gap[2] and "keeps 98.0% of large@1's score" in solved.reason


def test_votes_that_err_differently_are_averaged_when_that_is_cheaper() -> None:
    rng = np.random.default_rng(5)
    n = 3000
    truth = rng.integers(0, 4, n)

    def votes(noise: float) -> np.ndarray:
        raw = np.exp(2 * np.eye(4)[truth] + rng.normal(0, noise, (n, 4)))
        return raw / raw.sum(axis=1, keepdims=True)

    told = {"small": votes(1.4), "large": votes(1.2)}
    score = np.stack([each.argmax(axis=1) == truth for each in told.values()], axis=1).astype(float)
    leg = np.stack([each.max(axis=1) for each in told.values()], axis=1)
    silent = Validation(("small", "large"), score, leg, np.array([1.0, 10.0]))
    telling = Validation(("small", "large"), score, leg, np.array([1.0, 10.0]), votes=told, truth=truth)
    goal = QualityTarget(of="large")
    alone, together = solve_goal(goal, silent), solve_goal(goal, telling)
    plan = together.point.plan
    assert isinstance(plan, Cascade) and plan.combine == "average" and "votes averaged" in together.point.name
    assert together.point.cost < alone.point.cost
    # As it would be carried out, row by row.
    for row in range(0, n, 97):
        both = plan.weights[0] * told["small"][row] + plan.weights[1] * told["large"][row]
        picked = told["small"][row] if leg[row, 0] >= plan.leg_confidence else both
        assert together.point.scores[row] == float(picked.argmax() == truth[row])


def test_averages_without_votes_are_refused() -> None:
    with pytest.raises(ValueError, match="give votes of both"):
        rows_of(40).averaged("small@1", "large@1", (0.5, 0.5))


def test_where_no_threshold_keeps_it_the_large_model_alone_is_said_and_not_escalation_of_all() -> None:
    rows = rows_of(400)
    blind = Validation(
        rows.models,
        rows.score,
        np.full_like(rows.leg, 0.5) + 0.4 * np.random.default_rng(1).random((400, 2)),
        rows.cost,
    )
    solved = solve_goal(QualityTarget(share=1.0), blind)
    assert (solved.reached, solved.point.kind, solved.point.name) == (True, "single", "large@1")
    assert solved.point.plan == Direct(model="large@1")
    assert "no threshold keeps" in solved.reason and "use large@1 alone" in solved.reason


def test_a_target_that_nothing_reaches_is_stated_with_the_best_possible() -> None:
    solved = solve_goal(QualityTarget(of="large", share=1.2), rows_of(500))
    assert not solved.reached
    assert "nothing keeps 120.0%" in solved.reason and "the best possible is" in solved.reason
    assert solved.point.score < 1.2 * 0.93


def test_a_model_is_no_worse_than_itself_however_few_the_rows_are() -> None:
    solved = solve_goal(QualityTarget(of="large", share=1.0), rows_of(25))
    assert (solved.reached, solved.point.name) == (True, "large@1")


def truth(threshold: float) -> float:
    """The mean score of the cascade under a threshold, minus that of the large model: over all rows there could be."""
    grid = (np.arange(100_000) + 0.5) / 100_000
    return float(np.mean(np.where(grid >= threshold, 0.5 + 0.5 * grid**0.3, 0.93)) - 0.93)


@pytest.mark.parametrize("n", [150, 600])
def test_non_inferiority_does_not_promise_what_fresh_rows_break(n: int) -> None:
    """The margin is passed on fresh rows at most as often as the interval says; the mean alone passes it more often."""
    rounds, margin = 150, 0.01
    broken = dict.fromkeys(("mean", "non_inferiority"), 0)
    for seed in range(rounds):
        rows = rows_of(n, seed=seed)
        for method in broken:
            goal = QualityTarget(of="large", share=1.0, method=method, margin=margin)  # type: ignore[arg-type]
            plan = solve_goal(goal, rows).point.plan
            if isinstance(plan, Cascade):
                broken[method] += truth(plan.leg_confidence) < -margin
    assert broken["non_inferiority"] / rounds <= 0.1
    assert broken["non_inferiority"] <= broken["mean"]
    if n == 150:
        assert broken["mean"] / rounds > 0.15


# --- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fail", "kind"), [("expensive", "cascade"), ("closed", "single"), ("abstain", "single")])
def test_a_bound_on_errors_answers_directly_what_it_can_promise(fail: str, kind: str) -> None:
    goal = ErrorBound(alpha=0.08, fail=fail)  # type: ignore[arg-type]
    solved = solve_goal(goal, rows_of(3000))
    assert solved.reached and solved.point.kind == kind
    plan = solved.point.plan
    if isinstance(plan, Cascade):
        assert (plan.first, plan.then) == ("small@1", "large@1") and 0 < plan.leg_confidence < 1
    else:
        assert isinstance(plan, Direct) and plan.fail == fail and plan.answer_confidence is not None
    assert "at most 8.0% are wrong" in solved.reason


def test_what_cannot_be_promised_says_how_many_rows_would_do() -> None:
    solved = solve_goal(ErrorBound(alpha=0.005), rows_of(100))
    assert not solved.reached and solved.point.name == "large@1"
    assert "cannot be promised" in solved.reason
    silent = rows_of(100)
    silent.leg[:] = np.nan
    assert "says how sure it is" in solve_goal(ErrorBound(alpha=0.05), silent).reason


# --- money -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", [False, True], ids=["cascade", "router"])
@pytest.mark.parametrize("most", [0.001, 0.003, 0.006, 0.02])
def test_the_best_for_the_money_costs_no_more(most: float, decision: bool) -> None:
    rows = rows_of(500, decision=decision)
    solved = solve_goal(MaxCost(usd_per_request=most), rows)
    assert solved.reached and solved.point.cost <= most + 1e-12
    alone = [float(rows.score[:, at].mean()) for at in range(2) if rows.cost[at] <= most]
    assert solved.point.score >= max(alone) - 1e-12


def test_a_router_that_knows_costs_by_prompt_buys_more_for_the_same_money() -> None:
    rng = np.random.default_rng(1)
    decision = rng.random((400, 2))
    costs = np.exp(rng.normal(0, 1, (400, 2))) * [1, 3]
    spent, scores = [], []
    for reckoned in (costs.mean(axis=0), costs):
        rate = rate_within(decision, reckoned, costs, 2.5)
        assert rate is not None
        chosen = picks(decision, reckoned, rate)
        spent.append(costs[np.arange(400), chosen].mean())
        scores.append(decision[np.arange(400), chosen].mean())
    assert max(spent) <= 2.5 and scores[1] > scores[0]


def test_more_money_never_buys_less() -> None:
    rows = rows_of(400, decision=True)
    scores = [solve_goal(MaxCost(usd_per_request=most), rows).point.score for most in np.linspace(0.001, 0.012, 12)]
    assert scores == sorted(scores)


def test_a_budget_that_nothing_fits_is_stated() -> None:
    solved = solve_goal(MaxCost(usd_per_request=0.0001), rows_of(100))
    assert not solved.reached and solved.point.name == "small@1" and "allow more" in solved.reason


@pytest.mark.parametrize(
    ("cost", "latency", "alone"), [(1000.0, 0.0, "small@1"), (0.0, 100.0, "small@1"), (0.0, 0.0, None)]
)
def test_utility_weighs_score_against_money_and_time(cost: float, latency: float, alone: str | None) -> None:
    rows = rows_of(800, decision=True)
    solved = solve_goal(Utility(lambda_cost_per_usd=cost, lambda_latency_per_s=latency), rows)
    if alone is not None:
        assert solved.point.share[alone] == 1.0 and solved.point.cost == pytest.approx(0.001)
    else:
        assert solved.point.score >= rows.score.mean(axis=0).max()


def test_a_goal_in_money_needs_costs_in_money() -> None:
    for goal in (MaxCost(usd_per_request=1), Utility(lambda_cost_per_usd=1)):
        with pytest.raises(OutcomesError, match="costs are unknown"):
            solve_goal(goal, rows_of(50), money=False)


def test_a_goal_that_names_a_stranger_is_refused() -> None:
    with pytest.raises(OutcomesError, match="huge, which has no outcomes"):
        solve_goal(QualityTarget(of="huge"), rows_of(50))


# --- rows --------------------------------------------------------------------------------------------------


def test_rows_come_from_the_validation_outcomes_of_all_models() -> None:
    outcomes = pair(50)
    rows, money = validation_rows(outcomes)
    assert money and rows.models == ("large@1", "small@1") and rows.score.shape == (50, 2)
    assert np.isnan(rows.leg[:, 0]).all() and not np.isnan(rows.leg[:, 1]).any()
    assert rows.cost.tolist() == pytest.approx([0.01, 0.001])
    by_time, money = validation_rows(pair(50, money=False))
    assert not money and by_time.cost.tolist() == pytest.approx([50.0, 1.0])


def test_too_few_common_rows_are_refused() -> None:
    with pytest.raises(OutcomesError, match="19 validation prompts"):
        validation_rows(pair(19))
    partial = [row for at, row in enumerate(pair(60)) if at % 4 != 1]
    with pytest.raises(OutcomesError, match="have an outcome of every model"):
        validation_rows(partial[:56])


def test_models_that_may_answer_directly_share_the_doubt_of_the_promise() -> None:
    rng, broken, rounds = np.random.default_rng(0), 0, 150
    for _ in range(rounds):
        score = (rng.random((300, 9)) < [0.895] * 8 + [0.99]).astype(float)  # all eight err in more than a tenth
        names = (*(f"small{at}@1" for at in range(8)), "large@1")
        rows = Validation(names, score, rng.random(score.shape), np.arange(1.0, 10.0))
        broken += solve_goal(ErrorBound(alpha=0.1, delta=0.1), rows).reached
    assert broken / rounds <= 0.1
    solved = solve_goal(ErrorBound(alpha=0.05, delta=0.1), rows_of(2000))
    assert solved.reached and "with probability 90%" in solved.reason
