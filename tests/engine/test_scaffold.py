"""What `ecology init` writes works at once, and is what `ecology check` would advise."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ecology import Reply
from ecology.engine.advisory import advise
from ecology.engine.description import Description, read_description
from ecology.engine.scaffold import FILES, scaffold
from ecology.errors import ArtifactError
from ecology.population import Role


@pytest.fixture
def written(tmp_path: Path) -> Description:
    scaffold(tmp_path / "new" / "folder")
    return read_description(tmp_path / "new" / "folder")


def ask(description: Description, model: str, text: str) -> Any:
    found = description.find(model)
    assert found is not None
    reply = found.backend.load(description.root)(text)  # type: ignore[union-attr]  # a callable backend
    return reply.output if isinstance(reply, Reply) else reply


def test_the_files_that_are_written_are_given_back(tmp_path: Path) -> None:
    paths = scaffold(tmp_path)
    assert paths == [tmp_path / name for name in FILES]
    assert all(path.stat().st_size > 500 for path in paths)


def test_a_fresh_ecology_is_valid_and_follows_its_own_advice(written: Description) -> None:
    roles = [model.role for model in written.models]
    assert (roles.count(Role.FALLBACK), roles.count(Role.SPECIALIST), len(roles)) == (1, 2, 3)
    assert advise(written) == []


@pytest.mark.parametrize(
    ("model", "text", "output"),
    [
        ("calculator", "What is 17 * 23 + 4?", "395"),
        ("calculator", "12 x 12", "144"),
        ("calculator", "three: (1 + 2) / 4", "0.75"),
        ("calculator", "15% of 2,000", "300"),
        ("calculator", "7 divided by 2 minus -1", "4.5"),
        ("order-fields", "Extract: order 12345, 3 March 2025, 12.50 EUR",
         {"orders": ["12345"], "dates": ["3 March 2025"], "amounts": ["12.50 EUR"]}),
        ("generalist", "Where is my card?", "Your new card comes by post within ten days."),
        ("generalist", "How do I cancel an order",
         "To change or cancel an order, open it in your account before it has been packed."),
        ("generalist", "Who wrote Hamlet?", "I do not know: the handbook says nothing about that."),
        ("generalist", "", "I do not know: the handbook says nothing about that."),
    ],
)  # fmt: skip
def test_the_functions_answer_what_they_are_for(written: Description, model: str, text: str, output: object) -> None:
    assert ask(written, model, text) == output


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("calculator", "Where is my card?"),
        ("calculator", "on 1/2/2025"),
        ("calculator", "1 / 0"),
        ("calculator", "9 ** 9 ** 9"),
        ("calculator", "(" * 5000 + "1 + 1"),
        ("order-fields", "Where is my card?"),
    ],
)
def test_a_specialist_that_has_nothing_to_say_raises_so_that_the_fallback_answers(
    written: Description, model: str, text: str
) -> None:
    with pytest.raises(LookupError):
        ask(written, model, text)


def test_nothing_is_overwritten_unless_it_is_forced(tmp_path: Path) -> None:
    mine = tmp_path / "models.py"
    mine.write_text("mine")
    with pytest.raises(ArtifactError) as caught:
        scaffold(tmp_path)
    assert "models.py already" in str(caught.value)
    assert (mine.read_text(), [path.name for path in tmp_path.iterdir()]) == ("mine", ["models.py"])
    scaffold(tmp_path, force=True)
    assert mine.read_text() != "mine"


def test_a_target_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot be written"):
        scaffold(tmp_path / "file")


def test_what_the_comments_suggest_is_valid_too(tmp_path: Path) -> None:
    scaffold(tmp_path)
    text = (tmp_path / "ecology.toml").read_text("utf-8")
    for commented in (
        "[policy.grants]",
        '"generalist@*"',
        "[policy.default_plan]",
        'kind = "cascade"',
        "leg_confidence",
    ):
        line = next(line for line in text.splitlines() if line.lstrip("# ").startswith(commented))
        text = text.replace(line, line.lstrip("# "))
    (tmp_path / "ecology.toml").write_text(text, "utf-8")
    assert tomllib.loads(text)["policy"]["default_plan"]["leg_confidence"] == 0.8
    assert [one.place for one in advise(read_description(tmp_path))] == ["policy.default_plan.leg_confidence"]
    written = next(line for line in text.splitlines() if line.startswith('backend = { kind = "callable"'))
    for suggested in (
        'backend = { kind = "openai"',
        'contract = { privileges = ["network"] }',
        "price = { usd_per_million",
    ):
        line = next(line for line in text.splitlines() if line.startswith(f"#   {suggested}"))
        text = text.replace(written, f"{written}\n{line[4:].partition('  ')[0]}", 1)
    text = text.replace(f"{written}\n", "").replace("price = { usd_per_call = 0 }", "", 1)
    (tmp_path / "ecology.toml").write_text(text, "utf-8")
    assert [one.place for one in advise(read_description(tmp_path))] == ["policy.default_plan.leg_confidence"]
