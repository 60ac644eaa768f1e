"""An ecology that was opened before a fork serves in each child, whatever its threads were doing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.living.programs import HEAD, OPENED, ended, population, run
from tests.populations import model

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

CHILD = """
def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""

ANSWERS = """
def answers():
    assert e.answer("hi", model="echo").output == "hi"
    assert e.answer("hi", model="where-am-i").output == "hi"
    assert e.answer("hi", model="process").output == str(os.getpid())
    async def main():
        return (await e.aanswer("hi", model="where-am-i")).output
    assert asyncio.run(main()) == "hi"
"""


@pytest.mark.parametrize("used", ["", "answers()\n"], ids=["unused", "used"])
def test_a_child_answers_with_members_of_every_place(tmp_path: Path, used: str) -> None:
    population(tmp_path)
    assert ended(run(tmp_path, OPENED + CHILD + ANSWERS + used + "child(answers)\nanswers()\n")) == (0, "7", "")


def test_children_are_made_and_answer_while_threads_of_the_parent_are_inside_answer(tmp_path: Path) -> None:
    population(tmp_path)
    hammer = """
stop = threading.Event()
def hammer(name):
    while not stop.is_set():
        e.answer("x", model=name)
def hammer_loop():
    async def main():
        while not stop.is_set():
            await asyncio.gather(*(e.aanswer("x", model="sleepy") for _ in range(4)))
    asyncio.run(main())
threads = [threading.Thread(target=hammer, args=(name,)) for name in ("sleepy", "where-am-i")]
threads.append(threading.Thread(target=hammer_loop))
for thread in threads:
    thread.start()
time.sleep(0.1)
for _ in range(12):
    child(answers)
stop.set()
for thread in threads:
    thread.join()
"""
    assert ended(run(tmp_path, OPENED + CHILD + ANSWERS + hammer)) == (0, "\n".join(["7"] * 12), "")


def test_a_child_begins_with_nothing_spent_and_keeps_generation_and_digest(tmp_path: Path) -> None:
    population(tmp_path, model("echo", price={"usd_per_call": 0.01}), budgets={"team": {"usd": 0.025}})
    code = """
from ecology.errors import BudgetExhausted
def spend():
    e.answer("hi", account="team"); e.answer("hi", account="team")
    try:
        e.answer("hi", account="team")
    except BudgetExhausted:
        return
    raise AssertionError("the budget does not bind")
e.reload()
spend()
before = (e.generation, e.digest)
def work():
    assert sum(row["committed"] for row in e.accounts()) == 0 and e.counters() == []
    assert (e.generation, e.digest) == before and before[0] == 2
    spend()
    assert e.event_counts() == (2, 0)
    assert e.reload() == 3
child(work)
assert e.generation == 2 and e.event_counts()[0] == 2
"""
    assert ended(run(tmp_path, OPENED + CHILD + code)) == (0, "7", "")


def test_a_reload_that_the_fork_cut_off_does_not_hold_up_the_child(tmp_path: Path) -> None:
    population(tmp_path)
    code = """
from ecology.engine import serving
from ecology.engine.loop_thread import LoopThread
e.answer("hi", model="where-am-i")
def hold():
    with e._swapping, serving.opening(), LoopThread._lock:
        time.sleep(60)
threading.Thread(target=hold, daemon=True).start()
time.sleep(0.2)
def work():
    answers()
    assert e.reload() == 2
child(work)
os._exit(0)
"""
    assert ended(run(tmp_path, OPENED + CHILD + ANSWERS + code)) == (0, "7", "")


def test_a_kind_that_was_being_registered_at_the_fork_does_not_hold_up_the_child(tmp_path: Path) -> None:
    code = """
from typing import Literal
from ecology.backends import Backend, find, kinds, register
class Late(Backend):
    kind: Literal["late"]
    def load(self, root):
        return str
def hold():
    with kinds._lock:
        time.sleep(60)
threading.Thread(target=hold, daemon=True).start()
time.sleep(0.2)
def work():
    signal.alarm(20)
    register(Late)
    assert find("late") is Late
child(work)
os._exit(0)
"""
    assert ended(run(tmp_path, HEAD + CHILD + code)) == (0, "7", "")


@pytest.mark.parametrize("use", ["", "e.answer('hi', model='echo')", "e.answer('hi', model='where-am-i')", "e.close()"])
@pytest.mark.parametrize("leave", ["sys.exit(7)", "os._exit(7)"])
def test_a_child_exits_in_every_way(tmp_path: Path, use: str, leave: str) -> None:
    population(tmp_path)
    code = f"""
e.answer("hi", model="sleepy"); e.answer("hi", model="where-am-i")
pid = os.fork()
if pid == 0:
    {use}
    {leave}
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert e.answer("hi", model="where-am-i").output == "hi"
sys.exit(code)
"""
    assert ended(run(tmp_path, OPENED + code)) == (7, "", "")


def test_a_child_of_a_child_answers(tmp_path: Path) -> None:
    population(tmp_path)
    code = "def again():\n    answers()\n    child(answers)\nchild(again)\n"
    assert ended(run(tmp_path, OPENED + CHILD + ANSWERS + code)) == (0, "7\n7", "")


def test_a_fork_inside_a_running_loop_leaves_the_child_free_to_exit(tmp_path: Path) -> None:
    population(tmp_path)
    code = """
async def main():
    waiting = asyncio.create_task(e.aanswer("hi", model="hang"))
    await asyncio.sleep(0.05)
    pid = os.fork()
    if pid == 0:
        del waiting
        e.answer("hi", model="echo")
        os._exit(7)
    sys.stdout.write(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    waiting.cancel()
asyncio.run(main())
"""
    assert ended(run(tmp_path, OPENED + code)) == (0, "7", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_workers_answer(tmp_path: Path, method: str) -> None:
    population(tmp_path)
    program = (
        HEAD
        + f"""
import multiprocessing
e = None
def start(folder):
    global e
    e = e or eco.Ecology.open(folder)
def work(text):
    return e.answer(text, model="where-am-i").output
if __name__ == "__main__":
    if {method!r} == "fork":
        start(".")
        e.answer("hi", model="where-am-i")
    with multiprocessing.get_context({method!r}).Pool(2, start, (".",)) as pool:
        print(pool.map(work, ["a", "b", "c"]))
        pool.close()
        pool.join()
"""
    )
    (tmp_path / "program.py").write_text(program)
    code = f"import subprocess, sys\nsys.exit(subprocess.run([{sys.executable!r}, 'program.py']).returncode)\n"
    assert ended(run(tmp_path, code)) == (0, "['a', 'b', 'c']", "")
