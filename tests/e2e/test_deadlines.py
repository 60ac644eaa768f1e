"""A hung member never delays an answer past its time, and holds nothing.

Time is asserted with ten-fold slack: what must be over after 100 ms has to be over within a second; and nothing may
give up before its time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.populations import describe, held, members, model, ranked_by_price, write

import ecology as eco
from ecology.errors import AllLegsFailed, DeadlineExceeded

LIMIT_MS = 100
LONG_MS = 30_000
ALONE = {"kind": "direct", "max_fallbacks": 0}
DOUBT = {"kind": "adaptive", "decision_confidence": 1.0}
HUNG = ["hang", "hang_async"]


@contextmanager
def serving(root: Path, *models: dict[str, Any], **policy: Any) -> Iterator[eco.Ecology]:
    """A population whose hung threads are let go at the end."""
    with eco.Ecology(describe(root, *models, **policy)) as ecology:
        module = members(ecology)
        try:
            yield ecology
        finally:
            module.RELEASE.set()


@contextmanager
def takes(at_least_ms: float = 0.0) -> Iterator[None]:
    started = time.monotonic()
    yield
    took_ms = (time.monotonic() - started) * 1e3
    # A millisecond for clocks that do not tick together.
    assert at_least_ms - 1 <= took_ms < 10 * LIMIT_MS


def ask(ecology: eco.Ecology, blocking: bool, **stated: Any) -> eco.Answer:
    if blocking:
        return ecology.answer("hi", account="team", **stated)

    async def once() -> eco.Answer:
        return await ecology.aanswer("hi", account="team", **stated)

    return asyncio.run(once())


BOTH = pytest.mark.parametrize("blocking", [True, False], ids=["answer", "aanswer"])
EACH = pytest.mark.parametrize("function", HUNG)


@EACH
@BOTH
def test_the_deadline_cuts_off_a_member_that_has_more_time(tmp_path: Path, function: str, blocking: bool) -> None:
    budgets = {"team": {"usd": 1}}
    price = {"usd_per_million_tokens_out": 1.0}
    hung = model("hung", function, timeout_ms=LONG_MS, price=price, max_output_tokens=64)
    with serving(tmp_path, hung, budgets=budgets) as ecology:
        with takes(LIMIT_MS), pytest.raises(DeadlineExceeded) as caught:
            ask(ecology, blocking, deadline_ms=LIMIT_MS)
        assert caught.value.deadline_ms == LIMIT_MS
        [leg] = caught.value.legs
        assert (leg["model"], leg["outcome"], leg["fault"]) == ("hung@1", "timed_out", None)
        assert "hung@1" in str(caught.value) and "allow more time" in str(caught.value)
        # What it used is unknown, so it is charged the most that it could have.
        assert (held(ecology), leg["tokens_out"], leg["cost_usd"]) == (0, 64, pytest.approx(64e-6))
        [row] = [row for row in ecology.counters() if row["model"] == "hung@1"]
        assert (row["calls"], row["timed_out"], row["ok"]) == (1, 1, 0)
        assert LIMIT_MS * 1e6 <= row["latency_ns"] < 10 * LIMIT_MS * 1e6


@EACH
@BOTH
def test_a_timeout_inside_the_deadline_leaves_time_for_the_fallback(
    tmp_path: Path, function: str, blocking: bool
) -> None:
    models = ranked_by_price(model("hung", function, timeout_ms=LIMIT_MS), model("echo"))
    with serving(tmp_path, *models) as ecology:
        with takes(LIMIT_MS):
            answer = ask(ecology, blocking, deadline_ms=LONG_MS)
        assert (answer.output, answer.ending) == ("hi", "fell_back")
        assert [leg["outcome"] for leg in answer.attribution["legs"]] == ["timed_out", "ok"]
        assert held(ecology) == 0


@EACH
@BOTH
def test_a_timeout_with_nobody_behind_it_is_no_missed_deadline(tmp_path: Path, function: str, blocking: bool) -> None:
    with serving(tmp_path, model("hung", function, timeout_ms=LIMIT_MS), default_plan=ALONE) as ecology:
        with takes(LIMIT_MS), pytest.raises(AllLegsFailed) as caught:
            ask(ecology, blocking, deadline_ms=LONG_MS)
        assert [leg["outcome"] for leg in caught.value.legs] == ["timed_out"]
        assert "hung@1: timed_out\n" in str(caught.value)


@EACH
@BOTH
@pytest.mark.parametrize(("timeout_ms", "deadline_ms"), [(LIMIT_MS, LONG_MS), (LONG_MS, LIMIT_MS)])
def test_a_hung_member_beside_a_good_one_only_costs_its_own_time(
    tmp_path: Path, function: str, blocking: bool, timeout_ms: int, deadline_ms: int
) -> None:
    models = ranked_by_price(model("hung", function, timeout_ms=timeout_ms), model("sure"))
    with serving(tmp_path, *models, default_plan=DOUBT) as ecology:
        with takes():
            answer = ask(ecology, blocking, deadline_ms=deadline_ms)
        assert answer.output == "sure"
        outcomes = {leg["model"]: leg["outcome"] for leg in answer.attribution["legs"]}
        assert outcomes["sure@1"] == "ok" and outcomes["hung@1"] in ("timed_out", "cancelled")
        assert held(ecology) == 0


@EACH
@BOTH
def test_an_escalation_that_hangs_leaves_the_first_reply(tmp_path: Path, function: str, blocking: bool) -> None:
    models = ranked_by_price(model("unsure"), model("hung", function, timeout_ms=LONG_MS))
    with serving(tmp_path, *models, default_plan={"kind": "cascade", "leg_confidence": 0.5}) as ecology:
        with takes(LIMIT_MS):
            answer = ask(ecology, blocking, deadline_ms=LIMIT_MS)
        assert (answer.output, answer.ending) == ("unsure", "escalation_failed")


@BOTH
def test_a_member_that_comes_back_in_time_is_not_given_up_early(tmp_path: Path, blocking: bool) -> None:
    with serving(tmp_path, model("a", "scripted_a", timeout_ms=LONG_MS)) as ecology:
        module = members(ecology)

        def released(_: Any) -> str:
            module.STARTED.set()
            module.RELEASE.wait()
            return "in time"

        module.SCRIPT["a"] = released
        module.RELEASE.set()
        assert ask(ecology, blocking, deadline_ms=10 * LIMIT_MS).output == "in time"


@EACH
@BOTH
def test_hung_members_do_not_stand_in_the_way_of_later_requests(tmp_path: Path, function: str, blocking: bool) -> None:
    with serving(tmp_path, model("hung", function, timeout_ms=LONG_MS), model("echo"), model("echo-async")) as ecology:
        for _ in range(20):
            with takes():
                with pytest.raises(DeadlineExceeded):
                    ask(ecology, blocking, deadline_ms=10, model="hung")
                assert ask(ecology, blocking, deadline_ms=LONG_MS, model="echo").output == "hi"
                assert ask(ecology, blocking, deadline_ms=LONG_MS, model="echo-async").output == "hi"
            assert held(ecology) == 0
        [row] = [row for row in ecology.counters() if row["model"] == "hung@1"]
        assert row["timed_out"] == 20


def test_an_async_member_past_its_time_is_cancelled_on_the_loop(tmp_path: Path) -> None:
    with serving(tmp_path, model("hung", "hang_async", timeout_ms=LONG_MS)) as ecology:

        async def once() -> list[Any]:
            with pytest.raises(DeadlineExceeded):
                await ecology.aanswer("hi", deadline_ms=20)
            await asyncio.sleep(0)
            return list(members(ecology).SEEN)

        assert asyncio.run(once()) == ["started", "cancelled"]


def test_the_deadline_may_come_from_the_budget_or_from_the_policy(tmp_path: Path) -> None:
    hung = model("hung", "hang", timeout_ms=LONG_MS)
    with serving(tmp_path, hung, defaults={"deadline_ms": 50}) as ecology:
        for stated, deadline_ms in (({}, 50), ({"budget": eco.Budget(deadline_ms=20)}, 20), ({"deadline_ms": 30}, 30)):
            with takes(deadline_ms), pytest.raises(DeadlineExceeded) as caught:
                ecology.answer("hi", **stated)
            assert caught.value.deadline_ms == deadline_ms
        both = eco.Request(input="hi", budget=eco.Budget(deadline_ms=LONG_MS), deadline_ms=25)
        with takes(25), pytest.raises(DeadlineExceeded) as caught:
            ecology.answer(both)
        assert caught.value.deadline_ms == 25


def test_a_deadline_of_centuries_is_no_problem(tmp_path: Path) -> None:
    with serving(tmp_path, model("echo", "echo_async"), model("sync", "echo")) as ecology:
        for name in ("echo", "sync"):
            for blocking in (True, False):
                assert ask(ecology, blocking, deadline_ms=1e300, model=name).output == "hi"


INTERRUPTED = """
import json, sys, threading, time
import ecology as eco
from tests.populations import held, members

ecology = eco.Ecology.open(sys.argv[1])
module = members(ecology)

def tell():
    module.STARTED.wait()
    # The member runs; now the main thread has to be back in the core, where it blocks.
    while sys._current_frames()[threading.main_thread().ident].f_code.co_name != "answer":
        time.sleep(0.001)
    print("blocked", flush=True)

threading.Thread(target=tell, daemon=True).start()
try:
    ecology.answer("hi", account="team")
    raised = "nothing"
except BaseException as error:
    raised = type(error).__name__
[row] = [row for row in ecology.counters() if row["model"] == "hung@1"]
print(json.dumps({"raised": raised, "held": held(ecology), "cancelled": row["cancelled"]}), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent as on POSIX")
@EACH
def test_control_c_ends_a_blocked_answer_and_leaves_nothing_reserved(tmp_path: Path, function: str) -> None:
    hung = model("hung", function, timeout_ms=LONG_MS)
    file = write(tmp_path, [hung], {"budgets": {"team": {"usd": 1}}})
    command = [sys.executable, "-c", INTERRUPTED, str(file)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "blocked\n"
            with takes():
                child.send_signal(signal.SIGINT)
                found = json.loads(child.stdout.readline())
            assert found == {"raised": "KeyboardInterrupt", "held": 0, "cancelled": 1}
            # The hung thread does not keep the process.
            assert child.wait(timeout=10) == 0
        finally:
            child.kill()
