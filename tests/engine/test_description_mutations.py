"""Whatever happens to a description, it is read or it is refused; no other error comes out, and nothing is lost."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecology.engine.advisory import advise
from ecology.engine.description import Description, parse_description
from ecology.engine.place import Loc
from ecology.engine.salvage import Population, read
from ecology.errors import InvalidPopulation, Violation

TEXT = """
name = "support"
[[models]]
name = "small"
version = "1"
timeout_ms = 50
role = "specialist"
tier = "small"
stage = "active"
family = "bow"
fallback = "large"
backend = { kind = "callable", target = "builtins:repr" }
contract = { tasks = ["support"], output = "label", labels = ["a", "b"], privileges = ["files"] }
price = { usd_per_call = 0 }
[[models]]
name = "large"
timeout_ms = 900
role = "fallback"
tier = "large"
backend = { kind = "onnx", path = "no/such/file.onnx", labels = ["a"] }
stage = "retired"
digest = { value = "sha256:0000000000000000000000000000000000000000000000000000000000000000", kind = "declared" }
[policy]
baseline = "large"
allow = ["*"]
deny = ["x@*"]
log_text = "none"
default_plan = { kind = "adaptive", decision_confidence = 0.7 }
grants = { "small@*" = ["files"] }
[policy.defaults]
deadline_ms = 500
[policy.plans.support]
kind = "cascade"
first = "small"
then = "large"
leg_confidence = 0.8
[policy.budgets.team]
usd = 1.5
[policy.routing]
min_decision_confidence = 0.6
[[policy.routing.rules]]
name = "long"
prefer = "large"
min_words = 100
"""
DOCUMENT = tomllib.loads(TEXT)
WORDS = [
    "small", "large", "large@1", "nobody", "any", "support", "linear", "onnx", "callable", "cascade", "direct", "kind",
    "shadow", "retired", "router", "judge", "x@*", "name", "path", "timeout_ms", "files", "", "\x00", "a" * 300, "..",
    "builtins:str", "json:nothing", "sha256:",
]  # fmt: skip
SCALARS = (
    st.sampled_from(WORDS)
    | st.text(max_size=8)
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**63 - 1, -(2**63), 1e308, 0.5, 1.0, float("nan"), float("inf"), -0.0])
    | st.dates()
    | st.times()
    | st.datetimes()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
)


def places(node: Any, loc: Loc = ()) -> list[Loc]:
    inside: list[Any] = list(node.items()) if isinstance(node, dict) else []
    inside += list(enumerate(node)) if isinstance(node, list) else []
    return [loc, *(found for key, value in inside for found in places(value, (*loc, key)))]


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """The valid document after a few changes: values replaced, removed, added, doubled, keys renamed."""
    document = copy.deepcopy(DOCUMENT)
    for _ in range(draw(st.integers(1, 4))):
        last: Any
        *path, last = draw(st.sampled_from(places(document)[1:]))
        node: Any = document
        for piece in path:
            node = node[piece]
        match draw(st.sampled_from(["replace", "remove", "add", "double", "rename"])):
            case "replace":
                node[last] = draw(VALUES)
            case "remove":
                del node[last]
            case "double" if isinstance(node, list):
                node.append(copy.deepcopy(node[last]))
            case "rename" if isinstance(node, dict):
                node[draw(st.sampled_from(WORDS) | st.text(max_size=5))] = node.pop(last)
            case _ if isinstance(node, dict):
                node[draw(st.sampled_from(WORDS))] = draw(VALUES)
        if len(places(document)) < 2:
            break
    return document


def outcome(text_or_document: str | dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Description | list[Violation]:
    """What parsing gives; a document is put in the place of a parsed text."""
    try:
        if isinstance(text_or_document, str):
            return parse_description(text_or_document, "/nonexistent", "mutant")
        with monkeypatch.context() as patched:
            patched.setattr("ecology.engine.description.parse_toml", lambda _text, _source: text_or_document)
            return parse_description("", "/nonexistent", "mutant")
    except InvalidPopulation as error:
        assert str(error)
        return list(error.violations)


FREELY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_what_is_mutated_is_valid_to_begin_with() -> None:
    description = parse_description(TEXT, "/nonexistent", "x")
    assert isinstance(description, Description)
    assert advise(description)


@FREELY
@given(mutants())
@example({"models": [{"name": "a", "timeout_ms": 1, "backend": {"kind": "callable", "target": "builtins:repr"}}]})
@example({"models": [3, {"name": []}, {}], "policy": 3})
def test_a_mutated_document_is_read_or_refused(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]) -> None:
    found = outcome(document, monkeypatch)
    if isinstance(found, Description):
        assert all(advice.place and advice.fix for advice in advise(found))
        return
    assert found and all(violation.place and violation.problem for violation in found)
    assert len(set(found)) == len(found)


@FREELY
@given(mutants())
def test_what_is_salvaged_keeps_the_place_of_every_model(document: dict[str, Any]) -> None:
    reading = read(document)
    given_models = document.get("models")
    if isinstance(given_models, list) and ("models",) not in reading.refused:
        assert len(reading.population.models) == len(given_models)
    else:
        assert reading.findings
    assert isinstance(reading.population, Population)


@FREELY
@given(st.data())
def test_a_mutated_text_is_read_or_refused(monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT)))
    end = data.draw(st.integers(start, min(len(TEXT), start + 40)))
    middle = data.draw(st.text(max_size=12) | st.sampled_from(["[", "]", '"', "'''", "=", "\n", "1e999", "0x", "\r"]))
    found = outcome(TEXT[:start] + middle + TEXT[end:], monkeypatch)
    assert isinstance(found, Description) or found
