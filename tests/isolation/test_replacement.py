"""A process that takes the place of another loads its member at once, and answers however late or soon it is asked."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ecology as eco
from ecology.isolation.faults import StillStarting, WorkerKilled
from ecology.isolation.frames import pack, tree
from ecology.isolation.limits import ProcessLimits
from ecology.isolation.pool import Pool
from ecology.isolation.process import OpeningRefused, Setup, Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

MEMBERS = Path(__file__).with_name("members.py")
LATER_S = 3600.0
LIMIT_S = 60.0


def in_s(seconds: float) -> float:
    return time.monotonic() + seconds


def setup(root: Path, target: str = "confined:obey", start_s: int = 60) -> Setup:
    shutil.copy(MEMBERS, root / "confined.py")
    (root / "endless.py").write_text("import time\ntime.sleep(600)\n")
    return Setup({"kind": "callable", "target": target}, None, root, ProcessLimits(memory_mb=1024, start_s=start_s))


@contextmanager
def started(told: Setup) -> Iterator[Worker]:
    worker = Worker(told)
    try:
        yield worker
    finally:
        worker.kill()


def speaks(worker: Worker) -> bool:
    """Whether it says something that nobody has asked for."""
    return bool(select.select([worker._out], [], [], LIMIT_S)[0])


def test_after_a_kill_the_next_is_loaded_before_it_is_asked_and_answers_however_late(tmp_path: Path) -> None:
    pool = Pool(setup(tmp_path))
    try:
        pool.open()
        [before] = pool.pids
        with pytest.raises(WorkerKilled):
            pool("sleep", 0.2)
        [worker] = pool._state._idle
        assert worker.pid != before
        assert speaks(worker), "it is loaded without a leg"
        worker._begun -= LATER_S  # as if nobody had asked it for an hour
        assert pool("pid", LIMIT_S).output == worker.pid
    finally:
        pool._state.close()


@pytest.mark.parametrize("size", [10, 300_000, 3_000_000])
def test_legs_that_are_shorter_than_its_start_leave_it_whole_however_long_its_setup(tmp_path: Path, size: int) -> None:
    mock = {"kind": "mock", "replies": ["ok"], "answers": {"k": "x" * size}}
    with started(Setup(mock, None, tmp_path, ProcessLimits(memory_mb=1024))) as worker:
        ends, early = in_s(LIMIT_S), 0
        while time.monotonic() < ends:
            try:
                worker.ready(in_s(0.005))
                break
            except StillStarting:
                early += 1
        assert early, "no leg was shorter than its start"
        reply = worker.ask(pack({"leg": tree("k")[0]}), in_s(LIMIT_S))
        assert reply.output == "x" * size


def test_one_that_is_ready_when_the_time_of_its_leg_is_over_is_kept_for_the_next(tmp_path: Path) -> None:
    with started(setup(tmp_path)) as worker:
        assert speaks(worker)
        with pytest.raises(StillStarting, match="ask again"):
            worker.ready(in_s(-1))
        worker.ready(in_s(-1))
        assert worker.ask(pack({"leg": tree("pid")[0]}), in_s(LIMIT_S)).output == worker.pid


def test_one_that_is_not_ready_in_time_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with started(setup(tmp_path, "endless:f", start_s=1)) as worker:
        with pytest.raises(StillStarting):
            worker.ready(in_s(0.05))
        with pytest.raises(OpeningRefused) as caught:
            worker.ready(in_s(LIMIT_S))
        assert (caught.value.problem, caught.value.fix[:20]) == (
            "its process was not ready within 1 s",
            "raise limits.start_s",
        )


def test_what_it_refused_is_said_however_late_it_is_asked(tmp_path: Path) -> None:
    with started(setup(tmp_path, "confined:absent")) as worker:
        assert speaks(worker)
        worker._begun -= LATER_S
        with pytest.raises(OpeningRefused, match="has no absent"):
            worker.ready(in_s(LIMIT_S))


CLOSED = """
import os, sys
from pathlib import Path
from ecology.isolation.limits import ProcessLimits
from ecology.isolation.pool import Pool
from ecology.isolation.process import Setup
os.close(0), os.close(2)
mock = {"kind": "mock", "replies": ["served"]}
pool = Pool(Setup(mock, None, Path(sys.argv[1]), ProcessLimits(memory_mb=1024)))
pool.open()
print(pool("x", 60).output)
"""


def test_a_process_without_standard_streams_starts_workers(tmp_path: Path) -> None:
    path = {"PYTHONPATH": str(Path(eco.__file__).parents[1])}
    command = [sys.executable, "-c", CLOSED, str(tmp_path)]
    ran = subprocess.run(command, env=os.environ | path, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, "served\n")
