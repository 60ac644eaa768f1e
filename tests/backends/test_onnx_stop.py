"""A graph that never ends costs its leg, not the thread that it ran on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ecology import Ecology
from ecology.errors import AllLegsFailed

onnx = pytest.importorskip("onnx", reason="the extra `embeddings` is not installed")

MODEL = """[[models]]
name = "{name}"
timeout_ms = {timeout_ms}
contract = {{ modalities = ["array"], tasks = ["{name}"] }}
backend = {{ kind = "onnx", path = "{name}.onnx" }}
"""


def save(path: Path, graph: object) -> None:
    opset = onnx.helper.make_opsetid("", 13)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def endless(path: Path) -> None:
    """`x` + 1, again and again, for longer than anybody waits."""
    helper, types = onnx.helper, onnx.TensorProto
    wire = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["x_in", "one"], ["x_out"]), helper.make_node("Identity", ["go"], ["go_out"])],
        "body",
        [wire("i", types.INT64, []), wire("go", types.BOOL, []), wire("x_in", types.FLOAT, [2])],
        [wire("go_out", types.BOOL, []), wire("x_out", types.FLOAT, [2])],
    )
    constants = [
        onnx.numpy_helper.from_array(np.array(2**60, dtype="i8"), "times"),
        onnx.numpy_helper.from_array(np.array(True), "start"),
        onnx.numpy_helper.from_array(np.ones(2, dtype="f4"), "one"),
    ]
    node = helper.make_node("Loop", ["times", "start", "x"], ["y"], body=body)
    wires = [wire(name, types.FLOAT, [2]) for name in "xy"]
    save(path, helper.make_graph([node], "endless", wires[:1], wires[1:], constants))


def test_a_run_past_its_time_is_stopped_and_its_thread_serves_again(tmp_path: Path) -> None:
    endless(tmp_path / "endless.onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    wires = [helper.make_tensor_value_info(name, floats, [2]) for name in "xy"]
    # An operator of which nobody says how long it takes, so that it runs where the endless one ran.
    save(tmp_path / "quick.onnx", helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "q", wires[:1], wires[1:]))
    models = MODEL.format(name="endless", timeout_ms=100) + MODEL.format(name="quick", timeout_ms=30_000)
    (tmp_path / "ecology.toml").write_text(f'{models}[policy]\ndefault_plan = {{ kind = "direct" }}\n')
    row = np.array([-1, 2], dtype="f4")
    with Ecology.open(tmp_path) as ecology:
        # As many as there could be threads, twice.
        for _ in range(2 * (os.cpu_count() or 1)):
            with pytest.raises(AllLegsFailed):
                ecology.answer(row, task="endless")
        answer = ecology.answer(row, task="quick", deadline_ms=30_000)
    np.testing.assert_array_equal(answer.output, [1, 2])
