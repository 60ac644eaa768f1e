"""What was solved is kept beside the description, and used only for what it was solved for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.populations import describe, model, ranked_by_price
from tests.routing.outcomes import pair

from ecology import Ecology
from ecology.engine.advisory import advise
from ecology.engine.description import Description
from ecology.engine.solved import digests_of, solved_entry
from ecology.errors import ArtifactError, InvalidPopulation
from ecology.policy import QualityTarget
from ecology.routing.goals import solve_goal
from ecology.routing.solved import FILE, Entry, add_entry, entry_of, read_entries
from ecology.routing.validation import validation_rows

GOAL = {"kind": "quality_target", "of": "large", "share": 0.9}


def population(root: Path, **policy: Any) -> Description:
    models = ranked_by_price(model("small", "echo"), model("large", "sure"))
    return describe(root, *models, routing={"objective": GOAL} | policy.pop("routing", {}), **policy)


def solve(description: Description, share: float = 0.9) -> Entry:
    rows, _ = validation_rows(pair())
    solved = solve_goal(QualityTarget(of="large", share=share), rows)
    data = "sha256:00"
    return entry_of(solved, digests_of(description), unit="usd", router=None, outcomes=data, seed=0)


def plan_of(description: Description) -> dict[str, Any]:
    with Ecology(description) as ecology:
        plan: dict[str, Any] = json.loads(ecology.snapshot)["default_plan"]
    return plan


def said(description: Description, place: str) -> list[str]:
    return [str(found) for found in advise(description) if found.place == place]


OBJECTIVE = "policy.routing.objective"


def test_a_goal_that_is_not_solved_is_said_and_served_as_if_there_were_none(tmp_path: Path) -> None:
    description = population(tmp_path)
    assert plan_of(description) == {"kind": "direct", "max_fallbacks": 1}
    (found,) = said(description, OBJECTIVE)
    assert "not solved" in found and "ecology fit" in found


def test_what_was_solved_is_served(tmp_path: Path) -> None:
    description = population(tmp_path)
    entry = solve(description)
    assert entry.reached and entry.solution.plan.kind == "cascade"
    assert add_entry(tmp_path, entry) == tmp_path / FILE
    plan = plan_of(description)
    assert (plan["kind"], plan["first"], plan["then"]) == ("cascade", 0, 1)
    assert plan["leg_confidence"] == entry.solution.plan.leg_confidence  # type: ignore[union-attr]
    assert said(description, OBJECTIVE) == []


def test_a_goal_that_is_not_reached_is_said_by_check(tmp_path: Path) -> None:
    description = population(tmp_path)
    add_entry(tmp_path, solve(description).model_copy(update={"reached": False, "reason": "nothing keeps it: mend it"}))
    (found,) = said(description, OBJECTIVE)
    assert "nothing keeps it" in found


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        ({"default_plan": {"kind": "direct"}}, "policy.default_plan"),
        ({"routing": {"min_decision_confidence": 0.4}}, "policy.routing.min_decision_confidence"),
    ],
)
def test_what_is_typed_overrides_what_was_solved_and_check_says_so(
    tmp_path: Path, policy: dict[str, Any], place: str
) -> None:
    description = population(tmp_path, **policy)
    add_entry(tmp_path, solve(description))
    assert any("overrides" in found for found in said(description, place))
    if "default_plan" in policy:
        assert plan_of(description) == {"kind": "direct", "max_fallbacks": 1}


def test_an_entry_fits_its_goal_and_its_models_and_returns_with_them(tmp_path: Path) -> None:
    """Rolled back, a model finds the thresholds of its day."""
    description = population(tmp_path)
    old = solve(description)
    new = old.model_copy(update={"models": dict.fromkeys(old.models, "sha256:" + "1" * 64), "seed": 7})
    other_goal = old.model_copy(update={"goal": QualityTarget(share=0.5)})
    for entry in (old, new, other_goal):
        add_entry(tmp_path, entry)
    assert solved_entry(description) == old
    newest = old.model_copy(update={"seed": 9})
    add_entry(tmp_path, newest)
    assert solved_entry(description) == newest
    assert [entry.seed for entry in read_entries(tmp_path)] == [0, 7, 0, 9]


def test_an_entry_with_a_router_waits_for_that_router(tmp_path: Path) -> None:
    description = population(tmp_path)
    add_entry(tmp_path, solve(description).model_copy(update={"router": "sha256:aa"}))
    assert solved_entry(description) is None


def test_the_same_entry_is_kept_once(tmp_path: Path) -> None:
    entry = solve(population(tmp_path))
    add_entry(tmp_path, entry)
    first = (tmp_path / FILE).read_bytes()
    add_entry(tmp_path, entry)
    assert (tmp_path / FILE).read_bytes() == first
    assert not list(tmp_path.glob(f".{FILE}*"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 2, "entries": []}', '{"format": 1, "entries": [{}]}', "[" * 10_000]
)
def test_a_file_that_is_none_is_refused_and_the_description_with_it(tmp_path: Path, text: str) -> None:
    description = population(tmp_path)
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ArtifactError, match=FILE):
        read_entries(tmp_path)
    with pytest.raises(InvalidPopulation, match=r"policy\.routing\.objective"):
        Ecology(description)
    assert any("cannot be used" in found for found in said(description, OBJECTIVE))


def test_a_description_without_a_goal_looks_at_no_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no")
    description = describe(tmp_path, model("echo"))
    assert plan_of(description)["kind"] == "direct"
