"""A member in a process of its own: what it may, how its legs fail, and that nothing of it outlives its ecology."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import ecology as eco
from ecology.backends import Backend, kinds
from ecology.checks import check_backend
from ecology.checks.child import in_child
from ecology.engine.description import parse_description
from ecology.errors import AllLegsFailed, DeadlineExceeded, InvalidPopulation
from ecology.isolation import pool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

MEMBERS = Path(__file__).with_name("members.py")
LIMITS: dict[str, Any] = {"memory_mb": 1024}


def text_of(target: str, timeout_ms: int, contract: str, limits: dict[str, Any]) -> str:
    shown = ", ".join(f"{key} = {value!r}" for key, value in (LIMITS | limits).items())
    return (
        f'[[models]]\nname = "a"\ntimeout_ms = {timeout_ms}\nisolation = "process"\nlimits = {{ {shown} }}\n'
        f'contract = {{ modalities = ["text", "json", "array"]{contract} }}\n'
        f'backend = {{ kind = "callable", target = "confined:{target}" }}\n'
    )


def describe(root: Path, target: str = "obey", timeout_ms: int = 20_000, **limits: Any) -> eco.Description:
    shutil.copy(MEMBERS, root / "confined.py")
    return parse_description(text_of(target, timeout_ms, "", limits), root, "ecology.toml")


@contextmanager
def serving(root: Path, target: str = "obey", timeout_ms: int = 20_000, **limits: Any) -> Iterator[eco.Ecology]:
    with eco.Ecology(describe(root, target, timeout_ms, **limits)) as ecology:
        yield ecology


def fault(ecology: eco.Ecology, data: Any) -> str:
    with pytest.raises(AllLegsFailed) as caught:
        ecology.answer(data)
    [leg] = caught.value.legs
    return f"{leg['outcome']} {leg['fault']}"


def gone(pid: int, limit_s: float = 10.0) -> bool:
    return until(lambda: not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in _status(pid), limit_s)


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "\nState:\tZ"


def until(holds: Callable[[], bool], limit_s: float = 10.0) -> bool:
    ends = time.monotonic() + limit_s
    while not holds() and time.monotonic() < ends:
        time.sleep(0.01)
    return holds()


# --- as if it ran here -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", ["text ✓ \0", {"a": [1, 2.5, None, True, "ä"]}, [1, 2], [{"role": "user", "content": "hi"}]]
)
@pytest.mark.parametrize("target", ["echo", "echo_async"])
def test_an_isolated_member_answers_as_one_in_this_process(tmp_path: Path, target: str, data: Any) -> None:
    with serving(tmp_path, target) as ecology:
        assert ecology.answer(data).output == data
        assert "confined" not in " ".join(sys.modules), "its code is imported in its own process only"


def test_arrays_and_replies_pass_whole(tmp_path: Path) -> None:
    with serving(tmp_path, "array") as ecology:
        given = np.arange(6, dtype=np.int16).reshape(2, 3).T
        output = ecology.answer(given).output
        assert output.dtype == np.float32 and output.tolist() == (given * 2).tolist()
    with serving(tmp_path, "sure") as ecology:
        answer = ecology.answer("four")
        [leg] = answer.attribution["legs"]
        assert (answer.output, answer.confidence, leg["tokens_in"], leg["tokens_out"]) == ({"n": 4}, 0.5, 3, 4)


def test_an_isolated_backend_passes_the_conformance_battery(tmp_path: Path) -> None:
    model = describe(tmp_path, "echo").models[0]
    report = check_backend(model, ["one", "two"], root=tmp_path, calls=40).raise_for_failures()
    assert {row.verdict for row in report.rows} == {"passed"}


@pytest.mark.parametrize("workers", [1, 2])
def test_as_many_legs_run_at_once_as_there_are_workers(tmp_path: Path, workers: int) -> None:
    with serving(tmp_path, workers=workers) as ecology:
        slow = threading.Thread(target=lambda: fault_of_deadline(ecology, 4_000), daemon=True)
        slow.start()
        time.sleep(0.5)
        if workers == 2:
            assert isinstance(ecology.answer("pid").output, int)
        else:
            fault_of_deadline(ecology, 200, "pid")
        assert slow.is_alive()
        slow.join(30)


def fault_of_deadline(ecology: eco.Ecology, deadline_ms: float, data: str = "sleep") -> None:
    with pytest.raises(DeadlineExceeded):
        ecology.answer(data, deadline_ms=deadline_ms)


class Loud(Backend):
    """Known to this process alone, by its class."""

    kind: Literal["loud"]

    def load(self, root: Path) -> Callable[[Any], Any]:
        home = os.getpid()
        return lambda data: [data.upper(), home]


def test_a_registered_class_is_imported_by_its_process_when_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "_plugged", {"loud": Loud})
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loud.py").write_text(Path(__file__).read_text())
    text = '[[models]]\nname = "a"\ntimeout_ms = 9000\nisolation = "process"\nbackend = { kind = "loud" }\n'
    monkeypatch.setattr(Loud, "__module__", "loud")
    with eco.Ecology(parse_description(text, tmp_path, "ecology.toml")) as ecology:
        [said, home] = ecology.answer("hi").output
        assert said == "HI" and home != os.getpid()
    monkeypatch.setattr(Loud, "__module__", "__main__")
    with pytest.raises(InvalidPopulation, match="put it at the top of a module"):
        eco.Ecology(parse_description(text, tmp_path, "ecology.toml"))


def test_an_onnx_member_runs_in_its_process_within_the_usual_limits(tmp_path: Path) -> None:
    from ecology.backends.onnx_head import write_head

    write_head(tmp_path / "head.onnx", np.eye(3, 2, dtype=np.float32), np.zeros(2, np.float32))
    text = (
        '[[models]]\nname = "a"\ntimeout_ms = 20000\nisolation = "process"\ncontract = { modalities = ["array"] }\n'
        'backend = { kind = "onnx", path = "head.onnx", labels = ["one", "two"] }\n'
    )
    with eco.Ecology(parse_description(text, tmp_path, "ecology.toml")) as ecology:
        assert ecology.answer(np.array([[0, 5, 0]], np.float32)).output == "two"


# --- how its legs fail -------------------------------------------------------------------------------------


def test_at_its_deadline_it_is_killed_and_the_next_leg_has_another(tmp_path: Path) -> None:
    with serving(tmp_path) as ecology:
        pid = ecology.answer("pid").output
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            ecology.answer("sleep", deadline_ms=200)
        assert time.monotonic() - started < 2
        assert gone(pid)
        assert ecology.answer("pid").output != pid


@pytest.mark.parametrize(
    ("data", "words", "lives"),
    [
        ("segv", "failed WorkerDied: its process was ended by SIGSEGV", False),
        ("exit", "failed WorkerDied: its process ended with exit code 7", False),
        ("sys.exit", "failed MemberRaised: SystemExit: 7", True),
        ("memory", "failed MemberRaised: MemoryError", True),
        ("object", "failed MemberRaised: TypeError", True),
        ("garbage", "failed BadFrame: the reply has", False),
        ("huge", "failed BadFrame: the reply has 3145", False),
        ("files", "failed MemberRaised: OSError: [Errno 24]", True),
        ("write", "failed MemberRaised: OSError: [Errno 27]", True),
        ("spin", "failed WorkerDied: its process was ended by SIGXCPU", False),
    ],
)
def test_what_goes_wrong_fails_the_leg_in_words_and_nothing_else(
    tmp_path: Path, data: str, words: str, lives: bool
) -> None:
    with serving(tmp_path, reply_mb=2, cpu_s=1) as ecology:
        pid = ecology.answer("pid").output
        assert fault(ecology, data).startswith(words)
        assert lives or gone(pid)
        assert (ecology.answer("pid").output == pid) is lives


def test_what_it_prints_is_no_reply(tmp_path: Path) -> None:
    with serving(tmp_path) as ecology:
        assert ecology.answer("print").output == "done"


def test_one_that_dies_at_every_leg_is_started_a_bounded_number_of_times(tmp_path: Path) -> None:
    with serving(tmp_path) as ecology:
        faults = [fault(ecology, "exit") for _ in range(pool.STARTS + 2)]
        assert "WorkerDied" in faults[0]
        assert "WorkerRests: its process was started 8 times in 10 s" in faults[-1]


# --- what it may -------------------------------------------------------------------------------------------


def test_it_has_no_environment_descriptors_or_session_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORTED_IN", "the parent")
    with Path(tmp_path, "open.txt").open("w") as opened:
        os.set_inheritable(opened.fileno(), True)
        with serving(tmp_path) as ecology:
            assert set(ecology.answer("secrets").output) <= {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LC_CTYPE"}
            state = ecology.answer("state").output
    assert state["sid"] == state["pid"] != os.getpid() and state["privileges"] == "1"
    assert state["limits"] == {"RLIMIT_CORE": [0, 0], "RLIMIT_AS": [1 << 30, 1 << 30]}
    assert set(state["opened"]) <= {"/dev/null", "pipe", "/proc/"} | {f"/proc/{state['pid']}/fd"}


@pytest.mark.parametrize("network", ["none", "inherit"])
def test_it_reaches_a_server_of_this_machine_only_with_the_network_inherited(tmp_path: Path, network: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, serving(tmp_path, network=network) as ecology:
        port = server.getsockname()[1]
        if network == "none":
            assert "Network is unreachable" in fault(ecology, f"connect {port}")
            return

        def greet() -> None:
            with server.accept()[0] as stream:
                stream.sendall(b"hello")

        greeter = threading.Thread(target=greet, daemon=True)
        greeter.start()
        assert ecology.answer(f"connect {port}").output == "hello"
        greeter.join(10)


OPEN = """
import sys
import ecology as eco
try:
    with eco.Ecology.open(sys.argv[1]) as ecology:
        print(ecology.answer("x").output)
except eco.EcologyError as error:
    print(error)
"""


@pytest.mark.skipif(
    subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False).returncode != 0,
    reason="no namespaces here in which others could be forbidden",
)
@pytest.mark.parametrize(("network", "words"), [("none", "the kernel does not permit"), ("inherit", "done")])
def test_where_the_kernel_permits_no_namespace_opening_is_refused_unless_the_network_is_inherited(
    tmp_path: Path, network: str, words: str
) -> None:
    shutil.copy(MEMBERS, tmp_path / "confined.py")
    (tmp_path / "ecology.toml").write_text(text_of("obey", 20_000, "", {"network": network}))
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces; echo 0 > /proc/sys/user/max_net_namespaces; "
    command = ["unshare", "-Ur", "sh", "-c", forbid + 'exec "$0" -c "$1" "$2"', sys.executable, OPEN, str(tmp_path)]
    path = {"PYTHONPATH": str(Path(eco.__file__).parents[1])}
    ran = subprocess.run(command, env=os.environ | path, capture_output=True, text=True, timeout=120, check=True)
    assert words in ran.stdout
    assert (network == "inherit") or 'network = "inherit"' in ran.stdout


# --- how long it lives -------------------------------------------------------------------------------------


def test_closing_an_ecology_ends_its_processes(tmp_path: Path) -> None:
    with serving(tmp_path) as ecology:
        pid = ecology.answer("pid").output
    del ecology
    gc.collect()
    assert gone(pid)


def test_the_end_of_the_thread_that_opened_it_is_not_the_end_of_its_process(tmp_path: Path) -> None:
    opened: list[eco.Ecology] = []
    thread = threading.Thread(target=lambda: opened.append(eco.Ecology(describe(tmp_path))))
    thread.start()
    thread.join(60)
    [ecology] = opened
    with ecology:
        pid = ecology.answer("pid").output
        time.sleep(0.2)
        assert ecology.answer("pid").output == pid


MIDWAY = """
import os, sys, threading, time
import ecology as eco
ecology = eco.Ecology.open(sys.argv[1])
print(ecology.answer("pid").output, flush=True)
def asked():
    try:
        ecology.answer("sleep")
    except eco.EcologyError:
        pass
threading.Thread(target=asked, daemon=True).start()
time.sleep(0.3)
if sys.argv[2] == "hang":
    time.sleep(60)
"""


@pytest.mark.parametrize("how", ["exit", "hang"])
def test_the_end_of_the_interpreter_leaves_no_orphan(tmp_path: Path, how: str) -> None:
    shutil.copy(MEMBERS, tmp_path / "confined.py")
    (tmp_path / "ecology.toml").write_text(text_of("obey", 30_000, "", {}))
    path = {"PYTHONPATH": str(Path(eco.__file__).parents[1])}
    command = [sys.executable, "-c", MIDWAY, str(tmp_path), how]
    with subprocess.Popen(command, env=os.environ | path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if how == "hang":
            time.sleep(0.5)
            parent.send_signal(signal.SIGKILL)
        _, said = parent.communicate(timeout=60)
    assert gone(pid)
    assert (parent.returncode, said) == ((0, b"") if how == "exit" else (-signal.SIGKILL, b""))


def test_a_forked_process_starts_its_own(tmp_path: Path) -> None:
    with serving(tmp_path) as ecology:
        pid = ecology.answer("pid").output

        def work() -> str:
            with serving(tmp_path) as fresh:
                return str(fresh.answer("pid").output)

        ended = in_child(work, 60)
        assert ended.said.isdigit() and int(ended.said) != pid, ended
        assert gone(int(ended.said))
        assert ecology.answer("pid").output == pid


# --- where it makes no sense -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "place", "words"),
    [
        ('isolation = "process"\nbackend = { kind = "linear", path = "confined.py" }', "isolation", "the core runs it"),
        (
            'limits = { cpu_s = 3 }\nbackend = { kind = "callable", target = "builtins:str" }',
            "limits",
            "nothing holds it",
        ),
        (
            'isolation = "proces"\nbackend = { kind = "callable", target = "builtins:str" }',
            "isolation",
            "not one of the choices",
        ),
        (
            'isolation = "process"\nlimits = { cpus = 3 }\nbackend = { kind = "callable", target = "builtins:str" }',
            "limits.cpus",
            "there is no such key",
        ),
    ],
)
def test_isolation_that_means_nothing_is_a_violation(tmp_path: Path, facts: str, place: str, words: str) -> None:
    shutil.copy(MEMBERS, tmp_path / "confined.py")
    with pytest.raises(InvalidPopulation) as caught:
        parse_description(f'[[models]]\nname = "a"\ntimeout_ms = 5\n{facts}\n', tmp_path, "ecology.toml")
    found = {one.place: one.problem for one in caught.value.violations}
    assert words in found[f"models.0.{place} (a@1)"]


def test_a_member_that_cannot_be_loaded_is_said_at_its_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidPopulation) as caught:
        eco.Ecology(describe(tmp_path, "absent"))
    [violation] = caught.value.violations
    assert violation.place == "models.0 (a@1)" and "has no absent" in violation.problem


def test_the_digest_covers_isolation_and_its_limits(tmp_path: Path) -> None:
    isolated, tighter = describe(tmp_path).models[0], describe(tmp_path, cpu_s=3).models[0]
    plain = isolated.model_copy(update={"isolation": "none", "limits": None})
    assert len({isolated.identity(), tighter.identity(), plain.identity()}) == 3
    assert "isolation" not in plain.canonical()
