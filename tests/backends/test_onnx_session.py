"""An `onnx` member reads its input as configured, answers with labels or an array, and refuses other shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecology import Reply, _core
from ecology.backends import OnnxBackend
from ecology.backends.onnx_head import write_head
from ecology.backends.onnx_session import OnnxSession, open_session
from ecology.errors import ArtifactError

LABELS = ("left", "middle", "right")
WIDTH = 256


def head(folder: Path, d: int, columns: int, seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Write `head.onnx`; gives its weights and bias."""
    rng = np.random.default_rng(seed)
    weights = (scale * rng.normal(size=(d, columns))).astype(np.float32)
    bias = rng.normal(size=columns).astype(np.float32)
    write_head(folder / "head.onnx", weights, bias)
    return weights, bias


def session(folder: Path, **facts: Any) -> OnnxSession:
    return OnnxSession(OnnxBackend(kind="onnx", path="head.onnx", **facts), folder)


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores.astype(np.float64) - scores.max())
    return raised / raised.sum()


def test_a_tensor_comes_back_as_the_array_that_the_graph_gives(tmp_path: Path) -> None:
    weights, bias = head(tmp_path, 4, 3)
    rows = np.random.default_rng(1).normal(size=(5, 4))
    reply = session(tmp_path)(rows)
    assert isinstance(reply, Reply) and reply.confidence is None
    np.testing.assert_allclose(reply.output, rows @ weights + bias, rtol=1e-5, atol=1e-5)
    assert reply.output.dtype == np.float32


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_labels_come_with_the_probability_of_the_best(tmp_path: Path, temperature: float) -> None:
    weights, bias = head(tmp_path, 4, 3)
    member = session(tmp_path, labels=LABELS, temperature=temperature)
    seen = set()
    for row in 5 * np.random.default_rng(7).normal(size=(60, 1, 4)).astype(np.float32):
        scores = (row @ weights + bias)[0] / temperature
        reply = member(row)
        seen.add(reply.output)
        assert reply.output == LABELS[int(scores.argmax())]
        assert reply.confidence == pytest.approx(softmax(scores).max(), rel=1e-4)
    assert seen == set(LABELS)


def test_scores_of_any_size_give_a_confidence_in_bounds(tmp_path: Path) -> None:
    head(tmp_path, 4, 3, scale=1e6)
    reply = session(tmp_path, labels=LABELS)(np.full((1, 4), 1e6, dtype=np.float32))
    assert reply.confidence == 1.0


def test_probabilities_are_taken_as_they_are(tmp_path: Path) -> None:
    write_head(tmp_path / "head.onnx", np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32))
    member = session(tmp_path, labels=LABELS, probabilities=True)
    reply = member(np.array([[0.125, 0.625, 0.25]], dtype=np.float32))
    assert (reply.output, reply.confidence) == ("middle", 0.625)


def test_lists_of_numbers_are_tensors_too(tmp_path: Path) -> None:
    head(tmp_path, 2, 3)
    assert session(tmp_path, labels=LABELS)([[1, 2]]).output in LABELS


@pytest.mark.parametrize(
    "data",
    ["Where is my card?", b"Where is my card?", [{"role": "user", "content": "Where is my card?"}]],
    ids=["text", "bytes", "chat"],
)
def test_features_are_the_cores_hashed_into_the_width_of_the_graph(tmp_path: Path, data: Any) -> None:
    weights, bias = head(tmp_path, WIDTH, 3)
    spec = json.loads(_core.default_features()) | {"buckets_log2": WIDTH.bit_length() - 1}
    indices, values = _core.extract("Where is my card?", json.dumps(spec))
    row = np.zeros(WIDTH)
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        row[index] += value
    assert np.count_nonzero(row) > 3
    scores = row @ weights + bias
    reply = session(tmp_path, input="features", labels=LABELS)(data)
    assert reply.output == LABELS[int(scores.argmax())]
    assert reply.confidence == pytest.approx(softmax(scores).max(), rel=1e-4)


@pytest.mark.parametrize("width", [1000, 3])
def test_features_need_a_width_that_is_a_power_of_two(tmp_path: Path, width: int) -> None:
    head(tmp_path, width, 3)
    with pytest.raises(ValueError, match=f"reads {width} features; a power of two is needed"):
        session(tmp_path, input="features", labels=LABELS)("hi")


@pytest.mark.parametrize(
    ("data", "labels", "said"),
    [
        (np.zeros((1, 4)), ("a", "b"), "3 numbers for 2 labels"),
        (np.zeros((2, 4)), LABELS, "6 numbers for 3 labels"),
        (np.full((1, 4), np.inf), LABELS, "NaN or infinity"),
        (np.full((1, 4), np.nan), LABELS, "NaN or infinity"),
        (np.array([["x"] * 4]), LABELS, "could not convert"),
        ("text", LABELS, "could not convert"),
    ],
    ids=["too few labels", "two rows", "infinity", "NaN", "letters", "text"],
)
def test_another_shape_or_no_number_is_refused(tmp_path: Path, data: Any, labels: tuple[str, ...], said: str) -> None:
    head(tmp_path, 4, 3)
    with pytest.raises(ValueError, match=said):
        session(tmp_path, labels=labels)(data)


@pytest.mark.parametrize("shape", [(1, 5), (4,), (1, 1, 4), ()])
def test_an_input_of_another_shape_fails_and_the_session_lives(tmp_path: Path, shape: tuple[int, ...]) -> None:
    head(tmp_path, 4, 3)
    member = session(tmp_path, labels=LABELS)
    with pytest.raises(Exception, match=r"(?i)input|rank|dimension"):
        member(np.zeros(shape))
    assert member(np.zeros((1, 4))).output in LABELS


@pytest.mark.parametrize("raw", [None, b"", b"not a model", b"\x08\x08\x12\x07ecology"])
def test_a_file_that_is_no_model_is_refused_with_its_path(tmp_path: Path, raw: bytes | None) -> None:
    if raw is not None:
        (tmp_path / "head.onnx").write_bytes(raw)
    with pytest.raises(ArtifactError, match="onnxruntime cannot open it") as caught:
        session(tmp_path)
    assert caught.value.path == str(tmp_path / "head.onnx")
    assert str(caught.value).endswith("export the model again")


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    head(tmp_path, 64, 3)
    whole = (tmp_path / "head.onnx").read_bytes()
    for share in (0.1, 0.5, 0.95):
        (tmp_path / "head.onnx").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ArtifactError):
            session(tmp_path)


def test_a_graph_with_two_inputs_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra `embeddings` is not installed")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    wires = [helper.make_tensor_value_info(name, floats, [1]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "two", wires[:2], wires[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "head.onnx")
    with pytest.raises(ArtifactError, match=r"it has 2 inputs \(a, b\); export it with one"):
        session(tmp_path)


def test_a_session_serves_threads_alike(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    head(tmp_path, 4, 3)
    member = session(tmp_path, labels=LABELS)
    rows = [np.random.default_rng(seed).normal(size=(1, 4)).astype(np.float32) for seed in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(member, rows)) == [member(row) for row in rows]


def test_a_session_has_the_threads_that_it_was_given(tmp_path: Path) -> None:
    head(tmp_path, 4, 3)
    options = open_session(tmp_path / "head.onnx", 2).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
