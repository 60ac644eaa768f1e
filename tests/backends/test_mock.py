"""A scripted member in a description: what it says, how it fails, and that it is the same each time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.populations import describe, held, model, serve

from ecology import Ecology, read_description
from ecology.backends.mock import MockBackend, MockFault
from ecology.backends.mock_member import MockMember
from ecology.engine.advisory import advise
from ecology.errors import AllLegsFailed, DeadlineExceeded

ASK = "Where is my money?"


def mocked(name: str = "mock", **backend: Any) -> dict[str, Any]:
    """A model with a mock behind it."""
    return model(name) | {"backend": {"kind": "mock"} | backend, "timeout_ms": 100}


def outcomes(**backend: Any) -> list[str]:
    """What forty calls give: an output, or the error's name."""
    member, found = MockMember(MockBackend(kind="mock", **backend), 1), []
    for _ in range(40):
        try:
            found.append(str(member.answer(ASK).output))
        except (ConnectionError, LookupError) as error:
            found.append(type(error).__name__)
    return found


@pytest.mark.parametrize("place", ["thread", "loop"])
def test_replies_go_in_turn_after_what_is_known_by_its_text(tmp_path: Path, place: str) -> None:
    backend = {"replies": ["a", {"label": "b"}], "answers": {"ping": "pong"}, "place": place}
    with serve(tmp_path, mocked(**backend)) as ecology:
        said = [ecology.answer(text).output for text in ("x", "ping", "x", "x")]
    assert said == ["a", "pong", {"label": "b"}, "a"]


def test_without_a_script_the_input_comes_back_with_what_is_stated(tmp_path: Path) -> None:
    with serve(tmp_path, mocked(confidence=0.75, tokens_in=3, tokens_out=4)) as ecology:
        answer = ecology.answer(ASK)
    assert answer.output == ASK and answer.confidence == 0.75


def test_replies_may_end(tmp_path: Path) -> None:
    with serve(tmp_path, mocked(replies=["only"], after="raise")) as ecology:
        assert ecology.answer(ASK).output == "only"
        with pytest.raises(AllLegsFailed, match="1 replies, and all are said"):
            ecology.answer(ASK)
    with pytest.raises(ValidationError, match="no replies to come after"):
        MockBackend(kind="mock", after="raise")


FAILING = ["raise", "nan", "nan_confidence", "wrong_label", "wrong_type", "wrong_tokens", "hang"]


@pytest.mark.parametrize("place", ["thread", "loop"])
@pytest.mark.parametrize("fault", FAILING)
def test_a_fault_fails_the_leg_and_settles_it(tmp_path: Path, fault: str, place: str) -> None:
    contract = {"output": "label", "labels": ["refund"]}
    mock = mocked(replies=["refund"], faults=[fault, "none"], place=place) | {"contract": contract}
    with serve(tmp_path, mock) as ecology:
        began = time.monotonic()
        with pytest.raises((AllLegsFailed, DeadlineExceeded)):
            ecology.answer(ASK)
        assert time.monotonic() - began < 10
        assert held(ecology) == 0
        assert ecology.answer(ASK).output == "refund"


def test_every_fault_is_tried_above() -> None:
    assert {*FAILING, "none"} == set(MockFault)


def test_a_thread_that_hangs_comes_back_by_itself() -> None:
    member = MockMember(MockBackend(kind="mock", faults=("hang",)), timeout_ms=20)

    def hang() -> None:
        with pytest.raises(TimeoutError):
            member.answer(ASK)

    thread = threading.Thread(target=hang)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    some = {"faults": ("raise",), "fault_share": 0.5}
    first, again, other = outcomes(**some), outcomes(**some), outcomes(**some, seed=1)
    assert first == again != other
    assert 5 < first.count("ConnectionError") < 35


def test_many_threads_get_each_reply_once() -> None:
    member = MockMember(MockBackend(kind="mock", replies=tuple(range(100)), after="raise"), 1)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(member.answer(ASK).output for _ in range(10))) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(100))


def test_the_digest_is_declared_and_covers_the_script(tmp_path: Path) -> None:
    one, same, other = (
        describe(tmp_path, mocked(replies=[reply])).models[0].digest for reply in ("refund", "refund", "card")
    )
    assert one is not None and one.kind == "declared"
    assert one == same != other


def test_check_warns_of_a_mock_that_serves(tmp_path: Path) -> None:
    (tmp_path / "ecology.toml").write_text(
        '[[models]]\nname = "a"\ntimeout_ms = 9000\nbackend = { kind = "mock", replies = ["x"] }\n'
    )
    description = read_description(tmp_path)
    assert "it is a mock" in " ".join(map(str, advise(description)))
    with Ecology(description) as ecology:
        assert ecology.answer(ASK).output == "x"
