"""A key is read where its reference says, sent in one header, and found nowhere else."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.faults.served import BUDGET, asked, served
from tests.populations import write

from ecology import Ecology, read_description
from ecology.backends.openai import OpenAIBackend
from ecology.engine.description import check_description
from ecology.errors import AllLegsRefused, InvalidPopulation
from ecology.testing import OpenAIServer, population

KEY = "sk-very-secret-0123456789"


def violations(model: dict[str, Any], root: Path, **policy: Any) -> dict[str, str]:
    """What is wrong with a description of one model: words by place."""
    with pytest.raises(InvalidPopulation) as caught:
        check_description({"name": "t", "models": [{"name": "small"} | model], "policy": policy}, root, "t.toml")
    return {found.place: f"{found.problem} ({found.fix})" for found in caught.value.violations}


@pytest.mark.parametrize("reference", ["env:ECOLOGY_TEST_KEY", "file:key.txt"])
def test_a_key_is_sent_and_told_to_nobody(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ECOLOGY_TEST_KEY", KEY)
    (tmp_path / "key.txt").write_text(f"{KEY}\n")
    with OpenAIServer(api_key=KEY) as server:
        file = write(tmp_path, [{"name": "small"} | served(server, backend={"api_key": reference})], BUDGET)
        description = read_description(file)
        with Ecology(description) as ecology:
            told = asked(ecology, "answer")
            assert told.output and server.requests[0].authorization == f"Bearer {KEY}"
            seen = [
                description,
                ecology,
                told,
                ecology.take_events(),
                ecology.counters(),
                description.models[0].canonical(),
            ]
            backend = description.models[0].backend
            seen += [backend, backend.open(tmp_path)]  # type: ignore[union-attr]
            said = (
                "".join(map(repr, seen)) + "".join(map(str, seen)) + pickle.dumps(description.models).decode("latin-1")
            )
    assert KEY not in said and KEY not in caplog.text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_server_that_repeats_the_key_is_not_quoted(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLOGY_TEST_KEY", KEY)
    reply = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": KEY}}
    refusal = {"content": None, "refusal": f"never with {KEY}"}
    for said in (reply, refusal):
        with OpenAIServer(reply=said) as server:
            model = served(server, backend={"api_key": "env:ECOLOGY_TEST_KEY", "stream": stream})
            with population({"small": model}) as ecology:
                told = asked(ecology, "answer")
                assert told.error is not None
                assert KEY not in str(told.error) + repr(told.error) + json.dumps(ecology.take_events())


def test_a_wrong_key_is_refused_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLOGY_TEST_KEY", "sk-another")
    with (
        OpenAIServer(api_key=KEY) as server,
        population({"small": served(server, backend={"api_key": "env:ECOLOGY_TEST_KEY"})}) as ecology,
    ):
        told = asked(ecology, "answer")
    assert isinstance(told.error, AllLegsRefused) and "status 401 (invalid_api_key)" in str(told.error)


REFERENCES = {
    "env:ECOLOGY_TEST_ABSENT": "the variable is not set",
    "env:ECOLOGY_TEST_EMPTY": "it is empty",
    "env:ECOLOGY_TEST_LINES": "characters that no header may hold",
    "file:absent.txt": "it cannot be read",
    "file:.": "it cannot be read",
    "file:noise.bin": "it is not text",
    "file:umlaut.txt": "characters that no header may hold",
}


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_key_that_cannot_be_sent_is_a_violation(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOLOGY_TEST_EMPTY", " \n")
    monkeypatch.setenv("ECOLOGY_TEST_LINES", f"{KEY}\r\nx-other: 1")
    (tmp_path / "noise.bin").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "umlaut.txt").write_text(f"{KEY}ä")
    found = violations(served("http://127.0.0.1:1/v1", backend={"api_key": reference}), tmp_path)
    (place,) = found
    assert place == "models.0.backend.api_key (small@1)"
    assert REFERENCES[reference] in found[place] and reference in found[place]
    assert KEY not in found[place]


def test_a_key_in_the_description_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = violations(served("http://127.0.0.1:1/v1", backend={"api_key": KEY}), tmp_path)
    assert "env:" in found["models.0.backend.api_key (small@1)"]
    assert KEY not in str(found)
    with pytest.raises(ValidationError) as caught:
        OpenAIBackend(kind="openai", base_url="http://a/v1", model="m", api_key=KEY)
    assert KEY not in str(caught.value)


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = violations(served(f"http://user:{KEY}@127.0.0.1/v1"), tmp_path)
    assert "without a password" in found["models.0.backend.base_url (small@1)"] and KEY not in str(found)


CHANGES: dict[str, dict[str, Any]] = {
    "system": {"system": "Be brief."},
    "template": {"template": "Q: {input}\nA:"},
    "temperature": {"parameters": {"temperature": 0.1}},
    "model": {"model": "other"},
    "api": {"api": "completions"},
    "confidence": {"confidence": "joint"},
    "output": {"output": "label"},
    "address": {"base_url": "http://127.0.0.1:2/v1"},
    "name of the key": {"api_key": "env:ECOLOGY_TEST_KEY"},
}


def test_what_is_said_to_a_model_is_in_its_digest_and_the_key_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(**backend: Any) -> str:
        model = {"name": "small"} | served("http://127.0.0.1:1/v1", backend=backend)
        (read,) = check_description({"name": "t", "models": [model]}, tmp_path, "t").models
        assert read.digest is not None and read.digest.kind == "declared"
        return read.digest.value

    monkeypatch.setenv("ECOLOGY_TEST_KEY", KEY)
    digests = {name: digest(**change) for name, change in CHANGES.items()}
    assert len({digest(), *digests.values()}) == len(CHANGES) + 1
    monkeypatch.setenv("ECOLOGY_TEST_KEY", f"{KEY}-rotated")
    assert digest(**CHANGES["name of the key"]) == digests["name of the key"], "a key may change under the same model"
