"""Whatever pydantic reports becomes a sentence with a fix; and what the sentences lean on is complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core.core_schema import ErrorType

from ecology.backends import Backend, known
from ecology.engine.keys import clean, fields, kinds
from ecology.engine.salvage import STANDINS, Population
from ecology.engine.translation import EXAMPLES, PATTERNS, SENTENCES, translate
from ecology.policy.routing import TaskType

TASKS = Path(__file__).parents[2] / "rust" / "core" / "src" / "text" / "task.rs"


def models(expected: Any = Population) -> Iterator[type[BaseModel]]:
    """Every pydantic model that a description is made of."""
    seen: set[type[BaseModel]] = set()
    waiting: list[Any] = [expected]
    while waiting:
        here = waiting.pop()
        if here is Backend:
            waiting += known().values()
        if isinstance(here, type) and issubclass(here, BaseModel) and here not in seen:
            seen.add(here)
            yield here
            waiting += [field.annotation for field in here.model_fields.values()]
        waiting += get_args(here)


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_every_kind_of_error_has_a_sentence_and_a_fix(kind: str) -> None:
    contexts: tuple[dict[str, Any], ...] = (
        {},
        {"error": ValueError("it is odd"), "tag": "x", "expected": "'a' or 'b'", "ge": 0, "gt": 0.5},
    )
    for context, given in product(contexts, [None, 1.5, "text", [], {}, float("nan"), object()]):
        error = {"type": kind, "loc": ("models", 0, "name"), "msg": "Input should be odd", "input": given}
        found = translate(error | {"ctx": context}, Population)
        assert found.loc[:3] == ("models", 0, "name")
        assert found.problem and found.fix
        assert "Input should" not in found.problem


def test_every_sentence_belongs_to_a_kind_that_exists() -> None:
    assert set(SENTENCES) <= set(get_args(ErrorType))


def test_the_search_for_models_finds_them_all() -> None:
    names = {model.__name__ for model in models()}
    assert names >= {"Manifest", "Contract", "Digest", "OnnxBackend", "Policy", "Cascade", "Rule", "Budget", "Limits"}


def test_every_mandatory_key_has_an_example_and_every_pattern_an_explanation() -> None:
    for model in models():
        for name, field in model.model_fields.items():
            assert not field.is_required() or name in EXAMPLES, f"{model.__name__}.{name}"
            patterned = "pattern=" in repr(field.metadata)
            assert not patterned or name in PATTERNS, f"{model.__name__}.{name}"


def test_every_stand_in_is_for_a_mandatory_key() -> None:
    mandatory = {name for model in models() for name, field in model.model_fields.items() if field.is_required()}
    assert set(STANDINS) <= mandatory


def test_a_path_through_a_union_is_the_path_that_was_written() -> None:
    path, expected = clean(Population, ("models", 3, "backend", "linear", "path"))
    assert path == ("models", 3, "backend", "path")
    path, expected = clean(Population, ("policy", "plans", "cascade", "cascade", "first"))
    assert path == ("policy", "plans", "cascade", "first")
    assert set(kinds(clean(Population, ("policy", "default_plan"))[1])) == {"direct", "cascade", "adaptive"}
    assert "usd" in fields(clean(Population, ("policy", "budgets", "all"))[1])
    assert clean(Population, ("nothing", "like", 1))[1] is None
    assert expected is not None


@pytest.mark.skipif(not TASKS.exists(), reason="the sources of the core are not here")
def test_the_task_types_are_those_of_the_core() -> None:
    body = re.search(r"pub enum TaskType \{(.*?)\n\}", TASKS.read_text("utf-8"), re.DOTALL)
    assert body is not None
    variants = re.findall(r"^    ([A-Z]\w+)(?:,| =)", body[1], re.MULTILINE)
    assert [re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in variants] == list(get_args(TaskType))
