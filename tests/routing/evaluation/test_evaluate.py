"""One call measures a router: what it says is what the metrics say, beside rivals that can be computed by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from tests.routing.evaluation.made import COST, MODELS, Known, chances, drawn

from ecology.errors import MetricsError, OutcomesError, UnknownModel
from ecology.routing import Evaluation, Outcomes, Router, evaluate, metrics
from ecology.routing.evaluation.definitions import DEFINITIONS
from ecology.routing.matrix import Matrix

TABLE = chances()
ROWS = drawn(TABLE)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(Known(TABLE), ROWS, by="task", resamples=200)


def arrays() -> tuple[Any, Any]:
    scores = np.array([row["score"] for row in ROWS]).reshape(-1, 2)
    return np.array(list(TABLE.values()), dtype=np.float32).astype(np.float64), scores


def test_the_numbers_are_those_of_the_metrics(found: Evaluation) -> None:
    confidence, scores = arrays()
    gain = confidence[:, 1] - confidence[:, 0]
    cost = np.array([COST[model] for model in MODELS])
    pair = gain, scores[:, 1], scores[:, 0]
    chosen = confidence.argmax(axis=1)
    sure, right = confidence.max(axis=1), scores[np.arange(len(scores)), chosen]
    curve = metrics.trade(confidence, cost, scores, cost).points()
    best = scores.mean(axis=0).max()
    expected = {
        "apgr": metrics.apgr(*pair),
        "cpt_20": metrics.cpt(*pair, 0.2),
        "cpt_50": metrics.cpt(*pair, 0.5),
        "cpt_80": metrics.cpt(*pair, 0.8),
        "aiq": metrics.aiq(*curve, cost[0], cost[1]),
        "aiq_singles": float(scores.mean(axis=0).mean()),
        "cost_at_95": metrics.cost_to_reach(*curve, 0.95 * best) / cost[1],
        "ece_mass": metrics.ece(confidence.ravel(), scores.ravel()),
        "ece_width": metrics.ece(confidence.ravel(), scores.ravel(), binning="width"),
        "brier": metrics.brier(confidence.ravel(), scores.ravel()),
        "aurc": metrics.aurc(sure, right),
        "aurc_best": metrics.aurc(right, right),
        "selective_50": metrics.selective_score(sure, right, 0.5),
        "selective_80": metrics.selective_score(sure, right, 0.8),
        "singleton_recall": metrics.singleton_recall(chosen, scores),
    }
    assert {name: found.metrics[name].value for name in expected} == pytest.approx(expected, abs=1e-6)
    assert set(found.metrics) == set(DEFINITIONS) == set(found.definitions)
    assert found.floors["ece_mass"] == metrics.ece_floor(confidence.ravel())
    assert found.singletons == int(metrics.singletons(scores).sum())
    assert (found.prompts, found.models, found.strong, found.weak) == (400, MODELS, "large@1", "small@1")


def test_its_rivals_are_measured_on_the_same_prompts(found: Evaluation) -> None:
    confidence, scores = arrays()
    chosen = confidence.argmax(axis=1)
    served = scores[np.arange(400), chosen].mean()
    cost = np.array(list(COST.values()))[chosen].mean()
    values = {each.name: (each.score.value, each.cost.value if each.cost else None) for each in found.policies}
    means = scores.mean(axis=0)
    share = (cost - 0.0002) / 0.0038
    line = means[0] + share * (means[1] - means[0])
    assert values["router"] == pytest.approx((served, cost))
    assert values["best single"] == pytest.approx((means[1], 0.004))
    assert values["mixture"] == values["random"] == pytest.approx((line, cost))
    assert values["oracle"][0] == pytest.approx(scores.max(axis=1).mean())
    assert values["oracle at equal cost"][0] == pytest.approx(values["oracle"][0])
    for policy in found.policies[1:]:
        assert policy.below is not None and policy.below.value == pytest.approx(served - policy.score.value, abs=1e-9)
        assert policy.below.low <= policy.below.value <= policy.below.high


def test_a_router_that_knows_is_told_from_one_that_does_not(found: Evaluation) -> None:
    assert found.metrics["apgr"].low > 0.6 and found.metrics["aiq_gain"].low > 0.05
    assert found.metrics["ece_mass"].value <= found.floors["ece_mass"][1]
    means = np.array(list(TABLE.values())).mean(axis=0).tolist()
    blind = evaluate(Known(dict.fromkeys(TABLE, means)), ROWS, resamples=100)
    assert blind.metrics["apgr"].value == pytest.approx(0.5)
    assert blind.metrics["aiq_gain"].value == pytest.approx(0.0, abs=1e-9)
    assert blind.metrics["aurc"].value > found.metrics["aurc"].value


def test_slices_are_the_prompts_of_each_value(found: Evaluation) -> None:
    _, scores = arrays()
    slices = {part.name: part for part in found.slices}
    assert {name: part.prompts for name, part in slices.items()} == {"sum": 200, "tale": 200}
    tales = scores[[prompt.startswith("tale") for prompt in TABLE]]
    assert slices["tale"].best_single == pytest.approx(tales[:, 1].mean())
    assert slices["tale"].score == pytest.approx(tales[:, 1].mean()) and slices["tale"].gain.high == 0.0
    assert slices["tale"].cost == pytest.approx(0.004)


def test_by_a_mapping_of_prompts() -> None:
    found = evaluate(Known(TABLE), ROWS, by={"sum 1": "first", "tale 2": "<b>"}, resamples=0)
    assert [(part.name, part.prompts) for part in found.slices] == [("(none)", 398), ("<b>", 1), ("first", 1)]
    assert math.isnan(found.slices[2].gain.low)


def test_it_is_the_same_for_the_same_seed_and_whatever_the_order_of_rows(found: Evaluation) -> None:
    again = evaluate(Known(TABLE), ROWS, by="task", resamples=200)
    assert again.to_dict() == found.to_dict()
    turned = evaluate(Known(TABLE), ROWS[::-1], by="task", resamples=0)
    for name, value in found.metrics.items():
        assert turned.metrics[name].value == pytest.approx(value.value, nan_ok=True), name
    assert evaluate(Known(TABLE), ROWS, resamples=200, seed=1).metrics["apgr"].low != found.metrics["apgr"].low


def test_all_of_it_is_json_without_nan(found: Evaluation) -> None:
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["format"] == "ecology.evaluation.v1"
    assert told["metrics"]["apgr"] == {
        "value": found.metrics["apgr"].value, "low": found.metrics["apgr"].low, "high": found.metrics["apgr"].high
    }  # fmt: skip
    undefined = evaluate(Known(TABLE), [row | {"score": 1.0} for row in ROWS], resamples=20).to_dict()
    assert undefined["metrics"]["apgr"] == {"value": None, "low": None, "high": None}


def test_a_matrix_is_the_callers_word() -> None:
    confidence, scores = arrays()
    cost = np.tile(np.array(list(COST.values()), dtype=np.float32), (400, 1))
    unknown = np.full((400, 2), np.nan, np.float32)
    swapped = Matrix(list(TABLE), MODELS[::-1], scores[:, ::-1].astype(np.float32), cost[:, ::-1], unknown)
    found = evaluate(Known(TABLE), swapped, resamples=0)
    assert found.models == MODELS and found.rows == "the rows that were given" and found.warnings == []
    expected = metrics.apgr(confidence[:, 1] - confidence[:, 0], scores[:, 1], scores[:, 0])
    assert found.metrics["apgr"].value == pytest.approx(expected)


class Gaining(Known):
    """Has a ranking of its own for the pair, decisions of its own and a card."""

    card = {"models": {model: {"cost_usd": cost} for model, cost in COST.items()}}
    digest = "sha256:abc"

    def gain(self, prompts: list[str], *, strong: str, weak: str) -> Any:
        assert (strong, weak) == ("small@1", "large@1")
        return np.array([len(prompt) for prompt in prompts], dtype=np.float32)

    def route_batch(self, prompts: list[str]) -> dict[str, Any]:
        return {"model": ["small@1"] * len(prompts)}


def test_what_a_router_says_of_a_pair_and_decides_itself_is_used() -> None:
    found = evaluate(Gaining(TABLE), ROWS, strong="small@1", weak="large@1", resamples=0)
    assert found.router == "sha256:abc" and (found.strong, found.weak) == ("small@1", "large@1")
    assert math.isnan(found.metrics["apgr"].value), "the small model is no stronger"
    assert found.policies[0].cost is not None and found.policies[0].cost.value == pytest.approx(0.0002)


def test_costs_fall_back_to_means_to_the_card_to_latency_and_to_nothing() -> None:
    free = [row | {"cost_usd": None} for row in ROWS]
    some = [row | {"cost_usd": None if at % 3 else row["cost_usd"]} for at, row in enumerate(ROWS)]
    found = evaluate(Known(TABLE), some, resamples=0)
    assert found.cost_unit == "USD" and "gaps filled" in found.cost_basis
    assert found.policy("best single").cost.value == pytest.approx(0.004)  # type: ignore[union-attr]
    carded = evaluate(Gaining(TABLE), free, strong="small@1", weak="large@1", resamples=0)
    assert carded.cost_basis == "the means on the router's card"
    timed = evaluate(Known(TABLE), [row | {"latency_ms": 1e6 * COST[row["model"]]} for row in free], resamples=0)
    assert timed.cost_unit == "ms" and timed.cost_basis.startswith("latency, since not every model's cost is known")
    unknown = evaluate(Known(TABLE), free, resamples=0)
    assert unknown.cost_unit is None and unknown.policy("mixture") is None and "singles" not in unknown.curves
    assert math.isnan(unknown.metrics["aiq"].value) and math.isfinite(unknown.metrics["apgr"].value)


def test_expected_costs_of_prompts_move_choices_by_what_the_router_reckons() -> None:
    """It reckons that the small model is the dear one: then it is the last to be chosen for money."""
    found = evaluate(Known(TABLE), ROWS, resamples=0)
    turned = evaluate(Known(TABLE), ROWS, expected_cost=np.tile([0.004, 0.0002], (400, 1)), resamples=0)
    assert turned.metrics["aiq"].value < found.metrics["aiq"].value
    assert turned.curves["settings"]["cost"][-1] == pytest.approx(0.004)


def test_a_fitted_router_is_judged_on_rows_of_its_test_split() -> None:
    table = chances(600)
    rows = drawn(table)
    parts = {prompt: "train" if at < 300 else "val" if at < 400 else "test" for at, prompt in enumerate(table)}
    rows = [row | {"split": parts[row["prompt"]]} for row in rows]
    router = Router.fit(rows)
    found = evaluate(router, rows, resamples=50)
    assert (found.prompts, found.rows, found.router, found.warnings) == (200, "split test", router.digest, [])
    assert found.metrics["apgr"].low > 0.55 and "200 prompts" in repr(found)


WRONG: dict[str, tuple[dict[str, Any], Any, type[Exception], str]] = {
    "a strong model that is none": ({"strong": "larje"}, ROWS, UnknownModel, "did you mean large@1"),
    "a weak model that is none": ({"weak": "x"}, ROWS, UnknownModel, "known: small@1, large@1"),
    "a pair of one": ({"strong": "large@1", "weak": "large@1"}, ROWS, MetricsError, "name another"),
    "a split that is none": ({"split": "tset"}, ROWS, OutcomesError, "say one of test, val, all"),
    "slices by nothing": ({"by": "color"}, ROWS, OutcomesError, "there is: task, split"),
    "no rows": ({}, [], OutcomesError, "there are no rows"),
    "few": ({}, ROWS[:38], OutcomesError, "19 of 19 prompts were answered by every model, at least 20"),
    "one model": ({}, [row for row in ROWS if row["model"] == "small@1"], OutcomesError, "no outcome of it"),
    "all partial": ({}, ROWS[::3], OutcomesError, "0 of 267 prompts were answered by every model"),
    "rows of training only": ({}, drawn(TABLE, split="train"), OutcomesError, "there are no rows to judge by"),
    "costs of others": ({"expected_cost": [1, 2, 3]}, ROWS, MetricsError, "its shape is (3,)"),
    "costs below 0": ({"expected_cost": [-1, 2]}, ROWS, MetricsError, "-1 is not in"),
    "resamples below 0": ({"resamples": -1}, ROWS, MetricsError, "-1 is below 0"),
}


@pytest.mark.parametrize(("how", "rows", "kind", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_measured_is_told(how: dict[str, Any], rows: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as caught:
        evaluate(Known(TABLE), rows, **how)
    assert said in str(caught.value)


# rows → which of them judge, and what is warned of
WARNED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], int, str, list[str]]] = {
    "test before val": (drawn(TABLE) + drawn(chances(800), split="val"), {}, 400, "split test", []),
    "val, if there is no test": (drawn(TABLE, split="val"), {}, 400, "split val", ["these are `val` rows"]),
    "also called validation": (drawn(TABLE, split="validation"), {}, 400, "split val", ["these are `val` rows"]),
    "no split": (drawn(TABLE, split=None), {}, 400, "all rows", ["have no column `split`"]),
    "all, as was asked": (drawn(TABLE, split="train"), {"split": "all"}, 400, "all rows", ["rows of `train` are"]),
    "taught prompts": (drawn(TABLE) + drawn(chances(40), split="train"), {}, 360, "split test", ["40 prompts are"]),
    "a model that nobody ranks": (
        ROWS + [row | {"model": "other@1"} for row in ROWS[::2]], {}, 400, "split test", ["does not rank other@1"]
    ),
    "some partial": (ROWS[1:], {}, 399, "split test", ["left out: 1 of the prompts"]),
    "few": (ROWS[:60], {}, 30, "split test", ["30 prompts are few"]),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "how", "prompts", "name", "warned"), WARNED.values(), ids=WARNED.keys())
def test_which_rows_judge_and_what_to_beware_of(
    rows: list[dict[str, Any]], how: dict[str, Any], prompts: int, name: str, warned: list[str]
) -> None:
    found = evaluate(Known(chances(800) | TABLE), rows, resamples=0, **how)
    assert (found.prompts, found.rows, len(found.warnings)) == (prompts, name, len(warned))
    assert all(text in warning for text, warning in zip(warned, found.warnings, strict=True))


def test_without_a_split_the_rows_that_the_router_did_not_learn_from_judge_it() -> None:
    rows = drawn(chances(300), split=None)
    router = Router.fit(rows, seed=3, validation_share=0.4)
    found = evaluate(router, rows, resamples=0)
    aside = Outcomes.read(rows).split(0.4, 3)[1]
    assert (found.prompts, found.rows) == (len(aside.prompts), "the prompts that fit kept aside")
    assert len(found.warnings) == 2 and "calibrated the router on them" in found.warnings[0]
    other = evaluate(router, rows[2:], resamples=0)  # nobody knows which of these it saw
    assert other.rows == "all rows" and "flatters it" in other.warnings[0]


def test_an_ece_lies_in_its_interval(found: Evaluation) -> None:
    """Resampling adds the noise of a second draw: of a router that knows, plain percentiles all lie above the ECE."""
    for name in ("ece_mass", "ece_width"):
        interval = found.metrics[name]
        assert 0 <= interval.low < interval.value < interval.high, name
