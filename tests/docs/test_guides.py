"""The guides do what they say: their code is run, in a folder where everything that they name is there."""

from __future__ import annotations

import csv
import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import Run

from ecology import Outcomes, Router

DOCS = Path(__file__).parents[2] / "docs"
STRONG, WEAK = "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1"


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / guide).read_text("utf-8"), re.M | re.S)


def checkout(folder: Path) -> None:
    """What RouteLLM's evaluations write. The weak model fails at sums, and nowhere else."""
    rng = random.Random(0)
    for path, n in (("mmlu/responses/mmlu_elementary_mathematics", 300), ("gsm8k/gsm8k_responses", 100)):
        file = folder / "routellm" / "evals" / f"{path}.csv"
        file.parent.mkdir(parents=True)
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["prompt", WEAK, STRONG])
            for at in range(n):
                a, b = rng.randrange(1000), rng.randrange(1000)
                sums = f"How much is {a} plus {b}, divided by {at}?\nAnswer:"
                words = f"Which word in line {a} of poem {b} means the same as happy {at}?\nAnswer:"
                writer.writerow([sums if at % 2 else words, at % 2 == 0, True])


def test_the_guide_from_routellm_moves_a_set_up_in_ten_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout(tmp_path)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("guides/from-routellm.md", "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    names: dict[str, Any] = {}
    exec(compile(code, "from-routellm.md", "exec"), names)
    fresh, choose = names["fresh"], names["choose"]
    chosen = [choose(prompt) for prompt in fresh]
    assert len(fresh) >= 50 and 0.35 <= chosen.count(STRONG) / len(chosen) <= 0.65
    right = [(model == STRONG) == prompt.startswith("How much") for model, prompt in zip(chosen, fresh, strict=True)]
    assert sum(right) / len(right) >= 0.8
    assert {STRONG, WEAK} == set(names["router"].models)


def test_the_commands_of_the_guide_from_routellm_run(run: Run, tmp_path: Path) -> None:
    checkout(tmp_path)
    commands = blocks("guides/from-routellm.md", "sh")[-1].replace("\\\n", " ").splitlines()
    for command in commands:
        words = command.partition("#")[0].split()
        assert words[0] == "ecology"
        assert run(*words[1:]).code == 0, command
    assert Router.load(tmp_path / "router.safetensors").models == ["strong@1", "weak@1"]


def test_the_page_on_outcomes_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Outcomes.read(
        {"prompt": ["p", "q"], "small@1": [1, 0], "large@1": [1, 0.9], "large@1|cost_usd": [0.004, 0.011]}
    )
    made.write("outcomes.csv.gz")
    (code,) = blocks("outcomes.md", "python")
    exec(compile(code, "outcomes.md", "exec"), {})
    assert Outcomes.read("outcomes.parquet") == made


def test_the_page_on_other_policies_runs(run: Run, tmp_path: Path) -> None:
    rng = random.Random(0)
    for week, file in enumerate(("fitted-on.csv", "the-week-before.csv", "last-week.csv")):
        rows = []
        for at in range(400):
            model = rng.choice(["small@1", "large@1"])
            hard = rng.random() < 0.5
            right = rng.random() < (0.9 if model == "large@1" else 0.2 if hard else 0.8)
            prompt = f"Prove theorem {at} about rings." if hard else f"Add {at} and {rng.randrange(99)}."
            facts = {
                "propensity": 0.5,
                "cost_usd": 0.01 if model == "large@1" else 0.001,
                "timestamp": 604_800.0 * week + at,
            }
            rows.append(
                {"prompt": prompt, "model": model, "score": right, "task": "proofs" if hard else "sums"} | facts
            )
        Outcomes.of_log(rows).write(tmp_path / file)
    Router.fit(tmp_path / "fitted-on.csv").save(tmp_path / "router.safetensors")
    (code,) = blocks("off-policy.md", "python")
    names: dict[str, Any] = {}
    exec(compile(code, "off-policy.md", "exec"), names)
    assert names["found"]["score"].low <= 0.9 <= names["found"]["score"].high
    assert names["found"].verdict == "supported" and set(names["found"].slices) == {"sums", "proofs"}
    assert names["drift"].verdict == "stable"
    (commands,) = blocks("off-policy.md", "sh")
    for command in commands.splitlines():
        words = command.split()
        assert words[0] == "ecology"
        assert run(*words[1:]).code == 0, command
    (lines,) = blocks("off-policy.md", "json")
    (tmp_path / "log.jsonl").write_text(lines)
    assert [row.prompt for row in Outcomes.from_decisions(tmp_path / "log.jsonl")] == ["Where is my card?"]
