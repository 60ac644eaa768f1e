"""Three members at once, and a thousand times three of which some hang.

Ours is `answer()` or `aanswer()` of an adaptive plan that asks three: the whole journey, each leg with a timeout of its
own. The others only start three calls and wait for them.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import uvloop
from contest import Contender, Contest, Hold

from ecology import Ecology, _core
from ecology.errors import NotYet
from jobs.timing import calls, one_by_one

MEMBERS = """
import asyncio
count = 0
def sync(data): return "yes"
async def quick(data): return "yes"
async def sometimes(data):
    if data.endswith("hang"): await asyncio.sleep(3600)
    return "yes"
"""
WHOLE = "the whole journey of a request with three legs, a timeout each"
PLAN = 'default_plan = { kind = "adaptive", decision_confidence = 1.0, coalition = 3, max_fallbacks = 0 }'


@contextmanager
def contests(turn: int) -> Iterator[list[Contest]]:
    """The rows of dispatch."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _classifier(root / "small.safetensors")
        native = _population(root / "native", 'kind = "linear", path = "../small.safetensors"', 1000)
        sync = _population(root / "sync", 'kind = "callable", target = "models:sync"', 1000)
        quick = _population(root / "quick", 'kind = "callable", target = "models:quick"', 1000)
        hanging = _population(root / "hanging", 'kind = "callable", target = "models:sometimes"', 50)
        with native, sync, quick, hanging:
            yield [_native(native, turn), _threads(sync, turn), _coroutines(quick, turn), _late(hanging)]


def _classifier(path: Path) -> None:
    rows, labels = _core.Features(["yes", "no"]), np.array([0, 1], "u4")
    weights, bias = _core.fit_sparse(rows, labels, 2)
    _core.write_classifier(path, rows, weights, bias, ["yes", "no"], 1.0)


def _population(root: Path, backend: str, timeout_ms: int) -> Ecology:
    root.mkdir()
    (root / "models.py").write_text(MEMBERS, "utf-8")
    models = "".join(
        f'[[models]]\nname = "{name}"\ntimeout_ms = {timeout_ms}\nprice = {{ usd_per_call = 0 }}\n'
        f"backend = {{ {backend} }}\n"
        for name in "abc"
    )
    (root / "ecology.toml").write_text(f'name = "bench"\n{models}[policy]\n{PLAN}\n', "utf-8")
    return Ecology.open(root)


async def _nothing() -> str:
    return "yes"


async def _waited() -> int:
    done, _ = await asyncio.wait([asyncio.ensure_future(_nothing()) for _ in range(3)])
    return len(done)


async def _bounded() -> int:
    async def one() -> str:
        async with asyncio.timeout(1):
            return await _nothing()

    done, _ = await asyncio.wait([asyncio.ensure_future(one()) for _ in range(3)])
    return len(done)


def _looped(name: str, what: str, call: Callable[[], Awaitable[object]], turn: int, fast: bool = True) -> Contender:
    async def main() -> float:
        return await one_by_one(call, turn)

    return Contender(name, what, lambda: (uvloop.run if fast else asyncio.run)(main()))


def _native(ecology: Ecology, turn: int) -> Contest:
    assert len(ecology.answer("yes").attribution["legs"]) == 3
    return Contest(
        "dispatch of 3 native members",
        "µs a dispatch",
        [
            _looped("aanswer(), uvloop", WHOLE, lambda: ecology.aanswer("yes"), turn),
            Contender("answer()", WHOLE, lambda: calls(lambda: ecology.answer("yes"), turn)),
            _looped("uvloop wait", "three coroutines that return at once; no timeouts", _waited, turn),
            _looped("uvloop timeouts", "the same with a timeout each", _bounded, turn),
            _looped("asyncio wait", "three coroutines that return at once; no timeouts", _waited, turn, False),
        ],
        [Hold("uvloop wait", 1.0)],
    )


def _threads(ecology: Ecology, turn: int) -> Contest:
    pool = ThreadPoolExecutor(3)

    def by_pool() -> None:
        wait([pool.submit(str, "yes") for _ in range(3)])

    assert len(ecology.answer("yes").attribution["legs"]) == 3
    return Contest(
        "dispatch of 3 Python functions",
        "µs a dispatch",
        [
            Contender("answer()", WHOLE, lambda: calls(lambda: ecology.answer("yes"), turn)),
            Contender("thread pool", "three functions on three threads; no timeouts", lambda: calls(by_pool, turn)),
        ],
        [Hold("thread pool", 1.2)],
    )


def _coroutines(ecology: Ecology, turn: int) -> Contest:
    return Contest(
        "dispatch of 3 Python coroutines",
        "µs a dispatch",
        [
            _looped("aanswer(), asyncio", WHOLE, lambda: ecology.aanswer("yes"), turn, False),
            _looped("asyncio wait", "three coroutines that return at once; no timeouts", _waited, turn, False),
            _looped("asyncio timeouts", "the same with a timeout each", _bounded, turn, False),
        ],
        [Hold("asyncio wait", 1.2)],
    )


IN_FLIGHT, HUNG, TIMEOUT_S = 1000, 0.02, 0.05


def _late(ecology: Ecology) -> Contest:
    """How late the hung ones return: µs after their timeout, p99; one that is early is an error of its own."""
    every = round(1 / HUNG)

    async def ours(hangs: bool) -> None:
        # On a busy machine the loop itself may need longer than the timeout, and one that hangs not is cut off too.
        with suppress(NotYet):
            await ecology.aanswer("please hang" if hangs else "please")

    async def by_hand(hangs: bool) -> None:
        async def one() -> None:
            async with asyncio.timeout(TIMEOUT_S):
                await (asyncio.sleep(3600) if hangs else _nothing())

        await asyncio.gather(one(), one(), one(), return_exceptions=True)

    def contender(name: str, what: str, call: Callable[[bool], Awaitable[None]], fast: bool) -> Contender:
        async def timed(at: int) -> float | None:
            hangs = at % every == 0
            began = time.perf_counter()
            await call(hangs)
            return time.perf_counter() - began - TIMEOUT_S if hangs else None

        async def main() -> float:
            late = [each for each in await asyncio.gather(*(timed(at) for at in range(IN_FLIGHT))) if each is not None]
            assert not (name.startswith("aanswer") and min(late) < 0), f"{-min(late) * 1e6:.0f} µs early"
            return sorted(late)[int(0.99 * len(late))] * 1e6

        return Contender(name, what, lambda: (uvloop.run if fast else asyncio.run)(main()))

    return Contest(
        f"{IN_FLIGHT:,} dispatches of 3 in flight, {HUNG:.0%} hung, {TIMEOUT_S * 1e3:g} ms timeout: how late, p99",
        "µs late",
        [
            contender("aanswer(), asyncio", WHOLE, ours, False),
            contender("aanswer(), uvloop", WHOLE, ours, True),
            contender("asyncio timeouts", "three coroutines with a timeout each", by_hand, False),
            contender("uvloop timeouts", "three coroutines with a timeout each", by_hand, True),
        ],
        [Hold("asyncio timeouts", 1.0), Hold("uvloop timeouts", 1.0)],
    )
