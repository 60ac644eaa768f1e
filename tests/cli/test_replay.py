"""`ecology replay`: another policy on logged decisions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.running import Run
from tests.evidence.offpolicy.made import week

from ecology import Outcomes, Router
from ecology.cli.output import console


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console is as wide as the terminal in which its module was first loaded."""
    monkeypatch.setattr(console, "width", 200)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    Outcomes.of_log(week(800, 0)).write(tmp_path / "log.csv")
    return tmp_path / "log.csv"


@pytest.mark.usefixtures("log")
def test_a_model_is_judged_beside_the_log(run: Run) -> None:
    said = run("replay", "log.csv", "--policy", "large@1", "--by", "task")
    assert said.code == 0
    assert "800 decisions, 800 prompts" in said.out and "always large@1 (dr)" in said.out
    for word in ("cost per 1,000", "latency", "snips", "switch-dr", "proofs", "sums", "verdict: supported"):
        assert word in said.out


@pytest.mark.usefixtures("log")
def test_json_has_all_of_it(run: Run) -> None:
    found = run("replay", "log.csv", "--policy", "large@1=0.25,small@1=0.75", "--estimator", "snips", "--json").json
    assert found["method"] == "normal"
    assert found["format"] == "ecology.off_policy.v1" and found["estimator"] == "snips"
    assert found["policy"] == "mixture of large@1 25%, small@1 75%"
    score = found["measures"]["score"]
    assert score["estimates"]["snips"]["low"] < 0.25 * 0.925 + 0.75 * 0.5 < score["estimates"]["snips"]["high"]
    assert set(score["estimates"]) == {"dm", "ips", "snips", "dr", "switch-dr"}
    assert found["overlap"]["effective_rows"] < 800


def test_a_router_is_judged_at_the_confidence_that_it_is_asked_for(run: Run, log: Path, tmp_path: Path) -> None:
    Router.fit(week(600, 10)).save(tmp_path / "router.safetensors")

    def cost(*options: str) -> float:
        found = run("replay", "log.csv", "--policy", "router.safetensors", *options, "--json").json
        return float(found["measures"]["cost_usd"]["estimates"]["dr"]["value"])

    assert cost("--min-confidence", "0") < cost() <= cost("--min-confidence", "0.99") + 1e-6


def test_decisions_with_grades_and_prompts_are_joined(run: Run, tmp_path: Path) -> None:
    rows = Outcomes.of_log(week(300, 1)).to_rows()
    with (tmp_path / "feedback.jsonl").open("w") as feedback, (tmp_path / "prompts.jsonl").open("w") as prompts:
        for at, row in enumerate(rows):
            prompts.write(json.dumps({"answer_id": str(at), "prompt": row["prompt"]}) + "\n")
            told = {"answer_id": str(at), "chosen": row.pop("model"), "ending": "answered", "plan": "direct"}
            row.pop("prompt")
            feedback.write(json.dumps(told | row) + "\n")
    assert run("replay", "feedback.jsonl", "prompts.jsonl", "--policy", "small@1").code == 0
    imported = run("outcomes", "import", "--from", "decisions", "feedback.jsonl", "prompts.jsonl", "--json")
    assert imported.json["outcomes"] == 300
    a = run("replay", "outcomes.csv", "--policy", "small@1", "--json").json
    b = run("replay", "feedback.jsonl", "prompts.jsonl", "--policy", "small@1", "--json").json
    assert a["measures"] == b["measures"]


@pytest.mark.usefixtures("log")
def test_a_window_is_part_of_the_log(run: Run) -> None:
    every = run("replay", "log.csv", "--policy", "small@1", "--json").json
    hour = run("replay", "log.csv", "--policy", "small@1", "--since", "1h", "--json").json
    assert (every["rows"], hour["rows"]) == (800, 61)
    day = run("replay", "log.csv", "--policy", "small@1", "--until", "2023-11-15", "--json").json
    assert day["rows"] == sum(at * 60 + 1_700_000_000 < 1_700_006_400 for at in range(800))


WRONG = [
    (("log.csv", "--policy", "other@1"), "the log never chose it"),
    (("log.csv", "--policy", "small@1", "--since", "2050-01-01"), "none of 800 rows lies in it"),
    (("log.csv", "--policy", "small@1", "--since", "yesterday"), "'yesterday' is no moment"),
    (("log.csv", "--policy", "small@1", "--lost", "9"), "9 decisions of this window are not in the log"),
    (("log.csv", "log.csv", "--policy", "small@1"), "2 files without answer_id"),
    (("log.csv", "--policy", "absent.safetensors"), "absent.safetensors"),
]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("arguments, said", WRONG)
def test_what_cannot_be_judged_is_explained(run: Run, arguments: tuple[str, ...], said: str) -> None:
    found = run("replay", *arguments, "--json")
    assert found.code == 1 and said in found.error["message"]


@pytest.mark.usefixtures("log")
def test_wrong_usage_is_wrong_usage(run: Run) -> None:
    assert run("replay", "log.csv", "--policy", "small@1", "--min-confidence", "0.5").code == 2
    assert run("replay", "log.csv", "--policy", "small@1=much").code == 2
    assert run("replay", "log.csv", "--policy", "small@1", "--lost", "9", "--on-gaps", "bound").code == 0
