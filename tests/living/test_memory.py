"""A process that serves for long stays as small as it was. The long run is `benches/python/rss.py`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import ecology as eco

ANSWERS = 6_000
MOST_MIB_PER_10_000 = 10.0
"""Ten times what is asked of the long run."""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_memory_threads_and_files_stay_flat_over_requests_of_every_kind(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "benches" / "python" / "rss.py"
    spec = importlib.util.spec_from_file_location("rss_bench", path)
    assert spec is not None and spec.loader is not None
    bench = sys.modules["rss_bench"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    bench.write(tmp_path)
    with eco.Ecology.open(tmp_path) as ecology:
        found = list(bench.rows(ecology, ANSWERS, ANSWERS // 6))
    assert len(found) >= 5
    assert bench.slope_mib(found) < MOST_MIB_PER_10_000
    half = found[len(found) // 2 :]
    assert half[-1].threads <= half[0].threads + 2
    assert half[-1].files <= half[0].files + 2
