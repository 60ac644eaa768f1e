"""`ecology outcomes import` and `show`, and what `fit` refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.cli.running import Run
from tests.populations import model, write

from ecology import Outcome, Outcomes
from ecology.population.training import write_fingerprints


def table(file: Path, *rows: list[object]) -> None:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def conversation(file: Path) -> None:
    turns = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
    file.write_text(json.dumps({"model": "small", "messages": turns, "rating": 0.5, "kind": "sums"}) + "\n")


def test_tables_of_routellm_become_outcomes(run: Run, tmp_path: Path) -> None:
    table(
        tmp_path / "mmlu_anatomy.csv", ["prompt", "weak", "strong"], ["Which bone?", True, True], ["Why?", False, True]
    )
    said = run("outcomes", "import", "--from", "routellm", "mmlu_anatomy.csv", "--out", "o.parquet")
    assert said.code == 0 and "4 outcomes in o.parquet" in said.out and "ecology fit o.parquet" in said.out
    assert [line.split() for line in said.out.splitlines() if "weak" in line] == [
        ["weak", "2", "100.0%", "0.5000", "unknown", "unknown"]
    ]
    assert Outcomes.read(tmp_path / "o.parquet").texts("task") == ["anatomy"] * 4


def test_a_file_of_routerbench_becomes_outcomes(run: Run, tmp_path: Path) -> None:
    head = ["sample_id", "prompt", "eval_name", "small", "small|model_response", "small|total_cost"]
    table(tmp_path / "bench.csv", head, ["1", "['Why?']", "arc", 1.0, "['B']", 0.25])
    facts = run("outcomes", "import", "--from", "routerbench", "bench.csv", "--rename", "small=s@1", "--json").json
    assert facts["out"] == "outcomes.csv" and facts["models"][0]["cost_usd"] == 0.25
    assert list(Outcomes.read(tmp_path / "outcomes.csv")) == [Outcome("Why?", "s@1", 1.0, 0.25, task="arc")]


@pytest.mark.parametrize("source", ["openai", "litellm"])
def test_logs_are_scored_by_a_key_or_by_a_function(run: Run, tmp_path: Path, source: str) -> None:
    conversation(tmp_path / "log.jsonl")
    (tmp_path / "grade.py").write_text("def four(row):\n    return row['messages'][-1]['content'] == '4'\n")
    run("outcomes", "import", "--from", source, "log.jsonl", "--score", "rating", "--task", "kind", "--out", "a.csv")
    run("outcomes", "import", "--from", source, "log.jsonl", "--scorer", "grade:four", "--out", "b.jsonl.gz")
    assert list(Outcomes.read(tmp_path / "a.csv")) == [Outcome("2 + 2?", "small", 0.5, task="sums")]
    assert list(Outcomes.read(tmp_path / "b.jsonl.gz")) == [Outcome("2 + 2?", "small", 1.0)]


def test_a_log_without_scores_says_how_to_give_them(run: Run, tmp_path: Path) -> None:
    conversation(tmp_path / "log.jsonl")
    error = run("outcomes", "import", "--from", "openai", "log.jsonl", "--json").error
    assert error["class"] == "OutcomesError" and "--score or --scorer" in error["message"]


@pytest.mark.parametrize(
    ("more", "advice"),
    [
        (["--from", "routellm", "a.csv", "--score", "x"], "are for logs"),
        (["--from", "openai", "a.csv", "--score", "x", "--scorer", "a:b"], "not both"),
        (["--from", "routerbench", "a.csv", "b.csv"], "one file of RouterBench"),
        (["--from", "nobody", "a.csv"], "nobody"),
        (["--from", "routellm", "a.csv", "--rename", "gpt-4"], "OLD=NEW"),
        (["a.csv"], "--from"),
    ],
)
def test_options_that_do_not_go_together_are_told(run: Run, more: list[str], advice: str) -> None:
    said = run("outcomes", "import", *more)
    assert said.code == 2 and advice in said.err.replace("\n", " ")


def test_a_table_is_shown_as_it_is(run: Run, tmp_path: Path) -> None:
    table(
        tmp_path / "w.csv",
        ["prompt", "a@1", "b@1", "a@1|cost_usd"],
        ["p", 1, 0, 0.5],
        ["q", 0.5, "", 0.25],
        ["p", 0, 0, 0],
    )
    said = run("outcomes", "show", "w.csv")
    assert said.code == 0 and "2 prompts \u00d7 2 models, 75 % of pairs" in said.out
    rows = [line.split() for line in said.out.splitlines() if "@1" in line]
    assert rows == [
        ["a@1", "3", "100.0%", "0.5000", "$0.250000", "unknown"],
        ["b@1", "2", "50.0%", "0.0000", "unknown", "unknown"],
    ]
    facts = run("outcomes", "show", "w.csv", "--json").json
    assert (facts["outcomes"], facts["prompts"], facts["full"], facts["repeated"]) == (5, 2, False, 2)
    assert facts["digest"].startswith("sha256:") and facts["fields"] == ["prompt", "model", "score", "cost_usd"]
    assert run("outcomes", "show", "w.csv", "--wide", "b@1", "--json").json["outcomes"] == 2


def test_fit_refuses_outcomes_on_what_a_model_was_trained_on(run: Run, tmp_path: Path) -> None:
    write_fingerprints(tmp_path / "seen.txt", ["prompt 3", "prompt 5"])
    write(tmp_path, [model("small", "echo", training_prompts="seen.txt"), model("large", "echo")])
    rows = [Outcome(f"prompt {n}", m, float(n % 2)) for n in range(60) for m in ("small@1", "large@1")]
    Outcomes.read(rows).write(tmp_path / "o.csv")
    assert run("fit", "o.csv").code == 0
    error = run("fit", "o.csv", "--population", "ecology.toml", "--json").error
    assert error["class"] == "SeenInTraining"
    assert error["facts"]["counts"] == {"small@1": 2}
    assert error["facts"]["examples"] == {"small@1": ["prompt 3", "prompt 5"]}
    folded = [one if one.model == "large@1" else Outcome(one.prompt, one.model, one.score, fold="1") for one in rows]
    Outcomes.read(folded).write(tmp_path / "folded.csv")
    assert run("fit", "folded.csv", "--population", "ecology.toml").code == 0
