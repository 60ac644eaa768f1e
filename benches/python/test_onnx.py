"""What a direct answer adds to onnxruntime's own `session.run` in Python. To hold: 25 µs at 32 → 16, batch 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from turns import take_turns

from ecology import Ecology
from ecology.backends.onnx_head import write_head
from ecology.backends.onnx_library import without_telemetry

ROUNDS = 30
CALLS = 150


@pytest.mark.parametrize(("width", "labels"), [(32, 16), (4096, 150)], ids=["calling thread", "pool"])
def test_answer_over_a_bare_session(
    benchmark, opened: Callable[[str], Ecology], tmp_path: Path, width: int, labels: int
) -> None:
    """Both on the same rows in short turns, the difference taken within each round. The small head runs on the calling
    thread, the large one is handed to the pool."""
    without_telemetry()
    import onnxruntime

    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(width, labels)).astype("f4"), rng.normal(size=labels).astype("f4")
    write_head(tmp_path / "head.onnx", weights, bias)
    names = json.dumps([f"label {at}" for at in range(labels)])
    ecology = opened(
        '[[models]]\nname = "head"\ntimeout_ms = 1000\ncontract = { modalities = ["array"] }\n'
        f'backend = {{ kind = "onnx", path = "head.onnx", labels = {names} }}\n'
        '[policy]\ndefault_plan = { kind = "direct" }\n'
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / "head.onnx", options, providers=["CPUExecutionProvider"])
    rows = list(rng.normal(size=(CALLS, 1, width)).astype("f4"))
    contenders = [("session.run", lambda row: session.run(None, {"input": row})), ("answer", ecology.answer)]
    bare, ours = take_turns(contenders, [rows] * ROUNDS)
    benchmark.extra_info["session_run_us"] = round(median(bare.p50) / 1e3, 2)
    benchmark.extra_info["answer_us"] = round(median(ours.p50) / 1e3, 2)
    over = [(mine - theirs) / 1e3 for mine, theirs in zip(ours.p50, bare.p50, strict=True)]
    benchmark.extra_info["over_session_us"] = round(median(over), 2)
    print(f"{width} → {labels}: {benchmark.extra_info}")
    benchmark(ecology.answer, rows[0])
