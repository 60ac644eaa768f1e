"""Laws by simulation, on logs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evidence.offpolicy.made import CHANCE, MODELS, true_value, week

from ecology import Outcomes
from ecology.evidence import Gap, evaluate_off_policy
from ecology.evidence.offpolicy import ESTIMATORS

SEEDS = 150
CAREFUL = np.array([[0.3, 0.7], [0.9, 0.1]])
"""The other policy: the large model for nine in ten hard prompts."""


def careful(prompts: list[str], models: list[str]) -> np.ndarray:
    assert models == MODELS
    return CAREFUL[[int(prompt.startswith("Prove")) for prompt in prompts]]


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[list[float], list[bool], list[float]]]:
    truth = true_value(CAREFUL)
    found: dict[str, tuple[list[float], list[bool], list[float]]] = {name: ([], [], []) for name in ESTIMATORS}
    for seed in range(SEEDS):
        score = evaluate_off_policy(week(400, seed), careful, model="means").measures["score"]
        for name, interval in score.estimates.items():
            values, covered, lengths = found[name]
            values.append(interval.value)
            covered.append(interval.low <= truth <= interval.high)
            lengths.append(interval.high - interval.low)
    return found


@pytest.mark.parametrize("name", ["ips", "snips", "dr", "switch-dr"])
def test_where_propensities_are_right_estimates_are_unbiased_and_intervals_cover(
    name: str, measured: dict[str, tuple[list[float], list[bool], list[float]]]
) -> None:
    values, covered, lengths = measured[name]
    error = float(np.std(values)) / SEEDS**0.5
    assert abs(float(np.mean(values)) - true_value(CAREFUL)) < 4 * error
    # Of 150 intervals at 95 %, 134 to 148 cover with a chance of 99.9 %.
    assert 0.89 <= np.mean(covered) <= 0.995
    assert float(np.mean(lengths)) == pytest.approx(2 * 1.96 * float(np.std(values)), rel=0.25)


def test_means_of_models_mislead_the_direct_method_and_not_the_doubly_robust_one(
    measured: dict[str, tuple[list[float], list[bool], list[float]]],
) -> None:
    truth = true_value(CAREFUL)
    bias = {name: abs(float(np.mean(measured[name][0])) - truth) for name in ("dm", "dr")}
    assert bias["dm"] > 0.03 > 0.01 > bias["dr"]


def test_guesses_from_the_prompt_shorten_the_interval_of_dr() -> None:
    log = week(2000, 0)
    plain = evaluate_off_policy(log, careful, estimator="ips", model="means")["score"]
    better = evaluate_off_policy(log, careful, model="ridge")["score"]
    assert better.high - better.low < 0.8 * (plain.high - plain.low)
    assert better.low <= true_value(CAREFUL) <= better.high


def test_bootstrap_agrees_with_the_normal_interval_and_bernstein_covers_where_rows_are_few() -> None:
    log = week(1500, 8)
    normal, drawn = (
        evaluate_off_policy(log, careful, model="means", method=each, resamples=400) for each in ("normal", "bootstrap")
    )
    for name in ("score", "cost_usd"):
        length = normal[name].high - normal[name].low
        assert drawn[name].low == pytest.approx(normal[name].low, abs=0.2 * length)
        assert drawn[name].high == pytest.approx(normal[name].high, abs=0.2 * length)
    truth = true_value(CAREFUL)
    for seed in range(30):
        score = evaluate_off_policy(week(12, seed), careful, model="means", method="bernstein")["score"]
        assert score.low <= truth <= score.high


def test_exact_guesses_make_dr_right_where_propensities_are_wrong() -> None:
    log = week(4000, 1)
    log["propensity"] = np.clip(log["propensity"] * 0.5, 0.01, 1)
    hard = np.array([task == "proofs" for task in log["task"]])
    exact = np.where(hard[:, None], [0.9, 0.2], [0.95, 0.8])
    found = evaluate_off_policy(log, careful, model={"score": exact}).measures["score"].estimates
    assert found["dr"].value == pytest.approx(true_value(CAREFUL), abs=0.03)
    assert found["ips"].value > 1.5 * true_value(CAREFUL)


def test_the_logs_own_policy_gets_what_the_log_got() -> None:
    log = week(500, 2)
    found = evaluate_off_policy(log, lambda prompts, models: CHANCE[[int(p.startswith("Prove")) for p in prompts]])
    for name, measure in found.measures.items():
        for estimator in ("ips", "snips"):
            assert measure.estimates[estimator].value == pytest.approx(float(np.mean(log[name])), rel=1e-9)
        assert measure.estimates["dr"].value == pytest.approx(measure.logged.value, rel=0.05)
    assert found.overlap.effective_rows == pytest.approx(500) and found.verdict == "supported"


def test_costs_and_latencies_are_estimated_as_scores_are() -> None:
    found = evaluate_off_policy(week(3000, 3), "large@1")
    assert found["cost_usd"].low < 0.015 < found["cost_usd"].high
    assert found["latency_ms"].value == pytest.approx(100, rel=0.01)
    assert found.measures["cost_usd"].change.low > 0


def test_a_change_that_both_share_has_a_shorter_interval_than_either() -> None:
    found = evaluate_off_policy(week(2000, 4), careful).measures["score"]
    change, estimate = found.change, found.estimates["dr"]
    assert change.value == pytest.approx(estimate.value - found.logged.value)
    assert change.high - change.low < 1.2 * (estimate.high - estimate.low)
    assert change.low <= true_value(CAREFUL) - true_value(CHANCE) <= change.high


def test_the_same_seed_gives_the_same_numbers_in_any_order_of_the_rows() -> None:
    table = Outcomes.read(week(300, 5))
    turned = table.take(np.random.default_rng(0).permutation(300))
    a, b = (evaluate_off_policy(each, careful, model="means") for each in (table, turned))
    for name in ("score", "cost_usd", "latency_ms"):
        assert a[name].value == pytest.approx(b[name].value, rel=1e-12)
    assert evaluate_off_policy(table, careful).to_dict() == evaluate_off_policy(table, careful).to_dict()


def test_slices_are_the_same_question_on_their_own_rows() -> None:
    found = evaluate_off_policy(week(1000, 6), careful, by="task", model="means", estimator="snips")
    assert set(found.slices) == {"sums", "proofs"}
    assert sum(part.rows for part in found.slices.values()) == 1000
    for kind, task in enumerate(("sums", "proofs")):
        interval = found.slices[task]["score"]
        assert interval.low <= float((CAREFUL[kind] * np.array([[0.95, 0.8], [0.9, 0.2]])[kind]).sum()) <= interval.high


def own(prompts: list[str], models: list[str]) -> np.ndarray:
    """The log's own policy."""
    return CHANCE[[int(prompt.startswith("Prove")) for prompt in prompts]]


def test_neighbours_stand_for_what_a_gap_lost_or_the_worst_is_allowed_for() -> None:
    log = week(1000, 7)
    log["score"] = np.where(np.arange(1000) < 500, 0.0, 1.0)
    kept = Outcomes.read(log).take(np.r_[0:500, 900:1000])
    assert evaluate_off_policy(kept, own, model="means").measures["score"].logged.value == pytest.approx(1 / 6)
    # The gap lasts as long as 400 decisions: rows 100 to 499 and 900 to 999 count 1.8 times.
    gap = Gap(float(log["timestamp"][500]) - 30, float(log["timestamp"][899]) + 30, 400)
    again = evaluate_off_policy(kept, own, gaps=[gap], on_gaps="reweight", model="means")
    assert again.measures["score"].logged.value == pytest.approx(0.18)
    assert again.lost == 400 and [caution.code for caution in again.cautions] == ["gaps"]
    bound = evaluate_off_policy(kept, own, gaps=400, on_gaps="bound", model="means", estimator="snips")
    score = bound["score"]
    assert score.low < 100 / 1000 and score.high > 500 / 1000, "the lost ones may all have been useless, or right"
    assert score.value == pytest.approx(0.6 / 6 + 0.4 / 2)
