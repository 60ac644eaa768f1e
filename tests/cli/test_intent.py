"""A task that nobody stated, from rows in a file to a decision: inferred, or left to the policy in doubt."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import Run
from tests.populations import model, write
from tests.routing.test_intent import rows
from tests.schema import DECISION, INFERRED, check

import ecology as eco
from ecology import _core
from ecology.errors import InvalidPopulation

TRAVEL = "please tell me about the hotel number 9"
UNCLEAR = "zzz"
LABELS = ["recipes", "refunds", "travel"]


def specialist(task: str) -> dict[str, Any]:
    return model(task, "echo", contract={"tasks": [task]})


@pytest.fixture
def intent(run: Run, tmp_path: Path) -> dict[str, Any]:
    """A fitted model that is registered and active: its manifest, as a description has it."""
    with (tmp_path / "rows.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "task"])
        writer.writerows(zip(*rows(), strict=True))
    said = run("intent", "fit", "rows.csv", "--json")
    assert said.code == 0 and said.json["tasks"] == LABELS and 0 < said.json["card"]["min_confidence"] < 1
    said = run("model", "register", "intent.safetensors", "--registry", "registry.db", "--stage", "active", "--json")
    facts: dict[str, Any] = said.json
    assert facts.pop("root") == str(tmp_path)
    return facts


def served(root: Path, intent: dict[str, Any], *tasks: str, policy: dict[str, Any] | None = None, **named: Any) -> Path:
    models = [specialist(task) for task in tasks or LABELS] + [intent]
    default = {"routing": {"intent": {"model": "intent"} | named}}
    return write(root, models, default | (policy or {}))


def test_the_manifest_says_what_it_infers(intent: dict[str, Any]) -> None:
    assert (intent["name"], intent["version"], intent["role"], intent["stage"]) == ("intent", "1", "intent", "active")
    assert intent["contract"]["labels"] == LABELS and intent["backend"]["kind"] == "linear"
    assert intent["digest"]["kind"] == "content" and len(intent["data_digests"]) == 1


def test_stated_before_inferred_before_the_default(intent: dict[str, Any], tmp_path: Path) -> None:
    file = served(tmp_path, intent, policy={"defaults": {"task": "refunds"}})
    with eco.Ecology.open(file) as ecology:
        inferred = ecology.route(TRAVEL)
        assert (inferred.task, inferred.model) == ("travel", "travel@1")
        said = inferred.to_dict()["task_inferred"]
        check(inferred.to_dict(), DECISION)
        check(said, INFERRED)
        assert (said["model"], said["task"], said["abstained"]) == ("intent@1", "travel", None)
        stated = ecology.route(TRAVEL, task="recipes")
        assert (stated.task, stated.model, stated.to_dict()["task_inferred"]) == ("recipes", "recipes@1", None)
        unclear = ecology.route(UNCLEAR)
        said = unclear.to_dict()["task_inferred"]
        assert (unclear.task, unclear.model) == ("refunds", "refunds@1")
        assert (said["task"], said["abstained"]) == (None, "low_confidence") and 0 < said["confidence"] < 0.9


def test_answers_events_and_counters_have_the_inferred_task(intent: dict[str, Any], tmp_path: Path) -> None:
    with eco.Ecology.open(served(tmp_path, intent)) as ecology:
        answer = ecology.answer(TRAVEL)
        assert answer.attribution["task"] == "travel"
        assert answer.attribution["decision"]["task_inferred"]["task"] == "travel"
        [event] = ecology.take_events()
        assert event["decision"]["task_inferred"] == answer.attribution["decision"]["task_inferred"]
        assert {row["task"] for row in ecology.counters()} == {"travel"}


def test_a_plan_of_the_task_is_that_of_the_inferred_one(intent: dict[str, Any], tmp_path: Path) -> None:
    file = served(tmp_path, intent, policy={"plans": {"travel": {"kind": "cascade", "leg_confidence": 0.5}}})
    with eco.Ecology.open(file) as ecology:
        assert ecology.answer(TRAVEL).attribution["plan"] == "cascade"
        assert ecology.answer(TRAVEL, task="recipes").attribution["plan"] == "direct"


def test_a_decision_replays_bit_for_bit_with_its_intent_model(intent: dict[str, Any], tmp_path: Path) -> None:
    file = served(tmp_path, intent, policy={"defaults": {"task": "refunds"}})
    weights = _core.IntentWeights.read(tmp_path / intent["backend"]["path"])
    with eco.Ecology.open(file) as ecology:
        spec, digest = ecology.snapshot, ecology.digest
        made = [ecology.route(text, task=task) for text in (TRAVEL, UNCLEAR) for task in (None, "recipes")]
        for decision in made:
            assert eco.replay(spec, decision.record(), intent=weights) == decision.to_dict()
        with pytest.raises(ValueError, match="intent model"):
            eco.replay(spec, made[0].record())
        other = ecology.reload(served(tmp_path, intent, policy={"defaults": {"task": "refunds"}}, min_confidence=0.5))
        assert other == 2 and ecology.digest != digest, "the threshold is a part of the snapshot"


def test_an_inferred_task_that_no_model_accepts_is_as_if_nobody_knew_it(intent: dict[str, Any], tmp_path: Path) -> None:
    file = served(tmp_path, intent, "recipes", "refunds", policy={"defaults": {"task": "refunds"}})
    with eco.Ecology.open(file) as ecology:
        decision = ecology.route(TRAVEL)
        said = decision.to_dict()["task_inferred"]
        assert (decision.task, said["task"], said["likeliest"]) == ("refunds", None, "travel")
        assert said["abstained"] == "nobody_accepts" and said["confidence"] > 0.5


def test_an_array_has_no_task_to_read(intent: dict[str, Any], tmp_path: Path) -> None:
    import numpy as np

    arrays = model("arrays", "echo", contract={"tasks": ["any"], "modalities": ["array"]})
    with eco.Ecology.open(write(tmp_path, [arrays, intent], {"routing": {"intent": {"model": "intent"}}})) as ecology:
        said = ecology.answer(np.ones(3, dtype=np.float32)).attribution["decision"]["task_inferred"]
    assert (said["task"], said["abstained"]) == (None, "nothing_to_read")


@pytest.mark.parametrize("stage", ["candidate", "archived"])
def test_one_that_is_not_active_infers_nothing(run: Run, intent: dict[str, Any], tmp_path: Path, stage: str) -> None:
    file = served(tmp_path, intent | {"stage": stage}, policy={"defaults": {"task": "refunds"}})
    with eco.Ecology.open(file) as ecology:
        decision = ecology.route(TRAVEL)
        assert (decision.task, decision.to_dict()["task_inferred"]) == ("refunds", None)
    problems = [each["problem"] for each in run("check", "--json").json["warnings"]]
    assert f"intent@1 is {stage} and does not serve, so no task is inferred" in problems


def test_check_says_what_it_leaves_out(run: Run, intent: dict[str, Any], tmp_path: Path) -> None:
    served(tmp_path, intent)
    said = run("check", "--json").json["warnings"]
    assert not [each for each in said if "intent" in each["place"]]
    served(tmp_path, intent, "recipes", "refunds", "poems", min_confidence=0.6)
    said = {each["problem"]: each for each in run("check", "--json").json["warnings"] if "intent" in each["place"]}
    assert {each["place"] for each in said.values()} == {
        "policy.routing.intent.model",
        "policy.routing.intent.min_confidence",
    }
    assert len(said) == 3
    assert any("no model that serves accepts travel" in problem for problem in said)
    assert "it never infers poems: it was not fitted on them" in said
    assert said["0.6 is typed here"]["fix"].startswith("leave it out: the fit solved 0.")


def test_route_tells_people_what_was_inferred(run: Run, intent: dict[str, Any], tmp_path: Path) -> None:
    served(tmp_path, intent, policy={"defaults": {"task": "refunds"}})
    assert "task travel, inferred by intent@1 with confidence 0." in run("route", TRAVEL).out
    assert "and that is too low" in run("route", UNCLEAR).out
    assert "travel, inferred by intent@1" in run("answer", TRAVEL).out


def other_features(root: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """A linear specialist over features that the intent model does not read."""
    texts, tasks = rows(60)
    spec = json.dumps(json.loads(_core.default_features()) | {"signals": True})
    import numpy as np

    features = _core.Features(texts, spec)
    labels = np.array([LABELS.index(task) for task in tasks], dtype=np.uint32)
    weights, bias = _core.fit_sparse(features, labels, len(LABELS))
    _core.write_classifier(root / "other.safetensors", features, weights, bias, LABELS, 1.0)
    return facts | {"also": [model("lin", backend={"kind": "linear", "path": "other.safetensors"})]}


def without_a_threshold(root: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """A classifier whose card has none."""
    other_features(root, facts)
    return facts | {"backend": {"kind": "linear", "path": "other.safetensors"}, "digest": None, "features_digest": None}


WRONG: list[tuple[str, Any, str]] = [
    ("another name", lambda root, facts: facts | {"name": "intents"}, 'there is no model "intent"'),
    ("another role", lambda root, facts: facts | {"role": "specialist"}, "intent@1 has the role specialist"),
    (
        "another kind",
        lambda root, facts: (
            facts | {"backend": {"kind": "callable", "target": "models:echo"}, "digest": None, "features_digest": None}
        ),
        "only a linear classifier infers tasks",
    ),
    (
        "tasks that the contract lacks",
        lambda root, facts: facts | {"contract": {"labels": ["recipes", "refunds"]}},
        "it infers tasks that the contract of intent@1 lacks: travel",
    ),
    ("other features", other_features, "it was trained on other features"),
    ("no threshold", without_a_threshold, "no threshold is known"),
]


@pytest.mark.parametrize(("change", "problem"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_cannot_infer_is_refused(intent: dict[str, Any], tmp_path: Path, change: Any, problem: str) -> None:
    changed = change(tmp_path, intent)
    models = [specialist(task) for task in LABELS] + changed.pop("also", []) + [changed]
    with pytest.raises(InvalidPopulation) as refused:
        eco.Ecology.open(write(tmp_path, models, {"routing": {"intent": {"model": "intent"}}}))
    assert problem in str(refused.value), str(refused.value)


def test_a_file_that_was_edited_or_cut_is_refused(intent: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / intent["backend"]["path"]
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:-9] + b"\x01" * 9, b""):
        path.write_bytes(content)
        with pytest.raises(InvalidPopulation, match="intent@1"):
            eco.Ecology.open(served(tmp_path, intent))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("text\nhello\n", "no column of tasks"),
        ("task,note\na,b\n", "no column of texts"),
        ("text,task\n", "there is 0 task"),
        ("text,task\nhello,a\nhi,a\n", "there is 1 task"),
        ("text,task\nhello,\n,a\n", "row 0 has no task"),
    ],
)
def test_rows_that_cannot_teach_are_told(run: Run, tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    said = run("intent", "fit", "rows.csv", "--json")
    assert said.code == 1 and problem in said.error["message"]
    assert not (tmp_path / "intent.safetensors").exists()
