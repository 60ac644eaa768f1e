"""A million outcomes of a hundred thousand prompts: how long the table takes, and how much memory it holds.

python benches/outcomes.py [prompts [models]]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from ecology import Outcomes
from ecology.routing.matrix import split_by_prompt


def timed(name: str, work: Callable[[], Any]) -> Any:
    before, cpu = time.perf_counter(), time.process_time()
    made = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter() - before, time.process_time() - cpu
    print(f"{name:<34} {wall:7.2f} s {cpu:7.2f} s of CPU   peak {peak:6.0f} MB", flush=True)
    return made


def main(prompts: int = 100_000, models: int = 10) -> None:
    rng = np.random.default_rng(0)
    words = [
        f"Question {n}: how do I mend the thing number {n * 7919 % 10007} of kind {n % 97}?" for n in range(prompts)
    ]
    names = [f"model-{m}@1" for m in range(models)]
    columns: dict[str, Any] = {
        "prompt": [word for word in words for _ in names],
        "model": names * prompts,
        "score": rng.random(prompts * models),
        "cost_usd": rng.random(prompts * models),
        "latency_ms": rng.random(prompts * models) * 1000,
        "task": [f"task {n % 20}" for n in range(prompts) for _ in names],
    }
    print(f"{prompts * models:,} outcomes of {prompts:,} prompts, {models} models")
    table = timed("columns", lambda: Outcomes.read(columns))
    held = (
        table.prompt_codes.nbytes
        + table.model_codes.nbytes
        + sum(table.numbers(n).nbytes for n in ("score", "cost_usd", "latency_ms"))
    )
    texts = sum(map(sys.getsizeof, words))
    print(f"{'held by the table':<34} {held / 1e6:7.0f} MB of arrays, {texts / 1e6:.0f} MB of prompts")
    frame = pd.DataFrame(columns)
    assert timed("pandas", lambda: Outcomes.read(frame)) == table
    polar = pl.DataFrame(columns)
    assert timed("polars", lambda: Outcomes.read(polar)) == table
    arrow = polar.to_arrow()
    assert timed("arrow", lambda: Outcomes.read(arrow)) == table
    wide = {"prompt": words} | {name: columns["score"][m::models] for m, name in enumerate(names)}
    timed("wide", lambda: Outcomes.read(wide))
    timed("digest", lambda: table.digest)
    timed("split and matrices", lambda: split_by_prompt(table, 0.2, 0))
    timed("check_training", lambda: table.check_training({names[0]: ["0" * 16]}))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("o.csv", "o.csv.gz", "o.jsonl", "o.parquet"):
            file = Path(folder) / name
            timed(f"write {name}", lambda file=file: table.write(file))  # type: ignore[misc]
            assert (
                timed(f"read {name} ({file.stat().st_size / 1e6:.0f} MB)", lambda file=file: Outcomes.read(file))
                == table
            )  # type: ignore[misc]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
