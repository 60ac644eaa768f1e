"""The member in the core gives what onnxruntime's Python API gives, for random graphs, numbers and texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecology import Ecology
from ecology.backends.encoder import Encoder
from ecology.backends.minilm import build, find_teacher
from ecology.backends.onnx_head import write_head
from ecology.errors import MissingExtra

onnx = pytest.importorskip("onnx", reason="the extra `embeddings` is not installed")
onnxruntime = pytest.importorskip("onnxruntime")

UNARY = ["Relu", "Tanh", "Sigmoid", "Neg", "Identity", "Softmax", "LogSoftmax", "Erf", "Abs"]
layers = st.lists(st.one_of(st.integers(1, 24), st.sampled_from(UNARY)), min_size=1, max_size=6)
numbers = st.floats(-1e4, 1e4, width=32)


def write_graph(path: Path, layers: list[int | str], width: int, seed: int) -> int:
    """A chain of `Gemm` (a number: its columns) and element-wise operators; gives the columns of its output."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    rng = np.random.default_rng(seed)
    nodes, weights, columns, wire = [], [], width, "x"
    for at, layer in enumerate(layers):
        out = f"y{at}"
        if isinstance(layer, int):
            weights.append(onnx.numpy_helper.from_array(rng.normal(size=(columns, layer)).astype("f4"), f"w{at}"))
            nodes.append(helper.make_node("Gemm", [wire, f"w{at}"], [out]))
            columns = layer
        else:
            nodes.append(helper.make_node(layer, [wire], [out]))
        wire = out
    inputs = [helper.make_tensor_value_info("x", floats, ["n", width])]
    outputs = [helper.make_tensor_value_info(wire, floats, ["n", columns])]
    graph = helper.make_graph(nodes, "chain", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return columns


def serve(folder: Path, modality: str, **backend: object) -> Ecology:
    keys = "".join(f", {key} = {json.dumps(value)}" for key, value in backend.items())
    (folder / "ecology.toml").write_text(
        f'[[models]]\nname = "twin"\ntimeout_ms = 60000\ncontract = {{ modalities = ["{modality}"] }}\n'
        f'backend = {{ kind = "onnx"{keys} }}\n[policy]\ndefault_plan = {{ kind = "direct" }}\n'
    )
    return Ecology.open(folder)


def run(path: Path, rows: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    scores: np.ndarray = session.run(None, {session.get_inputs()[0].name: rows})[0]
    return scores


@given(layers, st.integers(1, 24), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_graph_gives_what_the_python_session_gives(
    tmp_path: Path, layers: list[int | str], width: int, n: int, seed: int, temperature: float, transposed: bool
) -> None:
    columns = write_graph(tmp_path / "twin.onnx", layers, width, seed)
    rows = np.random.default_rng(seed).normal(size=(n, width)).astype("f4")
    rows = np.asfortranarray(rows) if transposed else rows
    want = run(tmp_path / "twin.onnx", np.ascontiguousarray(rows))
    got = serve(tmp_path, "array", path="twin.onnx").answer(rows).output
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, want)
    labels = [str(column) for column in range(columns)]
    answer = serve(tmp_path, "array", path="twin.onnx", labels=labels, temperature=temperature).answer(rows[:1])
    scores = run(tmp_path / "twin.onnx", np.ascontiguousarray(rows[:1]))[0].astype(np.float64) / temperature
    assert answer.output == labels[int(scores.argmax())]
    assert answer.confidence == pytest.approx(1 / np.exp(scores - scores.max()).sum(), abs=1e-6)


@pytest.mark.parametrize("kind", ["float64", "int64", "int32", "uint8", "bool"])
def test_an_output_of_another_type_comes_as_floats(tmp_path: Path, kind: str) -> None:
    helper, types = onnx.helper, onnx.TensorProto
    to = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=to)]
    wires = [helper.make_tensor_value_info("x", types.FLOAT, [3]), helper.make_tensor_value_info("y", to, [3])]
    graph = helper.make_graph(nodes, "cast", wires[:1], wires[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "c.onnx")
    row = np.array([0, 1, 200], dtype="f4")
    got = serve(tmp_path, "array", path="c.onnx").answer(row).output
    np.testing.assert_array_equal(got, run(tmp_path / "c.onnx", row).astype("f4"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Encoder, Ecology]:
    """MiniLM in int8, in both languages; the head gives the vector itself."""
    home = tmp_path_factory.mktemp("texts")
    try:
        find_teacher()
    except MissingExtra as error:
        pytest.skip(str(error))
    made = build(home, precision="int8")
    write_head(home / "head.onnx", np.eye(384, dtype="f4"), np.zeros(384, dtype="f4"))
    parts = {"encoder": made.onnx.name, "tokenizer": made.tokenizer.name}
    return home, Encoder(made.onnx, made.tokenizer), serve(home, "text", path="head.onnx", input="text", **parts)


ODD = [
    "[CLS] [MASK] ##s",
    "\u200d\ufeffzero width",
    "東京タワー",
    "e\u0301 é naïve",
    "🙂" * 40,
    "word " * 400,
    "a" * 300,
]


@given(st.text(min_size=1, max_size=200).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_a_text_has_the_vector_that_the_python_encoder_gives(texts: tuple[Path, Encoder, Ecology], text: str) -> None:
    _, encoder, served = texts
    np.testing.assert_allclose(served.answer(text).output, encoder.encode([text]), atol=1e-6)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_odd_text_too(texts: tuple[Path, Encoder, Ecology], text: str) -> None:
    _, encoder, served = texts
    np.testing.assert_allclose(served.answer(text).output, encoder.encode([text]), atol=1e-6)


@pytest.mark.parametrize(
    ("key", "file", "said"),
    [
        ("encoder", "head.onnx", "no output named embedding"),
        ("tokenizer", "empty.json", "it is not a tokenizer"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(
    texts: tuple[Path, Encoder, Ecology], key: str, file: str, said: str
) -> None:
    home = texts[0]
    (home / "empty.json").write_text("{}")
    parts = {"encoder": "encoder.onnx", "tokenizer": "tokenizer.json"} | {key: file}
    with pytest.raises(Exception, match=said):
        serve(home, "text", path="head.onnx", input="text", **parts)
