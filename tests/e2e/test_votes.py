"""Classifiers that vote together, and answers of which nobody is sure enough."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.populations import model, ranked_by_price, serve
from tests.schema import ANSWER, check

import ecology as eco
from ecology import _core
from ecology.errors import InvalidPopulation, LowConfidence

LABELS = ["a", "b", "c"]


def classifier(root: Path, name: str, shares: list[float], labels: list[str] = LABELS) -> dict[str, Any]:
    """A linear model that gives every text the same distribution."""
    root.mkdir(parents=True, exist_ok=True)
    rows = _core.Features(["one text"])
    buckets = 2 ** json.loads(rows.features)["buckets_log2"]
    bias = np.log(np.array(shares, dtype=np.float32))
    weights = np.zeros((buckets, len(labels)), np.float32)
    _core.write_classifier(root / f"{name}.safetensors", rows, weights, bias, labels, 1.0)
    backend = {"kind": "linear", "path": f"{name}.safetensors"}
    return model(name, backend=backend, contract={"output": "label", "labels": labels})


def cascade(**more: Any) -> dict[str, Any]:
    return {"kind": "cascade", "first": "small", "then": "large", "leg_confidence": 0.9} | more


AVERAGE = {"combine": "average"}


def two(root: Path, small: list[float], large: list[float], **policy: Any) -> eco.Ecology:
    return serve(root, *ranked_by_price(classifier(root, "small", small), classifier(root, "large", large)), **policy)


# small's votes, large's votes, weights → label, confidence
VOTES = {
    "both lean to the third": ([0.5, 0.1, 0.4], [0.1, 0.5, 0.4], [1, 1], "c", 0.4),
    "the large one has more weight": ([0.6, 0.3, 0.1], [0.1, 0.5, 0.4], [1, 3], "b", 0.45),
    "the small one has more weight": ([0.6, 0.3, 0.1], [0.1, 0.5, 0.4], [3, 1], "a", 0.475),
    "no weight, no vote": ([0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0, 2], "b", 0.5),
}


@pytest.mark.parametrize(("small", "large", "weights", "label", "confidence"), VOTES.values(), ids=VOTES.keys())
def test_the_answer_is_the_label_with_most_of_both_votes(
    tmp_path: Path, small: list[float], large: list[float], weights: list[float], label: str, confidence: float
) -> None:
    plan = cascade(**AVERAGE, weights=weights)
    with two(tmp_path, small, large, default_plan=plan) as ecology:
        for answer in (ecology.answer("hi"), asyncio.run(ecology.aanswer("hi"))):
            assert (answer.output, answer.ending) == (label, "escalated")
            assert answer.confidence == pytest.approx(confidence, abs=1e-5)
            check(answer.to_dict(), ANSWER)
            combined = answer.attribution["combined"]
            assert combined["by"] == "average" and combined["label"] == label and combined["weights"] == weights
            assert [leg["chosen"] for leg in answer.attribution["legs"]] == [True, True]


def test_who_is_sure_answers_alone(tmp_path: Path) -> None:
    with two(tmp_path, [0.95, 0.03, 0.02], [0.1, 0.5, 0.4], default_plan=cascade(**AVERAGE)) as ecology:
        answer = ecology.answer("hi")
        assert (answer.output, answer.ending, answer.attribution["combined"]) == ("a", "accepted", None)
        assert answer.confidence == pytest.approx(0.95)


def test_without_an_average_the_second_reply_stands(tmp_path: Path) -> None:
    with two(tmp_path, [0.5, 0.1, 0.4], [0.1, 0.5, 0.4], default_plan=cascade()) as ecology:
        answer = ecology.answer("hi")
        assert (answer.output, answer.attribution["combined"]) == ("b", None)


def test_without_votes_on_both_sides_the_second_reply_stands(tmp_path: Path) -> None:
    """A function says one label and no more."""
    small, large = classifier(tmp_path, "small", [0.5, 0.1, 0.4]), model("large", "sure")
    with serve(tmp_path, *ranked_by_price(small, large), default_plan=cascade(**AVERAGE)) as ecology:
        answer = ecology.answer("hi")
        assert (answer.output, answer.ending, answer.attribution["combined"]) == ("sure", "escalated", None)


def test_labels_are_matched_by_name(tmp_path: Path) -> None:
    small = classifier(tmp_path, "small", [0.5, 0.1, 0.4])
    large = classifier(tmp_path, "large", [0.4, 0.45, 0.15], ["c", "d", "a"])
    with serve(tmp_path, *ranked_by_price(small, large), default_plan=cascade(**AVERAGE)) as ecology:
        answer = ecology.answer("hi")
        assert answer.output == "c" and answer.confidence == pytest.approx(0.4, abs=1e-5)


# --- doubt -------------------------------------------------------------------------------------------------


def test_an_answer_of_which_nobody_is_sure_fails_closed(tmp_path: Path) -> None:
    plan = {"kind": "direct", "fail": "closed", "answer_confidence": 0.8}
    with serve(tmp_path, classifier(tmp_path, "small", [0.5, 0.3, 0.2]), default_plan=plan) as ecology:
        with pytest.raises(LowConfidence) as caught:
            ecology.answer("hi")
        error = caught.value
        assert error.confidence == pytest.approx(0.5) and error.needed == pytest.approx(0.8)
        assert error.legs[0]["output"] == "a" and "a confidence of 0.500, 0.8 is asked for" in str(error)
        with pytest.raises(LowConfidence):
            asyncio.run(ecology.aanswer("hi"))
        assert ecology.take_events()[0]["ending"] == "failed_closed"


def test_an_answer_may_abstain_and_says_what_was_withheld(tmp_path: Path) -> None:
    plan = cascade(fail="abstain", answer_confidence=0.8)
    with two(tmp_path, [0.5, 0.3, 0.2], [0.2, 0.6, 0.2], default_plan=plan) as ecology:
        answer = ecology.answer("hi")
        assert (answer.output, answer.model, answer.ending, answer.abstained) == (None, None, "abstained", True)
        assert answer.confidence == pytest.approx(0.6) and answer.attribution["withheld"] == "large@1"
        check(answer.to_dict(), ANSWER)
        assert "abstained" in repr(answer)
        assert ecology.savings().requests == 0, "no answer, no saving"


def test_doubt_is_a_matter_of_the_task(tmp_path: Path) -> None:
    plans = {"sort": {"kind": "direct", "fail": "abstain", "answer_confidence": 0.8}, "write": {"kind": "direct"}}
    each = classifier(tmp_path, "small", [0.5, 0.3, 0.2])
    each["contract"] |= {"tasks": ["sort", "write", "any"]}
    with serve(tmp_path, each, plans=plans) as ecology:
        assert ecology.answer("hi", task="sort").abstained
        assert ecology.answer("hi", task="write").output == "a" and not ecology.answer("hi").abstained


def test_who_does_not_say_how_sure_it_is_does_not_pass(tmp_path: Path) -> None:
    plan = {"kind": "direct", "fail": "abstain", "answer_confidence": 0.0}
    with serve(tmp_path, model("echo"), default_plan=plan) as ecology:
        answer = ecology.answer("hi")
        assert answer.abstained and answer.confidence is None


def test_a_direct_plan_may_name_its_model(tmp_path: Path) -> None:
    plan = {"kind": "direct", "model": "sure"}
    with serve(tmp_path, *ranked_by_price(model("echo"), model("sure")), default_plan=plan) as ecology:
        assert ecology.answer("hi").output == "sure"


MISTAKES = {
    "below what?": ({"kind": "direct", "fail": "closed"}, "answer_confidence = 0.8"),
    "no effect": ({"kind": "direct", "answer_confidence": 0.8}, 'fail = "closed" or "abstain"'),
    "no vote": (cascade(combine="average", weights=[0, 0]), "weights are both 0"),
    "weights of nothing": (cascade(weights=[1, 2]), 'combine = "average"'),
    "nobody": ({"kind": "direct", "model": "smal"}, "small"),
}


@pytest.mark.parametrize(("plan", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_plan_that_means_nothing_is_refused(tmp_path: Path, plan: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidPopulation, match=said):
        two(tmp_path, [0.5, 0.3, 0.2], [0.2, 0.6, 0.2], default_plan=plan)
