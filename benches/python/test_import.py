"""What importing costs over a bare interpreter. To hold: `import ecology` at most 60 ms over bare Python."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

TURNS = 7


@pytest.mark.parametrize(
    "statement",
    [
        "import ecology",
        "from ecology import Router",
        "from ecology import Ecology",
        "import ecology; ecology.majority",
    ],
)
def test_import(benchmark, statement: str) -> None:
    """A fresh process each; `over_bare_ms` is the difference of the best of several, taken in turns."""
    bare, loaded = [], []
    for _ in range(TURNS):
        bare.append(_run("pass"))
        loaded.append(_run(statement))
    benchmark.extra_info["over_bare_ms"] = round((min(loaded) - min(bare)) * 1e3, 1)
    benchmark.pedantic(_run, args=(statement,), rounds=3)


def _run(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - began
