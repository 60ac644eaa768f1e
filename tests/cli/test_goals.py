"""From a goal in a description to a plan that serves, and the verdict on it: `fit --population` and `justify`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import Run
from tests.populations import model, ranked_by_price, write
from tests.routing.outcomes import pair

from ecology import Ecology
from ecology.routing import Outcomes, Router, write_outcomes
from ecology.routing.validation import validation_rows

GOAL = {"kind": "quality_target", "of": "large", "share": 0.95}


def prepare(root: Path, goal: dict[str, Any] = GOAL, **outcomes: Any) -> None:
    models = ranked_by_price(model("small", "echo"), model("large", "sure"))
    write(root, models, {"routing": {"objective": goal}})
    write_outcomes(root / "outcomes.csv", pair(**outcomes))


def test_a_goal_is_solved_written_and_served(run: Run, tmp_path: Path) -> None:
    prepare(tmp_path)
    warned = run("check", "--json").json["warnings"]
    assert any("not solved" in each["problem"] and "policy.routing.router" in each["fix"] for each in warned)
    said = run("fit", "outcomes.csv", "--population", "ecology.toml", "--json")
    assert said.code == 0, said.out
    solved = said.json["solved"]
    assert solved["reached"] and solved["goal"]["share"] == 0.95 and solved["outcomes"].startswith("sha256:")
    assert said.json["written"] == str(tmp_path / "solved.json")
    with Ecology.open(tmp_path) as ecology:
        plan = json.loads(ecology.snapshot)["default_plan"]
    assert plan["kind"] == solved["solution"]["plan"]["kind"] == "cascade"
    assert not any("not solved" in each["problem"] for each in run("check", "--json").json["warnings"])


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (GOAL, ["goal quality_target reached", "validation rows: score", "the description serves under it"]),
        (GOAL | {"share": 1.4}, ["not reached", "the best possible is"]),
        ({"kind": "error_bound", "alpha": 0.001}, ["not reached", "cannot be promised"]),
        ({"kind": "max_cost", "usd_per_request": 0.004}, ["goal max_cost reached", "$0.004 a request or less"]),
        ({"kind": "utility", "lambda_cost_per_usd": 5.0}, ["goal utility reached", "highest utility"]),
    ],
    ids=["quality", "too much", "errors", "cost", "utility"],
)
def test_every_goal_is_told_to_people(run: Run, tmp_path: Path, goal: dict[str, Any], words: list[str]) -> None:
    prepare(tmp_path, goal)
    said = run("fit", "outcomes.csv", "--population", "ecology.toml")
    assert said.code == 0
    for word in words:
        assert word in said.out, said.out


def test_without_a_population_the_plan_is_shown_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    prepare(tmp_path)
    said = run("fit", "outcomes.csv", "--target", "0.95")
    assert "as TOML: default_plan = {" in said.out and "leg_confidence" in said.out
    assert not (tmp_path / "solved.json").exists()


@pytest.mark.parametrize(("leg", "verdict"), [(True, "a cascade"), (False, "one model")])
def test_the_verdict_has_a_table_and_a_reason(run: Run, tmp_path: Path, leg: bool, verdict: str) -> None:
    prepare(tmp_path, leg=leg, better=0.12, n=1500)
    advice = run("justify", "outcomes.csv", "--json").json
    assert advice["verdict"] == verdict and advice["reason"] and advice["rows"] == 1500
    assert {"single", "mixture"} <= {row["kind"] for row in advice["table"]}
    shown = run("justify", "outcomes.csv", "--population", "ecology.toml")
    assert shown.code == 0 and f"use {verdict}" in shown.out and "mixture" in shown.out


def test_a_router_is_judged_with_what_its_choosing_costs(run: Run, tmp_path: Path) -> None:
    prepare(tmp_path, n=300)
    assert run("fit", "outcomes.csv").code == 0
    advice = run("justify", "outcomes.csv", "--router", "router.safetensors", "--json").json
    assert advice["orchestration_ms"] > 0
    assert "router" in {row["kind"] for row in advice["table"]}


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["justify", "absent.csv"], "ArtifactError"),
        (["justify", "few.csv"], "OutcomesError"),
        (["justify", "outcomes.csv", "--router", "outcomes.csv"], "ArtifactError"),
        (["fit", "outcomes.csv", "--population", "absent.toml"], "InvalidPopulation"),
    ],
)
def test_what_cannot_be_judged_is_an_error(run: Run, tmp_path: Path, arguments: list[str], kind: str) -> None:
    prepare(tmp_path, n=30)
    write_outcomes(tmp_path / "few.csv", pair(8))
    said = run(*arguments, "--json")
    assert (said.code, said.error["class"]) == (1, kind)


def test_a_router_is_judged_on_the_rows_that_its_own_split_kept_aside(run: Run, tmp_path: Path) -> None:
    prepare(tmp_path, n=400)
    rows = [replace(row, split=None) for row in pair(400)]
    write_outcomes(tmp_path / "outcomes.csv", rows)
    assert run("fit", "outcomes.csv", "--seed", "5").code == 0
    aside = {row.prompt for row in Outcomes.read(rows).split(0.2, 5)[1]}
    own = run("justify", "outcomes.csv", "--router", "router.safetensors", "--json").json
    assert own["rows"] == len(aside) != run("justify", "outcomes.csv", "--json").json["rows"]
    table, _ = validation_rows(rows, router=Router.load(tmp_path / "router.safetensors"))
    assert len(table.score) == len(aside)


def test_nothing_is_fitted_where_the_router_could_not_be_written(run: Run, tmp_path: Path) -> None:
    prepare(tmp_path, n=60)
    said = run("fit", "outcomes.csv", "--out", "absent/router.safetensors", "--json")
    assert said.code == 1 and "nothing was fitted yet" in said.error["message"]
