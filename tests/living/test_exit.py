"""The process exits as it was told, whatever is under way, without a word on standard error."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.living.programs import OPENED, ended, population, run
from tests.populations import model

KINDS = ["echo", "sleepy", "hang", "block", "where-am-i", "hang-async", "block-async"]
PAUSES_S = [0.0, 0.001, 0.02, 0.1]
ROUNDS = 2

SPINNING = """
def spin():
    while True:
        try:
            e.answer("x", model="{kind}")
        except eco.EcologyError:
            pass
for _ in range(2):
    threading.Thread(target=spin, daemon=True).start()
time.sleep({pause_s})
"""

SPINNING_LOOP = """
async def main():
    while True:
        await asyncio.gather(*(e.aanswer("x", model="{kind}") for _ in range(3)))
threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
time.sleep({pause_s})
"""

PENDING = """
async def main():
    pending = [asyncio.create_task(e.aanswer("x", model="{kind}")) for _ in range(5)]
    await asyncio.sleep({pause_s})
asyncio.run(main())
"""

TIMED_OUT = """
try:
    e.answer("x", model="{kind}", deadline_ms=30)
except eco.EcologyError:
    pass
time.sleep({pause_s})
"""

PHASES = {"spinning": SPINNING, "spinning loop": SPINNING_LOOP, "pending": PENDING, "timed out": TIMED_OUT}

PROGRAMS = [
    OPENED + phase.format(kind=kind, pause_s=pause_s) + "sys.exit(7)\n"
    for phase in PHASES.values()
    for kind in KINDS
    for pause_s in PAUSES_S
    # A member that blocks the caller's own loop blocks the caller: nobody can help.
    if not (kind == "block-async" and phase == PENDING)
] * ROUNDS


async def exits(folder: Path, program: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=folder, stderr=asyncio.subprocess.PIPE, env=os.environ.copy()
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, "it hangs"
    return process.returncode, errors.decode()


async def test_two_hundred_exits_in_every_phase_are_clean(tmp_path: Path) -> None:
    assert len(PROGRAMS) >= 200
    population(tmp_path)
    at_once = asyncio.Semaphore(2)

    async def one(program: str) -> tuple[str, int | None, str] | None:
        async with at_once:
            code, errors = await exits(tmp_path, program)
        return None if (code, errors) == (7, "") else (program, code, errors)

    found = await asyncio.gather(*(one(program) for program in PROGRAMS))
    assert [one for one in found if one is not None] == []


@pytest.mark.parametrize("kind", ["sleepy", "where-am-i"])
def test_a_thread_that_is_no_daemon_gets_its_answer_before_the_process_exits(tmp_path: Path, kind: str) -> None:

    population(tmp_path)
    code = f"threading.Thread(target=lambda: print(e.answer('hi', model='{kind}').output)).start()\n"
    assert ended(run(tmp_path, OPENED + code)) == (0, "hi", "")


def test_a_handler_at_exit_may_still_ask(tmp_path: Path) -> None:

    population(tmp_path)
    code = "import atexit\natexit.register(lambda: print(e.answer('hi', model='sleepy').output))\n"
    assert ended(run(tmp_path, OPENED + code)) == (0, "hi", "")


def test_a_loop_that_is_closed_over_a_request_gives_its_budget_back(tmp_path: Path) -> None:
    population(tmp_path, model("hang", timeout_ms=60_000, price={"usd_per_call": 0.5}), budgets={"team": {"usd": 1}})
    code = """
async def main():
    global waiting
    waiting = asyncio.create_task(e.aanswer("x", account="team"))
    await asyncio.sleep(0.05)
asyncio.run(main())
print(sum(row["reserved"] for row in e.accounts()), [row["cancelled"] for row in e.counters()])
"""
    assert ended(run(tmp_path, OPENED + code)) == (0, "0 [1, 1]", "")
