"""Feedback on answers: what it teaches, what is kept of it, and what is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.populations import describe, model, serve, write
from tests.schema import check, same_as_json

import ecology as eco
from ecology.errors import AlreadyGraded, InvalidPopulation, InvalidRequest, LearningOff, UnknownAnswer

LEARNING = {"enabled": True, "publish_every": 10}
ROW = {
    "answer_id": str,
    "score": float,
    "time": float,
    "age_ms": float,
    "snapshot": str,
    "generation": int,
    "task": (str, type(None)),
    "plan": str,
    "ending": str,
    "chosen": str,
    "confidence": float,
    "calibrated": bool,
    "propensity": float,
    "explored": bool,
    "ranked": [{"model": str, "confidence": float, "expected_cost_usd": float}],
    "model": str,
    "cost_usd": float,
    "latency_ms": float,
    "learned": bool,
}


def fitted(path: Path) -> None:
    """A router that finds `a` good at cats and `b` at dogs."""
    rows = [
        {"prompt": f"{animal} number {n}", "model": name, "score": float((animal == "cat") == (name == "a@1"))}
        for n in range(40)
        for animal in ("cat", "dog")
        for name in ("a@1", "b@1")
    ]
    eco.Router.fit(rows).save(path)


def served(root: Path, **learning: Any) -> eco.Ecology:
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "router.safetensors").exists():
        fitted(root / "router.safetensors")
    routing = {"router": "router.safetensors", "learning": LEARNING | learning}
    return serve(root, model("a", "echo"), model("b", "echo"), routing=routing)


def teach(ecology: eco.Ecology, answers: int) -> None:
    """Whatever `a` says about cats turns out to be wrong."""
    for n in range(answers):
        answer = ecology.answer(f"cat number {n}", model="a")
        assert ecology.feedback(answer.id, 0.0)


def test_the_router_learns_and_each_generation_replays(tmp_path: Path) -> None:
    with served(tmp_path) as ecology:
        before = ecology.route("cat number 3", risk="high")
        assert (before.model, before.propensity) == ("a@1", 1.0)
        records = [before.record()]
        digests = [ecology.digest]
        for generation in range(2, 8):
            teach(ecology, 10)
            assert ecology.generation == generation
            records.append(ecology.route("cat number 3", risk="high").record())
            digests.append(ecology.digest)
        after = ecology.route("cat number 3", risk="high")
        assert after.model == "b@1"
        assert dict(after.ranked)["a@1"] < dict(before.ranked)["a@1"] / 2
        assert dict(after.ranked)["b@1"] == dict(before.ranked)["b@1"]
        assert len(set(digests)) == len(digests)
        for text, digest in zip(records, digests, strict=True):
            record = json.loads(text)
            assert record["snapshot"] == digest
            again = ecology.replay(text)
            assert (again["model"], again["propensity"]) == (record["chosen"], record["propensity"])
            assert again["confidence"] == pytest.approx(record["confidence"], abs=1e-7)
        with pytest.raises(ValueError, match="made under snapshot"):
            eco.replay(ecology.snapshot, records[0], weights_of(tmp_path), learned=learned_by(ecology, tmp_path))


def weights_of(root: Path) -> eco._core.RouterWeights:
    return eco._core.RouterWeights.read(root / "router.safetensors")


def learned_by(ecology: eco.Ecology, root: Path) -> eco._core.Learned:
    ecology.save_learned(root / "learned.safetensors")
    return eco._core.Learned.read(root / "learned.safetensors")


def test_a_row_has_what_evaluation_of_other_policies_needs(tmp_path: Path) -> None:
    with served(tmp_path) as ecology:
        answer = ecology.answer("cat number 3", seed=5)
        assert ecology.feedback(answer.id, 0.25)
        (row,) = ecology.take_feedback()
        check(row, ROW)
        same_as_json(row)
        decision = answer.decision.to_dict()
        assert (row["answer_id"], row["score"]) == (answer.id, 0.25)
        assert (row["chosen"], row["model"]) == (decision["model"], answer.model)
        assert row["propensity"] == decision["propensity"] == pytest.approx(0.98)
        assert [each["model"] for each in row["ranked"]] == [each["model"] for each in decision["ranked"]]
        assert answer.attribution["answer_id"] == answer.id
        assert [event["answer_id"] for event in ecology.take_events()] == [answer.id]
        assert ecology.take_feedback() == []


def test_what_is_no_feedback_is_refused_in_words_that_help(tmp_path: Path) -> None:
    with served(tmp_path, pending=2) as ecology:
        ids = [ecology.answer(f"dog number {n}").id for n in range(3)]
        for score in (float("nan"), -0.01, 1.01, True, "1", None):
            with pytest.raises(InvalidRequest, match="from 0 to 1"):
                ecology.feedback(ids[2], score)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest):
            ecology.feedback(7, 1.0)  # type: ignore[arg-type]
        for unknown in (ids[0], "", "x" * 32, "0" * 32):
            with pytest.raises(UnknownAnswer) as caught:
                ecology.feedback(unknown, 1.0)
            assert caught.value.answer_id == unknown
        ecology.feedback(ids[2], 1)
        with pytest.raises(AlreadyGraded):
            ecology.feedback(ids[2], 1.0)
        assert ecology.feedback_counts() == {"pending": 1, "forgotten": 1, "graded": 1, "learned": 1, "dropped": 0}
    with served(tmp_path / "other", pending=2) as other, pytest.raises(UnknownAnswer):
        other.answer("dog number 1")
        other.feedback(ids[1], 1.0)


def test_without_learning_nothing_waits_and_nothing_is_explored(tmp_path: Path) -> None:
    with served(tmp_path, enabled=False) as ecology:
        answer = ecology.answer("cat number 3")
        assert answer.decision.propensity == 1.0
        with pytest.raises(LearningOff, match="enabled = true"):
            ecology.feedback(answer.id, 1.0)
        with pytest.raises(LearningOff):
            ecology.save_learned(tmp_path / "learned.safetensors")
        assert ecology.publish() is None


def test_without_a_router_feedback_is_logged_for_a_later_fit(tmp_path: Path) -> None:
    with serve(tmp_path, model("a", "echo"), model("b", "echo"), routing={"learning": LEARNING}) as ecology:
        answer = ecology.answer("cat number 3")
        assert ecology.feedback(answer.id, 1.0) is False
        assert [row["learned"] for row in ecology.take_feedback()] == [False]


def test_a_reload_keeps_what_was_learned_about_the_same_router_file(tmp_path: Path) -> None:
    with served(tmp_path) as ecology:
        teach(ecology, 10)
        digest = ecology.digest
        assert ecology.reload() == ecology.generation == 3
        assert ecology.digest == digest
        rows = [{"prompt": f"{n} birds", "model": name, "score": n % 2} for n in range(40) for name in ("a@1", "b@1")]
        eco.Router.fit(rows).save(tmp_path / "router.safetensors")
        ecology.reload()
        assert ecology.publish() is None, "nothing is known about the new one"


def test_another_process_goes_on_from_the_saved_file(tmp_path: Path) -> None:
    with served(tmp_path, state="learned.safetensors") as ecology:
        teach(ecology, 25)
        assert ecology.publish() == 4
        assert ecology.save_learned().startswith("sha256:")
        digest, record = ecology.digest, ecology.route("cat number 3").record()
        snapshot = ecology.snapshot
    with served(tmp_path, state="learned.safetensors") as ecology:
        assert (ecology.digest, ecology.generation) == (digest, 1)
        assert ecology.replay(record)["model"] == json.loads(record)["chosen"]
    learned = eco._core.Learned.read(tmp_path / "learned.safetensors")
    assert learned.lessons == [("a@1", 25), ("b@1", 0)]
    again = eco.replay(snapshot, record, weights_of(tmp_path), learned=learned)
    assert again["model"] == json.loads(record)["chosen"]
    for change, problem in (({"prior": 5.0}, "prior = 20"), ({}, "was learned about the router")):
        if not change:
            rows = [{"prompt": f"{n} birds", "model": m, "score": n % 2} for n in range(40) for m in ("a@1", "b@1")]
            eco.Router.fit(rows).save(tmp_path / "router.safetensors")
        with pytest.raises(InvalidPopulation, match=problem):
            served(tmp_path, state="learned.safetensors", **change)
    (tmp_path / "learned.safetensors").write_bytes(b"no such thing")
    with pytest.raises(InvalidPopulation, match=r"learned\.safetensors"):
        served(tmp_path, state="learned.safetensors")


def test_threads_answer_and_grade_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as ecology, ThreadPoolExecutor(8) as pool:

        def one(n: int) -> str:
            answer = ecology.answer(f"cat number {n}")
            ecology.feedback(answer.id, n % 2)
            return answer.id

        ids = set(pool.map(one, range(400)))
        assert len(ids) == 400
        assert ecology.feedback_counts()["learned"] == 400
        assert ecology.generation == 1 + 400 // 10
        assert {row["answer_id"] for row in ecology.take_feedback()} == ids


@pytest.mark.parametrize(
    ("stated", "default", "most", "explores"),
    [
        (None, "low", "low", True),
        ("medium", "low", "low", False),
        ("high", "low", "high", True),
        (None, "high", "medium", False),
        ("low", "high", "medium", True),
        ("low", "low", "none", False),
    ],
)
def test_risk_says_whether_anything_is_tried_out(
    tmp_path: Path, stated: Any, default: str, most: str, explores: bool
) -> None:
    policy = {
        "defaults": {"risk": default},
        "routing": {"exploration_floor": 0.25, "explore_up_to_risk": most, "min_decision_confidence": 0.0},
    }
    with serve(tmp_path, model("a", "echo"), model("b", "echo"), **policy) as ecology:
        decisions = [ecology.route("hi", risk=stated, seed=seed) for seed in range(60)]
        decisions.append(ecology.route(eco.Request(input="hi", risk=stated)))
        assert {decision.propensity for decision in decisions} <= ({0.25, 0.75} if explores else {1.0})
        assert (len({decision.model for decision in decisions}) == 2) is explores
        for decision in decisions[:5]:
            assert ecology.replay(decision.record()) == decision.to_dict()


def test_a_risk_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with serve(tmp_path, model("echo")) as ecology:
        for risk in ("lethal", "", 3):
            with pytest.raises(InvalidRequest, match="low, medium, high"):
                ecology.route("hi", risk=risk)  # type: ignore[arg-type]
    with pytest.raises(InvalidPopulation, match="explore_up_to_risk"):
        describe(tmp_path / "a", model("echo"), routing={"explore_up_to_risk": "lethal"})
    with pytest.raises(InvalidPopulation, match="learning"):
        describe(tmp_path / "b", model("echo"), routing={"learning": {"enabled": True, "pending": 0}})


def test_the_floor_is_two_percent_where_learning_is_on_and_none_is_stated(tmp_path: Path) -> None:
    for routing, floor in (
        ({}, 0.0),
        ({"learning": {"enabled": True}}, 0.02),
        ({"learning": {"enabled": True}, "exploration_floor": 0.0}, 0.0),
        ({"exploration_floor": 0.1}, 0.1),
    ):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        write(root, [model("echo")], {"routing": routing})
        with eco.Ecology.open(root) as ecology:
            assert json.loads(ecology.snapshot)["routing"]["exploration_floor"] == floor
