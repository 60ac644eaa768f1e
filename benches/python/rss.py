"""Whether a process that serves for long stays as small as it was: memory, threads and file descriptors.

    python benches/python/rss.py [answers]

Requests of every kind take turns: inline and on threads, on the package's loop and on the caller's, cancelled, timed
out, refused by a budget, refused as a request, failing, and now and then a reload. One line per 10,000; the last one
is the slope of a straight line through the second half, since the first fills caches and the queue of events.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import ecology as eco
from ecology import _core
from ecology.policy import Budget

ROWS_EACH = 10_000
MIB = 1 << 20

MODELS = """
import asyncio

def echo(data):
    return data

async def echo_async(data):
    await asyncio.sleep(0)
    return data

async def sleeps(data):
    await asyncio.sleep(60)

def fails(data):
    raise LookupError("nothing to say")
"""

DESCRIPTION = """
name = "rss"
[[models]]
name = "linear"
timeout_ms = 60000
backend = { kind = "linear", path = "linear.safetensors" }
price = { usd_per_call = 0 }
"""

CALLABLE = """
[[models]]
name = "{name}"
timeout_ms = 60000
backend = {{ kind = "callable", target = "models:{name}" }}
price = {{ usd_per_call = 0.001 }}
"""

POLICY = """
[policy.budgets]
team = { usd = 1000000000 }
"""


@dataclass(frozen=True)
class Row:
    """What the process holds after so many answers."""

    answers: int
    rss_mib: float
    threads: int
    files: int


def write(folder: Path) -> None:
    """A population with a member of every place."""
    (folder / "models.py").write_text(MODELS)
    names = ("echo", "echo_async", "sleeps", "fails")
    (folder / "ecology.toml").write_text(DESCRIPTION + "".join(CALLABLE.format(name=name) for name in names) + POLICY)
    rows = _core.Features(["where is my card", "what is the weather"] * 8)
    weights, bias = _core.fit_sparse(rows, np.array([0, 1] * 8, dtype=np.uint32), 2)
    _core.write_classifier(folder / "linear.safetensors", rows, weights, bias, ["card", "weather"], 1.0)


async def turn(ecology: eco.Ecology) -> int:
    """About a hundred requests of every kind; gives how many."""

    def refused(error: type[Exception], **stated: object) -> None:
        try:
            ecology.answer("hi", account="team", **stated)  # type: ignore[arg-type]
        except error:
            return
        raise AssertionError(f"{stated} was not refused")

    def blocking() -> int:
        for n in range(20):
            ecology.answer(f"where is card {n}", model="linear")
            ecology.answer(f"number {n}", model="echo", account="team")
        for n in range(5):
            ecology.answer([{"role": "user", "content": f"turn {n}"}], model="echo_async")
        refused(eco.EcologyError, model="fails")
        refused(eco.EcologyError, model="sleeps", deadline_ms=1)
        refused(eco.EcologyError, model="echo", budget=Budget(usd=0.0001))
        refused(eco.EcologyError, model="nobody")
        refused(eco.EcologyError, deadline_ms=-1.0)
        return 50

    answered = await asyncio.to_thread(blocking)
    names = ["echo", "echo_async", "linear"] * 13
    await asyncio.gather(*(ecology.aanswer("hi", model=name) for name in names))
    cancelled = [asyncio.create_task(ecology.aanswer("hi", model="sleeps", account="team")) for _ in range(10)]
    await asyncio.sleep(0)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
    try:
        await ecology.aanswer("hi", model="sleeps", deadline_ms=1)
    except eco.EcologyError:
        answered += 1
    return answered + len(names) + len(cancelled)


def standing(answers: int) -> Row:
    """Now."""
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        rss = int(statm.read_text().split()[1]) * resource.getpagesize()
        threads, files = len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    else:
        rss, threads, files = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0, 0
    return Row(answers, rss / MIB, threads, files)


def rows(ecology: eco.Ecology, answers: int, every: int) -> Iterator[Row]:
    """One row for each `every` answers."""
    done = shown = 0
    with asyncio.Runner() as runner:
        while done < answers:
            done += runner.run(turn(ecology))
            if done // every > shown:
                shown = done // every
                ecology.take_events(1 << 20)
                ecology.reload()
                yield standing(done)


def slope_mib(found: list[Row]) -> float:
    """MiB per 10,000 answers, by least squares over the second half."""
    half = found[len(found) // 2 :]
    xs, ys = [row.answers / ROWS_EACH for row in half], [row.rss_mib for row in half]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0


def main() -> None:
    """Print the rows and the slope."""
    answers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        with eco.Ecology.open(folder) as ecology:
            found = []
            print(f"{'answers':>8} {'RSS MiB':>8} {'threads':>8} {'files':>6}")
            for row in rows(ecology, answers, min(ROWS_EACH, max(1, answers // 10))):
                found.append(row)
                print(f"{row.answers:8} {row.rss_mib:8.1f} {row.threads:8} {row.files:6}", flush=True)
    print(f"slope of the second half: {slope_mib(found):+.2f} MiB per {ROWS_EACH} answers")


if __name__ == "__main__":
    main()
