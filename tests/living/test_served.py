"""Members that hold connections or sessions, in processes that fork, and in processes that exit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.living.programs import LONG_MS, OPENED, ended, population, run
from tests.living.test_exit import PHASES, exits
from tests.living.test_fork import CHILD
from tests.populations import model

from ecology.backends.onnx_head import write_head
from ecology.testing import Hang, OpenAIServer, Phase

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with OpenAIServer(
        models={"small": "refund", "silent": "x"}, faults={"silent": Hang(Phase.BEFORE_HEADERS)}
    ) as server:
        yield server.base_url


def asks(base_url: str, served: str) -> dict[str, object]:
    """A model of the server, under the name that the server has for it."""
    return model(served, backend={"kind": "openai", "base_url": base_url, "model": served}, timeout_ms=LONG_MS)


@FORKS
@pytest.mark.parametrize("used", ["", "answers()\n"], ids=["unused", "used"])
def test_parent_and_children_ask_a_server_over_connections_of_their_own(
    tmp_path: Path, base_url: str, used: str
) -> None:
    population(tmp_path, asks(base_url, "small"))
    answers = """
def answers():
    async def main():
        replies = await asyncio.gather(*(e.aanswer("hi") for _ in range(4)))
        return {reply.output for reply in replies}
    for _ in range(3):
        assert e.answer("hi").output == "refund"
    assert asyncio.run(main()) == {"refund"}
"""
    program = OPENED + CHILD + answers + used + "child(answers)\nanswers()\nchild(answers)\nanswers()\n"
    assert ended(run(tmp_path, program)) == (0, "7\n7", "")


@FORKS
def test_a_child_is_made_and_asks_while_the_parent_waits_for_a_server(tmp_path: Path, base_url: str) -> None:
    population(tmp_path, asks(base_url, "small"), asks(base_url, "silent"))
    waits = """
async def wait():
    await asyncio.gather(*(e.aanswer("hi", model="silent", deadline_ms=1500) for _ in range(3)), return_exceptions=True)
def wait_here():
    try:
        e.answer("hi", model="silent", deadline_ms=1500)
    except eco.EcologyError as error:
        assert type(error).__name__ == "DeadlineExceeded"
threads = [threading.Thread(target=wait_here), threading.Thread(target=lambda: asyncio.run(wait()))]
for thread in threads:
    thread.start()
time.sleep(0.3)
def answers():
    assert e.answer("hi", model="small").output == "refund"
child(answers)
answers()
for thread in threads:
    thread.join()
print([row["reserved"] for row in e.accounts() if row["reserved"]])
"""
    assert ended(run(tmp_path, OPENED + CHILD + waits)) == (0, "7\n[]", "")


def onnx_head(folder: Path, threads: int = 1) -> dict[str, object]:
    """A head of two labels, in `head.onnx`."""
    write_head(folder / "head.onnx", np.eye(2, dtype="f4"), np.zeros(2, "f4"))
    backend = {"kind": "onnx", "path": "head.onnx", "labels": ["no", "yes"], "threads": threads}
    return model("head", backend=backend, contract={"modalities": ["array"]}, timeout_ms=LONG_MS)


ONNX = """
import numpy as np
def answers():
    for row, label in ((np.array([[3, 0]], "f4"), "no"), (np.array([[0, 3]], "f4"), "yes")):
        assert e.answer(row).output == label
"""


@FORKS
@pytest.mark.parametrize("threads", [1, 2])
def test_an_onnx_session_is_opened_again_in_a_child(tmp_path: Path, threads: int) -> None:
    population(tmp_path, onnx_head(tmp_path, threads))
    program = OPENED + CHILD + ONNX + "answers()\nchild(answers)\nanswers()\n"
    assert ended(run(tmp_path, program)) == (0, "7", "")


@FORKS
@pytest.mark.parametrize(
    ("harm", "words"),
    [("os.remove('head.onnx')", "head.onnx"), ("open('head.onnx', 'ab').write(b'x')", "head.onnx")],
    ids=["gone", "changed"],
)
def test_a_child_says_what_it_cannot_open_again_and_tries_anew(tmp_path: Path, harm: str, words: str) -> None:
    population(tmp_path, onnx_head(tmp_path))
    program = f"""
from ecology.errors import Forked
whole = open("head.onnx", "rb").read()
def harmed():
    {harm}
    try:
        answers()
    except Forked as error:
        assert "{words}" in str(error) and error.violations, error
    else:
        raise AssertionError("it served what is not there")
    open("head.onnx", "wb").write(whole)
    answers()
child(harmed)
answers()
"""
    assert ended(run(tmp_path, OPENED + CHILD + ONNX + program)) == (0, "7", "")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("served", ["small", "silent"])
async def test_a_process_exits_cleanly_while_it_asks_a_server(
    tmp_path: Path, base_url: str, phase: str, served: str
) -> None:
    population(tmp_path, asks(base_url, served))
    for pause_s in (0.0, 0.02, 0.1):
        program = OPENED + PHASES[phase].format(kind=served, pause_s=pause_s) + "sys.exit(7)\n"
        assert await exits(tmp_path, program) == (7, ""), pause_s
