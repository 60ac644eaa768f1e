"""The battery passes what keeps the promises, and finds exactly the promise that is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conformance.broken import BROKEN, Unknown, let_go
from tests.populations import MEMBERS

from ecology import _core, checks
from ecology.backends import Backend, CallableBackend, LinearBackend, OnnxBackend, kinds
from ecology.checks import ChecksFailed, Report, Row, backend_checks, check_backend

CALLS = 40
TEXTS = ["refund my order please", "the parcel never came"]
FOLLOWS = {"replies": 9, "deterministic": 3, "threads": 1}
"""How many checks say nothing once this one failed."""


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    let_go()


def linear(root: Path) -> Backend:
    rows = _core.Features(TEXTS * 4)
    labels = np.array([0, 1] * 4, np.uint32)
    weights, bias = _core.fit_sparse(rows, labels, 2)
    _core.write_classifier(root / "small.safetensors", rows, weights, bias, ["refund", "parcel"], 1.0)
    return LinearBackend(kind="linear", path="small.safetensors")


def onnx(root: Path) -> Backend:
    from ecology.backends.onnx_head import write_head

    weights = np.linspace(-1, 1, 1024 * 2, dtype=np.float32).reshape(1024, 2)
    write_head(root / "head.onnx", weights, np.zeros(2, np.float32))
    return OnnxBackend(kind="onnx", path="head.onnx", input="features", labels=("refund", "parcel"))


def function(name: str) -> Callable[[Path], Backend]:
    def made(root: Path) -> Backend:
        (root / "models.py").write_bytes(MEMBERS.read_bytes())
        return CallableBackend(kind="callable", target=f"models:{name}")

    return made


BUILT_IN = {"linear": linear, "onnx": onnx, "sync": function("echo"), "async": function("echo_async")}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_kind_passes_everything(tmp_path: Path, name: str) -> None:
    report = check_backend(BUILT_IN[name](tmp_path), TEXTS, root=tmp_path, calls=CALLS).raise_for_failures()
    assert {row.verdict for row in report.rows} == {"passed"}
    assert [row.name for row in report.rows] == [str(check) for check in backend_checks()]


@pytest.mark.parametrize(("broken", "name", "words"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_promise_is_found_and_no_other(
    monkeypatch: pytest.MonkeyPatch, broken: type[Backend], name: str, words: str
) -> None:
    monkeypatch.setattr(kinds, "_plugged", {} if broken is Unknown else {"broken": broken})
    backend = broken.model_validate({})
    report = check_backend(backend, TEXTS, calls=CALLS, timeout_ms=2_500)
    assert [row.name for row in report.failures] == [name], str(report)
    assert words in report[name].words
    assert sum(row.verdict == "skipped" for row in report.rows) == FOLLOWS.get(name, 0), str(report)
    with pytest.raises(ChecksFailed, match=name):
        report.raise_for_failures()


def test_every_check_has_a_backend_that_breaks_it() -> None:
    assert {name for _, name, _ in BROKEN} == {str(check) for check in backend_checks()}


# --- the ways in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", backend_checks(), ids=str)
def test_one_check_alone_runs_as_a_test_of_its_own(check: checks.Check) -> None:
    report = check(str.upper, TEXTS, calls=CALLS).raise_for_failures()
    assert [row.name for row in report.rows] == [check.name]


def test_a_bare_function_is_served_and_has_no_configuration_to_check() -> None:
    report = check_backend(lambda data: {"n": len(data)}, ["a"], only=["config", "kind", "replies"])
    assert [(row.name, row.verdict) for row in report.rows] == [
        ("kind", "skipped"), ("config", "skipped"), ("replies", "passed"),
    ]  # fmt: skip


def test_a_manifest_is_asked_as_its_contract_says(tmp_path: Path) -> None:
    contract = {"tasks": ["support"], "languages": ["de"], "modalities": ["array"], "privileges": ["network"]}
    backend = {"kind": "callable", "target": "builtins:len"}
    manifest = {"name": "sizes", "timeout_ms": 500, "stage": "retired", "contract": contract, "backend": backend}
    arrays = [np.ones(3, np.float32), np.ones((5, 2), np.float32)]
    report = check_backend(manifest, arrays, root=tmp_path, calls=CALLS).raise_for_failures()
    assert report.subject == "sizes@1"


def test_who_does_not_claim_to_be_deterministic_is_not_held_to_it() -> None:
    from itertools import count

    numbers = count()
    report = check_backend(lambda data: next(numbers), TEXTS, deterministic=False, calls=CALLS).raise_for_failures()
    assert report["deterministic"] == Row("deterministic", "skipped", "it does not claim to be")
    assert report["reload"].verdict == "passed"


def test_a_check_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing"):
        check_backend(str, only=["nothing"])


def test_a_report_shows_itself_as_a_table_and_as_json() -> None:
    report = Report("a@1", (Row("one", "passed"), Row("three", "failed", "why; do this"), Row("two", "skipped", "no")))
    assert str(report).splitlines() == [
        "a@1: 1 passed, 1 failed, 1 skipped", "  passed   one", "  failed   three why; do this", "  skipped  two   no",
    ]  # fmt: skip
    assert json.loads(json.dumps(report.to_dict()))["rows"][1] == {
        "name": "three", "verdict": "failed", "words": "why; do this",
    }  # fmt: skip
    with pytest.raises(ChecksFailed) as caught:
        report.raise_for_failures()
    assert caught.value.report is report and "why; do this" in str(caught.value)
    with pytest.raises(KeyError):
        _ = report["four"]
    empty: Any = Report("a@1", ())
    assert empty.passed and str(empty) == "a@1: nothing was checked"
