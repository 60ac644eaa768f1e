"""The commands, as the README teaches them: from `init` to a fitted router, for people and with `--json`."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import Run, questions
from tests.populations import model, write
from tests.schema import ANSWER, DECISION, check

from ecology.cli.app import app
from ecology.population.training import write_fingerprints

# --- the path of a newcomer ---------------------------------------------------------------------------------


def test_from_init_to_a_router_that_is_used(run: Run, tmp_path: Path) -> None:
    said = run("init")
    assert said.code == 0 and "wrote ecology.toml" in said.out and "ecology check" in said.out
    said = run("check", "--strict")
    assert (said.code, said.out.strip()) == (0, "valid: ecology.toml, 3 models, 0 warnings")
    said = run("route", "What is 17 * 23 + 4?")
    assert said.code == 0 and "calculator@1" in said.out and "a rule prefers another" in said.out
    said = run("answer", "What is 17 * 23 + 4?")
    assert said.code == 0 and said.out.startswith("395\n") and "calculator@1 [generator]" in said.out
    questions(tmp_path / "questions.csv")
    said = run("outcomes", "collect", "questions.csv")
    assert said.code == 0 and "144 outcomes in outcomes.csv" in said.out and "ecology fit outcomes.csv" in said.out
    said = run("fit", "outcomes.csv")
    assert said.code == 0 and "router.safetensors: " in said.out
    assert "the best fixed mixture" in said.out
    text = (tmp_path / "ecology.toml").read_text()
    (tmp_path / "ecology.toml").write_text(text + '\n[policy.routing]\nrouter = "router.safetensors"\n')
    assert run("check").code == 0
    decision = run("route", "What is 7 + 10?", "--json").json
    assert (decision["calibrated"], decision["rule"]) == (True, None)
    assert run("answer", "What is 7 + 10?", "--json").json["output"] == "17"


def test_a_price_that_nobody_stated_is_not_shown_as_free(run: Run, tmp_path: Path) -> None:
    run("init")
    text = (tmp_path / "ecology.toml").read_text()
    (tmp_path / "ecology.toml").write_text(text.replace("price = { usd_per_call = 0 } # runs", "# runs"))
    rows = run("route", "hello").out.splitlines()
    assert [row for row in rows if "generalist@1" in row and "unknown" in row and "$" not in row]
    assert [row for row in rows if "calculator@1" in row and "$0.000000" in row]


def test_every_step_prints_one_json_value(run: Run, tmp_path: Path) -> None:
    assert run("init", "--json").json == {"written": ["ecology.toml", "models.py"]}
    assert run("check", "--json").json == {"source": "ecology.toml", "models": 3, "warnings": []}
    decision = run("route", "What is 17 * 23 + 4?", "--json").json
    assert isinstance(decision.pop("signals"), dict)
    check(decision, DECISION)
    answer = run("answer", "What is 17 * 23 + 4?", "--json").json
    check(answer, ANSWER)
    assert (answer["output"], answer["attribution"]["decision"]["rule"]) == ("395", "sums")
    questions(tmp_path / "questions.csv")
    assert run("outcomes", "collect", "questions.csv", "--json").json == {
        "outcomes": 144,
        "out": "outcomes.csv",
        "cost_usd": 0.0,
        "unscored": 0,
        "why_unscored": None,
        "failed": 24 + 24,  # the calculator on the questions, the fields of an order on the sums
        "why_failed": "order-fields@1: LookupError: there is no order number, date or amount in this text",
        "unreached": 0,
        "why_unreached": None,
        "not_eligible": 0,
        "trained_on_it": [],
        "seen_in_training": 0,
        "budget_spent": False,
    }
    fitted = run("fit", "outcomes.csv", "--out", "r.safetensors", "--json").json
    assert set(fitted) == {"router", "digest", "models", "guard", "solved", "unsolved", "written"}
    assert fitted["router"] == "r.safetensors"
    assert fitted["digest"] == "sha256:" + hashlib.sha256((tmp_path / "r.safetensors").read_bytes()).hexdigest()
    assert sorted(fitted["models"]) == ["calculator@1", "generalist@1", "order-fields@1"]
    assert fitted["guard"]["prompts"] > 0
    registered = run("model", "register", "--why", "first", "--json").json
    assert [row["name"] for row in registered] == ["generalist", "calculator", "order-fields"]
    assert [row["name"] for row in run("model", "list", "--json").json] == ["generalist", "calculator", "order-fields"]
    assert [row["name"] for row in run("model", "list", "--role", "fallback", "--json").json] == ["generalist"]
    assert run("model", "list", "--stage", "retired", "--json").json == []
    shown = run("model", "show", "calculator", "--json").json
    assert shown["manifest"] == next(row for row in registered if row["name"] == "calculator")
    assert [(event["kind"], event["why"]) for event in shown["history"]] == [("registered", "first")]


def test_the_registry_for_people(first: Run) -> None:
    assert "no models are registered; run: ecology model register" in first("model", "list").out
    said = first("model", "register", "calculator@1")
    assert said.code == 0 and said.out.startswith("calculator@1 sha256:")
    assert first("model", "register", "calculator").code == 0, "registering the same again changes nothing"
    said = first("model", "list")
    assert "calculator@1" in said.out and "generalist" not in said.out
    said = first("model", "show", "calculator")
    assert "timeout_ms: 500" in said.out and "registered" in said.out


def test_the_outcomes_are_those_of_the_models(first: Run, tmp_path: Path) -> None:
    questions(tmp_path / "questions.csv")
    assert first("outcomes", "collect", "questions.csv", "--out", "o.csv.gz", "--sample", "10", "--seed", "3").code == 0
    with gzip.open(tmp_path / "o.csv.gz", "rt", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 30
    for row in rows:
        right = row["model"] == ("calculator@1" if row["prompt"].startswith("What") else "generalist@1")
        assert float(row["score"]) == float(right), row
        answered = (
            right or (row["model"] == "generalist@1") or (row["model"] == "order-fields@1" and "order" in row["prompt"])
        )
        assert (row["latency_ms"] != "") == answered
    again = (tmp_path / "o.csv.gz").read_bytes()
    assert first("outcomes", "collect", "questions.csv", "--out", "o.csv.gz", "--sample", "10", "--seed", "4").code == 0
    assert (tmp_path / "o.csv.gz").read_bytes() != again


def test_standard_input_is_read(first: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"What is 6 * 7?")
    with (tmp_path / "in").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert first("answer", "-", "--json").json["output"] == "42"


def test_warnings_are_told_and_fail_only_when_strict(run: Run, tmp_path: Path) -> None:
    write(tmp_path, [model("a", "echo"), model("b", "echo", price=None)])
    said = run("check")
    assert said.code == 0 and "warning" in said.out
    assert run("check", "--strict").code == 1
    found = run("check", "--strict", "--json")
    assert found.code == 1 and found.json["warnings"]
    assert all(set(row) == {"place", "problem", "fix"} for row in found.json["warnings"])


def test_the_description_is_found_by_option_and_by_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = write(tmp_path / "elsewhere", [model("echo")])
    assert run("answer", "hi").code == 1
    assert run("answer", "hi", "--file", str(elsewhere), "--json").json["output"] == "hi"
    assert run("answer", "hi", "-f", "elsewhere", "--json").json["output"] == "hi"
    monkeypatch.setenv("ECOLOGY_FILE", str(elsewhere))
    assert run("answer", "hi", "--json").json["output"] == "hi"


# --- scorers -------------------------------------------------------------------------------------------------


@pytest.fixture
def scored(run: Run, tmp_path: Path) -> Run:
    """Two models about short and long texts, and a judge."""
    judge = model("judge", role="judge")
    write(tmp_path, [model("even-odd", fallback="always-long"), model("always-long"), judge])
    rows = [("short text", "short"), ("a text that is longer than that", "long")]
    with (tmp_path / "p.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("prompt", "expected"), *rows])
    return run


def scores(file: Path) -> dict[tuple[str, str], float]:
    with file.open(newline="") as stream:
        return {(row["prompt"][:5], row["model"]): float(row["score"]) for row in csv.DictReader(stream)}


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ([], 0.0),
        (["--scorer", "models:strict_scorer"], 0.5),
        (["--judge", "judge"], 0.0),
        (["--judge", "judge@1"], 0.0),
    ],
    ids=["label", "callable", "judge", "judge's version"],
)
def test_answers_are_scored(scored: Run, tmp_path: Path, options: list[str], wrong: float) -> None:
    said = scored("outcomes", "collect", "p.csv", *options, "--json")
    assert (said.code, said.json["outcomes"]) == (0, 4)
    assert scores(tmp_path / "outcomes.csv") == {
        ("short", "even-odd@1"): 1.0,
        ("short", "always-long@1"): wrong,
        ("a tex", "even-odd@1"): wrong,
        ("a tex", "always-long@1"): 1.0,
    }


def test_a_model_that_was_trained_on_the_file_is_left_out(scored: Run, tmp_path: Path) -> None:
    digest = "sha256:" + hashlib.sha256((tmp_path / "p.csv").read_bytes()).hexdigest()
    write(tmp_path, [model("even-odd", data_digests=[digest]), model("always-long")])
    said = scored("outcomes", "collect", "p.csv", "--json").json
    assert (said["outcomes"], said["trained_on_it"]) == (2, ["even-odd@1"])
    assert {name for _, name in scores(tmp_path / "outcomes.csv")} == {"always-long@1"}
    assert "left out, trained on this file: even-odd@1" in scored("outcomes", "collect", "p.csv").out


def test_a_model_has_no_outcome_on_a_prompt_that_it_was_trained_on(scored: Run, tmp_path: Path) -> None:
    write_fingerprints(tmp_path / "seen.txt", ["SHORT  text", "something else"])
    write(tmp_path, [model("even-odd", training_prompts="seen.txt"), model("always-long")])
    said = scored("outcomes", "collect", "p.csv", "--json").json
    assert (said["outcomes"], said["seen_in_training"], said["trained_on_it"]) == (3, 1, [])
    assert ("short", "even-odd@1") not in scores(tmp_path / "outcomes.csv")


def test_a_budget_ends_a_collection_and_counts_failures(run: Run, tmp_path: Path) -> None:
    def models(function: str) -> list[dict[str, Any]]:
        tokens = {"usd_per_million_tokens_in": 250_000}  # a quarter of a dollar a token; four letters are one
        return [model("m", function, price=tokens)]

    (tmp_path / "p.csv").write_text("prompt,label\n" + "".join(f"abc{n},x\n" for n in range(8)))
    for function, failed in (("echo", 0), ("fails", 3)):
        write(tmp_path, models(function))
        said = run("outcomes", "collect", "p.csv", "--usd", "0.8", "--json")
        assert said.code == 0
        assert (said.json["outcomes"], said.json["failed"], said.json["budget_spent"]) == (3, failed, True)
        assert said.json["cost_usd"] == pytest.approx(0.75)


# --- the command itself --------------------------------------------------------------------------------------


def entry(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from ecology.cli import main; main()", *arguments]
    known = {name: value for name, value in os.environ.items() if not name.startswith("ECOLOGY_")}
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)


def test_the_installed_command_answers_and_fails_as_a_process(tmp_path: Path) -> None:
    assert entry(tmp_path, "init").returncode == 0
    done = entry(tmp_path, "answer", "What is 17 * 23 + 4?", "--json")
    assert (done.returncode, done.stderr, json.loads(done.stdout)["output"]) == (0, "", "395")
    failed = entry(tmp_path, "answer", "")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "error: the input is empty; send some text\n"


def test_debug_shows_where_an_error_was_raised(tmp_path: Path) -> None:
    failed = entry(tmp_path, "--debug", "check")
    assert failed.returncode == 1
    assert "Traceback" in failed.stderr and "InvalidPopulation" in failed.stderr


def test_the_version_needs_no_command(tmp_path: Path) -> None:
    said = entry(tmp_path, "--version")
    assert (said.returncode, said.stdout.strip()) == (0, version("ecology"))


def test_every_command_has_help() -> None:
    from typer.testing import CliRunner

    runner = CliRunner()
    groups = {"": ["demo", "init", "check", "fit", "justify", "route", "answer"], "embeddings": ["build"],
              "outcomes": ["collect"], "model": ["register", "list", "show"]}  # fmt: skip
    for group, commands in groups.items():
        for command in commands:
            path = [word for word in (group, command) if word]
            shown = runner.invoke(app, [*path, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
            assert shown.exit_code == 0 and "--json" in shown.output, path
