"""`ecology evaluate`: a table for people, a JSON value for programs, a page on request; mistakes end in a sentence."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.cli.running import Run

from ecology.cli.output import console
from ecology.routing import Router, evaluate, read_outcomes, to_outcomes, write_outcomes

ONLY = {"large@1": 0.004, "small@1": 0.0002}


def made(n: int = 240) -> list[dict[str, object]]:
    """The small model is right about sums; half of the prompts train, a quarter calibrates, a quarter tests."""
    rng = random.Random(0)
    rows: list[dict[str, object]] = []
    for at in range(n):
        kind = "sum" if at % 2 else "tale"
        words = ["add", "total", "divide"] if kind == "sum" else ["dragon", "castle", "forest"]
        prompt = f"{rng.choice(words)} and {rng.choice(words)} number {at}"
        part = "train" if at < n / 2 else "val" if at < 3 * n / 4 else "test"
        for model, cost in ONLY.items():
            right = rng.random() < (0.95 if model == "large@1" or kind == "sum" else 0.15)
            score = float(right)
            rows.append(
                {"prompt": prompt, "model": model, "score": score, "cost_usd": cost, "task": kind, "split": part}
            )
    return rows


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the console was made before a test could say how wide it is."""
    monkeypatch.setattr(console, "_width", 250)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("evaluate")
    outcomes = to_outcomes(made())
    write_outcomes(place / "outcomes.csv.gz", outcomes)
    Router.fit(outcomes).save(place / "router.safetensors")
    lines = [json.dumps(row | {"[red]tenant": f"[bold]t{at % 6 // 2}"}) for at, row in enumerate(made())]
    (place / "outcomes.jsonl").write_text("\n".join(lines))
    write_outcomes(place / "train.csv", [outcome for outcome in outcomes if outcome.split == "train"])
    write_outcomes(place / "small.csv", [outcome for outcome in outcomes if outcome.model == "small@1"])
    (place / "broken.safetensors").write_bytes((place / "router.safetensors").read_bytes()[:200])
    return place


def test_people_get_a_table_beside_every_rival(run: Run, folder: Path) -> None:
    said = run("evaluate", str(folder / "router.safetensors"), str(folder / "outcomes.csv.gz"), "--by", "task")
    assert said.code == 0
    assert "60 prompts (split test), 2 models, costs as observed" in said.out
    assert "The router beats the best fixed mixture of models" in said.out
    rows = ["the router", "best single model (large@1)", "best fixed mixture", "random at equal cost", "oracle", "APGR"]
    rows += ["CPT(50 %)", "AIQ", "cost at 98 % of best single", "ECE, bins of equal mass", "recall on singletons"]
    assert [row for row in rows if f"│ {row}" not in said.out] == []
    assert "large@1 over small@1; random 0.500" in said.out
    assert "beware: 60 prompts are few" in said.out
    assert [line for line in said.out.splitlines() if line.startswith("│ tale")]


def test_programs_get_what_python_gets_and_the_seed_counts(run: Run, folder: Path) -> None:
    files = str(folder / "router.safetensors"), str(folder / "outcomes.csv.gz")
    first = run("evaluate", *files, "--json", "--seed", "3", "--resamples", "50")
    assert (first.code, first.err) == (0, "")
    loaded, rows = Router.load(files[0]), read_outcomes(files[1])
    assert first.json == json.loads(json.dumps(evaluate(loaded, rows, seed=3, resamples=50).to_dict()))
    other = run("evaluate", *files, "--json", "--seed", "4", "--resamples", "50").json
    assert other["metrics"]["apgr"]["value"] == first.json["metrics"]["apgr"]["value"]
    assert other["metrics"]["apgr"] != first.json["metrics"]["apgr"]


def test_a_page_is_written_beside_either(run: Run, folder: Path, tmp_path: Path) -> None:
    files = str(folder / "router.safetensors"), str(folder / "outcomes.csv.gz"), "--resamples", "20"
    said = run("evaluate", *files, "--html", "report.html", "--json")
    page = (tmp_path / "report.html").read_text("utf-8")
    numbers = page.partition('id="evaluation">')[2].partition("</script>")[0]
    assert json.loads(numbers) == said.json
    again = run("evaluate", *files, "--html", "other.html")
    assert "report: other.html" in again.out and (tmp_path / "other.html").read_text("utf-8") == page


def test_any_column_of_the_file_makes_slices_and_is_no_markup(run: Run, folder: Path) -> None:
    files = str(folder / "router.safetensors"), str(folder / "outcomes.jsonl"), "--resamples", "20"
    said = run("evaluate", *files, "--by", "[red]tenant")
    assert said.code == 0 and "[red]tenant" in said.out and "[bold]t2" in said.out
    slices = run("evaluate", *files, "--by", "[red]tenant", "--json").json["slices"]
    assert sum(part["prompts"] for part in slices) == 60 and len(slices) == 3


def test_a_pair_and_a_split_of_ones_own(run: Run, folder: Path) -> None:
    files = str(folder / "router.safetensors"), str(folder / "outcomes.csv.gz"), "--resamples", "20", "--json"
    found = run("evaluate", *files, "--strong", "small@1", "--weak", "large@1", "--split", "val").json
    assert (found["strong"], found["weak"], found["rows"]) == ("small@1", "large@1", "split val")
    assert found["metrics"]["apgr"]["value"] is None
    assert [text for text in found["warnings"] if "`val` rows" in text]


# arguments behind router and outcomes → the class of the error and what its sentence says
WRONG: dict[str, tuple[list[str], str, str]] = {
    "no such router": (["absent.safetensors", "outcomes.csv.gz"], "ArtifactError", "absent.safetensors"),
    "a broken router": (["broken.safetensors", "outcomes.csv.gz"], "TruncatedArtifact", "or train it again"),
    "no such outcomes": (["router.safetensors", "absent.csv"], "ArtifactError", "prompt, model and score"),
    "only training rows": (["router.safetensors", "train.csv"], "OutcomesError", "or say split all"),
    "a model that nobody asked": (["router.safetensors", "small.csv"], "OutcomesError", "collect its outcomes"),
    "no such model": (["router.safetensors", "outcomes.csv.gz", "--strong", "larg"], "UnknownModel", "did you mean"),
    "one model twice": (
        ["router.safetensors", "outcomes.csv.gz", "--strong", "small@1", "--weak", "small@1"], "MetricsError", "another"
    ),
    "no such column": (["router.safetensors", "outcomes.csv.gz", "--by", "color"], "OutcomesError", "there is: prompt"),
    "no such split": (["router.safetensors", "outcomes.csv.gz", "--split", "x"], "OutcomesError", "test, val, all"),
    "nowhere to write": (["router.safetensors", "outcomes.csv.gz", "--html", "no/r.html"], "ArtifactError", "make it"),
    "over a folder": (["router.safetensors", "outcomes.csv.gz", "--html", "."], "ArtifactError", "another place"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "advice"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_explained_for_people_and_for_programs(
    run: Run, folder: Path, arguments: list[str], kind: str, advice: str
) -> None:
    located = [str(folder / arguments[0]), str(folder / arguments[1]), *arguments[2:], "--resamples", "5"]
    said = run("evaluate", *located)
    assert said.code == 1 and said.out == "" and advice in said.err
    error = run("evaluate", *located, "--json").error
    assert error["class"] == kind and advice in error["message"]


@pytest.mark.parametrize("arguments", [["--resamples", "-1"], ["--seed", "-1"], ["--strong"], []])
def test_wrong_usage_is_2(run: Run, folder: Path, arguments: list[str]) -> None:
    files = [str(folder / "router.safetensors"), str(folder / "outcomes.csv.gz")]
    assert run("evaluate", *(files if arguments else files[:1]), *arguments).code == 2
