"""A head written without the package `onnx` is what that package reads, and computes what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.backends.onnx_head import write_head

onnx = pytest.importorskip("onnx", reason="the extra `embeddings` is not installed")

shapes = st.tuples(st.integers(1, 300), st.integers(1, 200), st.integers(1, 9), st.integers(0, 2**32 - 1))


@given(shape=shapes)
@settings(deadline=None, max_examples=40)
def test_a_head_of_any_shape_is_valid_and_computes_input_times_weights_plus_bias(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int, int, int]
) -> None:
    d, columns, n, seed = shape
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(d, columns)).astype(np.float32)
    bias = rng.normal(size=columns).astype(np.float32)
    file = tmp_path_factory.mktemp("head") / "head.onnx"
    write_head(file, weights, bias)
    onnx.checker.check_model(str(file), full_check=True)
    rows = rng.normal(size=(n, d)).astype(np.float32)
    [scores] = onnxruntime.InferenceSession(str(file)).run(None, {"input": rows})
    slow = rows.astype(np.float64) @ weights.astype(np.float64) + bias
    np.testing.assert_allclose(scores, slow, rtol=1e-4, atol=1e-4)


def test_the_weights_are_in_the_file_to_the_bit(tmp_path: Path) -> None:
    weights = np.array([[1e-38, -0.0, 3.4e38], [np.pi, 1e-45, -1.0]], dtype=np.float32)
    bias = np.array([0.1, -0.2, 0.3], dtype=np.float32)
    write_head(tmp_path / "head.onnx", weights, bias)
    model = onnx.load(tmp_path / "head.onnx")
    kept = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert kept["weights"].tobytes() == weights.tobytes() and kept["weights"].shape == (2, 3)
    assert kept["bias"].tobytes() == bias.tobytes()
    assert [node.op_type for node in model.graph.node] == ["Gemm"]
    assert (model.ir_version, model.opset_import[0].version, model.producer_name) == (8, 13, "ecology")


@pytest.mark.parametrize("layout", ["F", "strided", "big-endian"])
def test_a_layout_in_memory_changes_nothing(tmp_path: Path, layout: str) -> None:
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    other = {
        "F": np.asfortranarray(weights),
        "strided": np.repeat(weights, 2, axis=1)[:, ::2],
        "big-endian": weights.astype(">f4"),
    }[layout]
    bias = np.zeros(3, dtype=np.float32)
    write_head(tmp_path / "a.onnx", weights, bias)
    write_head(tmp_path / "b.onnx", other, bias)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "b.onnx"]
