"""Collecting outcomes: every call is paid for, the judge's too, and a strange verdict loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import ecology as eco
from ecology.evidence import Judge, collect, label_scorer
from ecology.population.training import write_fingerprints
from ecology.testing import BadJson, OpenAIServer
from ecology.testing import population as served_population

MODELS = """
def parrot(data):
    return data

def judge(data):
    return {"hello": 1.0, "maybe": "maybe"}.get(data["prompt"], 0.25)
"""

DESCRIPTION = """
name = "judged"

[[models]]
name = "parrot"
role = "fallback"
timeout_ms = 5000
backend = {{ kind = "callable", target = "models:parrot" }}
price = {{ usd_per_call = 0.01 }}
{more}

[[models]]
name = "referee"
role = "judge"
timeout_ms = 5000
backend = {{ kind = "callable", target = "models:judge" }}
price = {{ usd_per_call = 1.0 }}
"""


def population(folder: Path, more: str = "") -> eco.Ecology:
    (folder / "models.py").write_text(MODELS)
    (folder / "ecology.toml").write_text(DESCRIPTION.format(more=more))
    return eco.Ecology.open(folder)


def test_the_judge_is_paid_from_the_same_budget(tmp_path: Path) -> None:
    with population(tmp_path) as ecology:
        judge = Judge(ecology.description, "referee", eco.Ecology)
        found = collect(ecology, [("hello", None)] * 10, judge, usd=3.5)
    assert found.budget_spent
    assert [outcome.score for outcome in found.outcomes] == [1.0] * 3
    assert found.cost_usd == pytest.approx(4 * 0.01 + 3 * 1.0)


def test_a_verdict_that_is_none_is_an_abstention(tmp_path: Path) -> None:
    with population(tmp_path) as ecology:
        judge = Judge(ecology.description, "referee", eco.Ecology)
        found = collect(ecology, [("hello", None), ("maybe", None), ("other", None)], judge)
    assert [outcome.score for outcome in found.outcomes] == [1.0, 0.25]
    assert found.unscored == 1
    assert "maybe" in found.why_unscored
    assert found.cost_usd == pytest.approx(3 * 1.01)


def test_prompts_of_the_training_are_left_out(tmp_path: Path) -> None:
    write_fingerprints(tmp_path / "seen.prompts", ["Hello  THERE"])
    with population(tmp_path, 'training_prompts = "seen.prompts"') as ecology:
        found = collect(ecology, [("hello there", "x"), ("new", "new")], label_scorer)
    assert [outcome.prompt for outcome in found.outcomes] == ["new"]
    assert found.seen_in_training == 1


def test_a_member_that_states_no_confidence_has_no_leg_confidence(tmp_path: Path) -> None:
    with population(tmp_path) as ecology:
        found = collect(ecology, [("new", "new")], label_scorer)
    assert found.outcomes[0].leg_confidence is None


def test_a_model_that_cannot_be_reached_has_no_outcome_and_one_that_answers_nonsense_has() -> None:
    down = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
    with OpenAIServer(faults={"odd": BadJson()}) as server:
        odd = down | {"base_url": server.base_url, "model": "odd"}
        served = {name: {"timeout_ms": 5000, "backend": each} for name, each in (("down", down), ("odd", odd))}
        with served_population(served) as ecology:
            found = collect(ecology, [("a", "a"), ("b", "b")], label_scorer)
    assert [(one.model, one.score) for one in found.outcomes] == [("odd@1", 0.0)] * 2
    assert (found.unreached, found.failed) == (2, 2)
    assert found.why_unreached.startswith("down@1: no connection") and found.why_failed.startswith("odd@1: the reply")
