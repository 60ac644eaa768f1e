"""What is wrong ends with exit code 1, a sentence on stderr and no stack trace; with `--json` with one object."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.running import Run

BROKEN = "[[models]]\nname = 'a'\ntimout_ms = 9\n"

# the command → the class of the error and what its sentence says to do; in a folder that `init` has filled
WRONG: dict[str, tuple[list[str], str, str]] = {
    "init over something": (["init"], "ArtifactError", "use --force to overwrite"),
    "no such file": (["check", "--file", "absent.toml"], "InvalidPopulation", "`ecology init` writes one"),
    "broken": (["check", "--file", "broken.toml"], "InvalidPopulation", "did you mean timeout_ms?"),
    "broken for answer": (["answer", "hi", "--file", "broken.toml"], "InvalidPopulation", "did you mean timeout_ms?"),
    "route nothing": (["route", " "], "EmptyInput", "send some text"),
    "answer nothing": (["answer", ""], "EmptyInput", "send some text"),
    "deadline 0": (["answer", "hi", "--deadline-ms", "0"], "InvalidDeadline", "give a number above 0"),
    "deadline nan": (["answer", "hi", "--deadline-ms", "nan"], "InvalidDeadline", "give a number above 0"),
    "no such model": (["answer", "hi", "--model", "cauculator"], "NoEligibleModel", "ask for one of: "),
    "every leg fails": (["answer", "hi", "--model", "calculator"], "AllLegsFailed", "mend these models"),
    "absent prompts": (["outcomes", "collect", "absent.csv"], "ArtifactError", "give a CSV"),
    "a folder of prompts": (["outcomes", "collect", "."], "ArtifactError", "give a CSV"),
    "no prompts": (["outcomes", "collect", "strange.csv"], "OutcomesError", "name one prompt or text"),
    "no labels": (["outcomes", "collect", "plain.csv"], "OutcomesError", "--scorer or --judge"),
    "nowhere to write": (["outcomes", "collect", "good.csv", "--out", "no/o.csv"], "ArtifactError", "make it first"),
    "written over a folder": (["outcomes", "collect", "good.csv", "--out", "folder"], "ArtifactError", "another place"),
    "no such judge": (["outcomes", "collect", "plain.csv", "--judge", "nobody"], "UnknownModel", "known: "),
    "a judge that answers": (["outcomes", "collect", "plain.csv", "--judge", "generalist"], "UnknownModel", "known: "),
    "no such scorer": (["outcomes", "collect", "plain.csv", "--scorer", "models:no"], "ArtifactError", "name a func"),
    "a scorer out of bounds": (
        ["outcomes", "collect", "plain.csv", "--scorer", "scorers:seven"], "InvalidRequest", "a score is a number"
    ),
    "a scorer that raises": (
        ["outcomes", "collect", "plain.csv", "--scorer", "scorers:raises"], "InvalidRequest", "mend it"
    ),
    "fit on nothing": (["fit", "absent.csv"], "ArtifactError", "prompt, model and score"),
    "fit on too little": (["fit", "few.csv"], "OutcomesError", "collect more"),
    "fit on prompts": (["fit", "plain.csv"], "OutcomesError", "every row has prompt, model and score"),
    "register what is not there": (["model", "register", "absent"], "UnknownModel", "known: "),
    "show what is not there": (["model", "show", "absent"], "UnknownModel", "known: "),
    "a registry that is none": (["model", "list", "--registry", "plain.csv"], "RegistryError", ""),
}  # fmt: skip


@pytest.fixture
def mistaken(first: Run, tmp_path: Path) -> Run:
    (tmp_path / "broken.toml").write_text(BROKEN)
    (tmp_path / "strange.csv").write_text("a,b\n1,2\n")
    (tmp_path / "plain.csv").write_text("text\nhello\n")
    (tmp_path / "good.csv").write_text("text,label\nhello,hello\n")
    (tmp_path / "few.csv").write_text("prompt,model,score\nhi,a,1\nhi,b,0\n")
    (tmp_path / "scorers.py").write_text("def seven(*_):\n    return 7\n\ndef raises(*_):\n    raise KeyError('x')\n")
    (tmp_path / "folder").mkdir()
    return first


@pytest.mark.parametrize(("command", "kind", "advice"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_explained(mistaken: Run, command: list[str], kind: str, advice: str) -> None:
    said = mistaken(*command)
    assert said.code == 1
    assert "error: " in said.err and advice in said.err.replace("\n", " ")
    as_json = mistaken(*command, "--json")
    assert as_json.code == 1
    assert advice in as_json.error["message"]
    assert as_json.error["class"] == kind or kind == "RegistryError"
    assert as_json.err == ""


@pytest.mark.parametrize(
    "command",
    [
        ["nonsense"],
        ["answer"],
        ["answer", "hi", "--usd", "-1"],
        ["answer", "hi", "--deadline-ms", "soon"],
        ["model", "list", "--stage", "asleep"],
        ["outcomes", "collect", "plain.csv", "--scorer", "a:b", "--judge", "c"],
        ["outcomes", "collect", "plain.csv", "--sample", "0"],
    ],
    ids=lambda command: " ".join(command),
)
def test_wrong_usage_has_an_exit_code_of_its_own(mistaken: Run, command: list[str]) -> None:
    said = mistaken(*command)
    assert said.code == 2 and "Error" in said.err and said.out == ""


def test_after_a_mistake_nothing_was_written(mistaken: Run, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for command, _, _ in WRONG.values():
        mistaken(*command)
    after = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert after == before
