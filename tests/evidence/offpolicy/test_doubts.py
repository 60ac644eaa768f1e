"""What is refused, and what an estimate is not believed for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.evidence.offpolicy.made import MODELS, week

from ecology import Outcomes, Router
from ecology.errors import OffPolicyError
from ecology.evidence import Gap, evaluate_off_policy
from ecology.evidence.offpolicy.log import DecisionLog


def without(name: str, rows: slice | None = None) -> dict[str, Any]:
    log = {key: list(column) for key, column in week(50, 0).items()}
    log[name][rows or slice(None)] = [None] * len(log[name][rows or slice(None)])
    return log


def half(prompts: list[str], models: list[str]) -> Any:
    return np.full((len(prompts), len(models)), 0.5)


def lopsided(prompts: list[str], models: list[str]) -> Any:
    return np.full((len(prompts), len(models)), 0.4)


def below(prompts: list[str], models: list[str]) -> Any:
    return np.tile([1.5, -0.5], (len(prompts), 1))


REFUSED = {
    "no propensity": (without("propensity"), "large@1", {}, "50 of 50 rows have none"),
    "some without": (without("propensity", slice(0, 3)), "large@1", {}, "leave out rows that nobody drew"),
    "no rows": (Outcomes.read(week(5, 0)).take(slice(0)), "large@1", {}, "give a longer window"),
    "a stranger": (week(50, 0), "other@1", {}, "model other@1: the log never chose it (the log has: large@1, small@1;"),
    "strangers in a mixture": (week(50, 0), {"x@1": 0.5, "y@1": 0.5}, {}, "model y@1: the log never chose it"),
    "half a mixture": (week(50, 0), {"large@1": 0.5}, {}, "1 of 1 rows sum to 0.5"),
    "shares": (week(50, 0), lopsided, {}, "50 of 50 rows sum to 0.8"),
    "below 0": (week(50, 0), below, {}, "some probabilities are below 0 or NaN"),
    "a shape": (week(50, 0), lambda prompts, models: [0.5, 0.5], {}, "it gives (2,)"),
    "no numbers": (week(50, 0), lambda prompts, models: "large@1", {}, "it gives no numbers"),
    "gaps": (week(50, 0), half, {"gaps": 5}, "5 decisions of this window are not in the log"),
    "a gap without a time": (week(50, 0), half, {"gaps": 5, "on_gaps": "reweight"}, "a number does not say when"),
    "a lonely gap": (week(50, 0), half, {"gaps": [Gap(0, 1, 5)], "on_gaps": "reweight"}, "no decision lies within 1 s"),
    "a turned gap": (week(50, 0), half, {"gaps": [Gap(1, 0, 5)], "on_gaps": "bound"}, "ends before it starts"),
    "an estimator": (week(50, 0), half, {"estimator": "magic"}, "say one of dm, ips, snips, dr, switch-dr"),
    "a level": (week(50, 0), half, {"level": 1.0}, "level: 1.0 is not in (0, 1)"),
    "a slice": (week(50, 0), half, {"by": "colour"}, "by colour: a log has no such column"),
    "guesses": (week(50, 0), half, {"model": {"score": [1, 2]}}, "model score: its shape is (2,)"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_judged_is_refused_with_what_to_do(case: str) -> None:
    log, policy, options, said = REFUSED[case]
    with pytest.raises(OffPolicyError) as caught:
        evaluate_off_policy(log, policy, **options)
    assert said in str(caught.value)


def test_all_options_that_are_wrong_are_told_at_once() -> None:
    with pytest.raises(OffPolicyError) as caught:
        evaluate_off_policy(week(9, 0), half, estimator="x", method="y", level=2, switch=-1, floor=3, resamples=0)  # type: ignore[arg-type]
    assert len(caught.value.violations) == 6


def test_impossible_propensities_of_columns_that_nobody_checked_are_refused() -> None:
    table = Outcomes.read(week(20, 0))
    raw = Outcomes(
        table.words("prompt"),  # type: ignore[arg-type]
        table.words("model"),  # type: ignore[arg-type]
        {"score": table.numbers("score"), "propensity": np.r_[0.0, -0.5, 1.5, np.full(17, 0.5)]},
        {},
    )
    with pytest.raises(OffPolicyError, match="3 are not in"):
        DecisionLog.of(raw)


def codes(log: Any, policy: Any, **options: Any) -> set[str]:
    return {caution.code for caution in evaluate_off_policy(log, policy, model="means", **options).cautions}


def test_a_log_that_explored_enough_raises_no_doubt() -> None:
    found = evaluate_off_policy(week(3000, 1), "large@1", model="means")
    assert (found.cautions, found.verdict) == ([], "supported")


def test_a_policy_that_the_log_never_followed_on_some_prompts_is_not_supported() -> None:
    found = evaluate_off_policy(week(3000, 1, np.array([[0.0, 1.0], [0.6, 0.4]])), "large@1", model="means")
    assert [caution.code for caution in found.cautions] == ["unsupported"]
    assert found.overlap.unsupported == pytest.approx(0.5, abs=0.06)
    assert found.verdict == "unsupported"


def test_a_log_that_never_agreed_with_the_policy_has_guesses_and_no_snips() -> None:
    log = week(200, 1, np.array([[0.0, 1.0], [1.0, 0.0]]))

    def opposite(prompts: list[str], models: list[str]) -> Any:
        return np.array([[0.0, 1.0] if prompt.startswith("Prove") else [1.0, 0.0] for prompt in prompts])

    found = evaluate_off_policy(log, opposite, model="means")
    assert {"unsupported", "deterministic"} <= {caution.code for caution in found.cautions}
    assert found.verdict == "unsupported" and found.overlap.effective_rows == 0
    assert np.isnan(found.measures["score"].estimates["snips"].value)
    assert found.to_dict()["measures"]["score"]["estimates"]["snips"]["value"] is None


@pytest.mark.parametrize(
    "chance, n, expected",
    [
        (np.array([[0.005, 0.995], [0.5, 0.5]]), 20_000, {"thin"}),
        (np.array([[0.2, 0.8], [0.6, 0.4]]), 60, {"few_rows"}),
        (np.array([[0.003, 0.997], [0.5, 0.5]]), 2000, {"heavy", "thin", "few_rows"}),
    ],
)
def test_thin_support_is_told_by_its_kind(chance: Any, n: int, expected: set[str]) -> None:
    assert expected <= codes(week(n, 4, chance), "large@1")


def test_propensities_that_are_too_small_are_noticed() -> None:
    log = week(3000, 1)
    log["propensity"] = log["propensity"] * 0.5
    assert "propensities" in codes(log, "large@1")


def test_what_nobody_graded_and_what_is_unknown_is_told() -> None:
    log = {key: list(column) for key, column in week(500, 2).items()}
    log["cost_usd"][:100] = [None] * 100
    table = Outcomes.of_log(log, {"without a score": 1500})
    found = evaluate_off_policy(table, "large@1", model="means")
    told = {caution.code: str(caution) for caution in found.cautions}
    assert told["ungraded"].startswith("75% of the decisions have no score")
    assert told["unknown"].startswith("100 of 500 rows have no cost_usd")
    assert (found.measures["cost_usd"].rows, found.measures["score"].rows) == (400, 500)


def test_a_router_is_judged_as_it_serves_and_not_on_what_it_was_fitted_on() -> None:
    router = Router.fit(week(600, 10))
    later = week(2000, 11)
    found = evaluate_off_policy(later, router)
    chosen = router.route_batch(later["prompt"])["model"]
    assert found.policy == "router"
    expected = np.mean(
        [
            (0.9 if m == "large@1" else 0.2) if p.startswith("Prove") else (0.95 if m == "large@1" else 0.8)
            for p, m in zip(later["prompt"], chosen, strict=True)
        ]
    )
    assert found["score"].low <= expected <= found["score"].high
    assert set(router.models) == set(MODELS)
    scored = evaluate_off_policy(later, "large@1", model=router)
    assert scored["score"].low <= 0.925 <= scored["score"].high
    assert "fitted_on_log" not in codes(later, router)
    assert "fitted_on_log" in codes(later, Router.fit(later))


def test_three_rows_of_one_model_are_an_answer_with_doubts() -> None:
    rows = {"prompt": ["a", "b", "c"], "model": ["m@1"] * 3, "score": [1, 0, 1], "propensity": [1, 1, 1]}
    found = evaluate_off_policy(rows, "m@1")
    assert found["score"].value == pytest.approx(2 / 3) and found.verdict == "doubtful"
    one = evaluate_off_policy({key: column[:1] for key, column in rows.items()}, "m@1")
    assert np.isnan(one["score"].low) and one["score"].value == 1.0
