"""What is called drift, what is not, and what nobody can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.evidence.drift.made import WORDS, traffic

from ecology import Outcomes, Router
from ecology.errors import OutcomesError
from ecology.evidence import measure_drift

SEEDS = 25


def test_two_halves_of_the_same_traffic_are_stable_and_p_values_small_as_seldom_as_they_say() -> None:
    alarms = small = 0
    for seed in range(SEEDS):
        whole = Outcomes.of_log(traffic(600, seed))
        half = np.random.default_rng(seed).permutation(600) < 300
        found = measure_drift(whole.take(half), whole.take(~half), confidence="leg", by="task", alpha=0.2)
        alarms += found.verdict == "drifted"
        least = [shift.p for part in found.slices for shift in part.inputs]
        least += [cell.p for part in found.slices for cell in part.calibration]
        small += min(least) < 0.2
    # At most 20 % by design: of 25, 12 or more has a chance below 0.2 %.
    assert alarms <= small <= 11


@pytest.mark.parametrize(
    "change, named",
    [
        ({"words": [*WORDS[:12], "bicycle", "tram", "ticket"]}, "vocabulary"),
        ({"longest": 30}, "bytes"),
    ],
)
def test_other_prompts_are_found_and_named(change: dict[str, Any], named: str) -> None:
    found = measure_drift(traffic(400, 1), traffic(400, 2, **change), confidence="leg")
    assert found.verdict == "drifted" and "prompts are others" in found.reason
    assert named in {shift.what for shift in found.whole.inputs if shift.drifted}
    assert {cell.verdict for cell in found.whole.calibration} == {"stable"}


def test_confidences_that_promise_too_much_are_found_with_their_model() -> None:
    now = traffic(1200, 2)
    spoilt = traffic(1200, 2, too_sure=0.15)
    wrong = [model == "b@1" for model in now["model"]]
    now["score"] = np.where(wrong, spoilt["score"], now["score"])
    found = measure_drift(traffic(1200, 1), now, confidence="leg")
    a, b = found.whole.calibration
    assert (a.model, a.verdict, b.model, b.verdict) == ("a@1", "stable", "b@1", "drifted")
    assert b.gap.high < 0 and b.gap.low <= -0.15 <= b.gap.high and abs(b.before) < 0.05
    assert found.reason.startswith("b@1 scores 0.5") and not any(shift.drifted for shift in found.whole.inputs)


def test_confidences_that_mean_less_than_before_are_found_where_their_mean_is_right() -> None:
    found = measure_drift(traffic(3000, 1), traffic(3000, 2, slope=0.0), confidence="leg")
    (a, b) = found.whole.calibration
    assert a.verdict == "drifted" and abs(a.gap.value) < 0.03 and a.ece > a.ece_floor[1]
    assert b.verdict == "stable"


def test_what_was_wrong_before_and_is_the_same_now_has_not_drifted() -> None:
    found = measure_drift(traffic(1000, 1, too_sure=0.2), traffic(1000, 2, too_sure=0.2), confidence="leg")
    for cell in found.whole.calibration:
        assert cell.gap.high < -0.1 and cell.p > 0.01
        assert cell.verdict == "stable"


def test_a_slice_drifts_alone_a_new_one_is_told_and_a_thin_one_is_not_judged() -> None:
    before, now = traffic(1500, 1), traffic(1500, 2)
    other = traffic(1500, 3, words=["bicycle", "tram", "ticket", "delay"])
    sales = [task == "sales" for task in now["task"]]
    now["prompt"] = [b if s else a for a, b, s in zip(now["prompt"], other["prompt"], sales, strict=True)]
    now["task"][:150] = ["returns"] * 150
    now["task"][150:180] = ["press"] * 30
    found = measure_drift(before, now, by="task")
    verdicts = {part.name: part.verdict for part in found.slices}
    assert verdicts["sales"] == "drifted" and verdicts["support"] == "stable"
    assert verdicts["returns"] == "drifted" and verdicts["press"] == "too little data"
    assert next(part for part in found.slices if part.name == "returns").reason == "it is new: 150 prompts, none before"


def test_a_reference_with_too_few_rows_of_a_model_says_nothing_and_with_none_zero_is_expected() -> None:
    now, few = traffic(600, 2, too_sure=0.3), Outcomes.of_log(traffic(600, 1, too_sure=0.3))
    of_a, of_b = (np.flatnonzero(few.model_codes == code) for code in (0, 1))
    found = measure_drift(few.take(np.r_[of_a, of_b[:50]]), now, confidence="leg").whole.calibration
    assert [cell.verdict for cell in found] == ["stable", "too little data"]
    found = measure_drift(few.take(of_a), now, confidence="leg").whole.calibration
    assert [cell.verdict for cell in found] == ["stable", "drifted"] and np.isnan(found[1].before)


@pytest.mark.parametrize("then, now", [(50, 500), (500, 50)])
def test_thin_data_is_inconclusive_however_different(then: int, now: int) -> None:
    found = measure_drift(traffic(then, 1), traffic(now, 2, words=["tram"], too_sure=0.3), confidence="leg")
    assert found.whole.inputs == []
    if now < 100:
        assert found.verdict == "too little data" and "at least 100 of each" in found.reason
        assert {cell.verdict for cell in found.whole.calibration} == {"too little data"}


def test_a_prompt_of_a_full_table_counts_once_and_of_a_log_each_time() -> None:
    log = traffic(300, 1)
    full = {
        "prompt": log["prompt"] * 2,
        "model": ["a@1"] * 300 + ["b@1"] * 300,
        "score": [1.0] * 600,
    }
    assert measure_drift(full, full).whole.window == len(set(log["prompt"]))
    again = {key: [*column, *column] for key, column in log.items()}
    assert measure_drift(log, again).whole.window == 600


def test_a_routers_confidences_are_judged_and_models_that_it_does_not_know_are_not() -> None:
    router = Router.fit(traffic(500, 1))
    now = traffic(600, 2, too_sure=0.4)
    now["model"][:200] = ["new@1"] * 200
    found = measure_drift(traffic(600, 3), now, confidence=router)
    assert [cell.model for cell in found.whole.calibration] == ["a@1", "b@1"]
    assert {cell.verdict for cell in found.whole.calibration} == {"drifted"}


def test_what_a_router_was_fitted_on_is_no_reference_for_its_calibration() -> None:
    then = Outcomes.of_log(traffic(500, 1))
    router = Router.fit(then)
    assert all(
        np.isnan(cell.before) for cell in measure_drift(then, traffic(500, 2), confidence=router).whole.calibration
    )
    found = measure_drift(traffic(500, 3), traffic(500, 2), confidence=router)
    assert not any(np.isnan(cell.before) for cell in found.whole.calibration)


WRONG = [
    ({"by": "colour"}, "by colour"),
    ({"by": "fold"}, "the window has no such column"),
    ({"alpha": 1.5}, "1.5 is not in"),
    ({"least_rows": 1}, "1 is below 2"),
    ({"confidence": "router"}, 'give a Router, or "leg"'),
]


@pytest.mark.parametrize("options, said", WRONG)
def test_what_cannot_be_compared_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OutcomesError) as caught:
        measure_drift(traffic(20, 1), traffic(20, 2), **options)
    assert said in str(caught.value)


def test_the_value_survives_json_and_the_seed_decides() -> None:
    import json

    one, two = (measure_drift(traffic(150, 1), traffic(150, 2), confidence="leg", by="task") for _ in range(2))
    assert one.to_dict() == two.to_dict()
    assert json.loads(json.dumps(one.to_dict(), allow_nan=False))["format"] == "ecology.drift.v1"
    assert repr(one).startswith("Drift(stable: ")
