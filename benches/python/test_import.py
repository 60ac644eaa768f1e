"""What importing costs over a bare interpreter. To hold: `import ecology` at most 60 ms over bare Python."""

from __future__ import annotations

import os
import sys
import time

import pytest

TURNS = 7


@pytest.mark.parametrize(
    "statement",
    [
        "import ecology",
        "from ecology import majority",
        "from ecology import Router",
        "from ecology import Ecology",
    ],
)
def test_import(benchmark, statement: str) -> None:
    """A fresh process each; the differences are between the best of several, taken in turns. On a busy machine the
    processor's time is the one to read."""
    bare, loaded = [], []
    for _ in range(TURNS):
        bare.append(_run("pass"))
        loaded.append(_run(statement))
    for at, name in enumerate(("over_bare_ms", "cpu_over_bare_ms")):
        difference = min(run[at] for run in loaded) - min(run[at] for run in bare)
        benchmark.extra_info[name] = round(difference * 1e3, 1)
    print(f"{statement}: {benchmark.extra_info}")
    benchmark.pedantic(_run, args=(statement,), rounds=3)


def _run(statement: str) -> tuple[float, float]:
    """Wall and processor time of one interpreter, in seconds."""
    began = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", statement], os.environ)
    _, status, used = os.wait4(child, 0)
    assert status == 0, statement
    return time.perf_counter() - began, used.ru_utime + used.ru_stime
