"""An `onnx` member reads its input as configured, answers with labels or an array, and fails on other shapes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecology import Answer, Ecology, _core
from ecology.backends.onnx_head import write_head
from ecology.backends.onnx_library import find_library
from ecology.errors import AllLegsFailed, ArtifactError, InvalidPopulation

LABELS = ("left", "middle", "right")
WIDTH = 256


def head(folder: Path, d: int, columns: int, seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Write `head.onnx`; gives its weights and bias."""
    rng = np.random.default_rng(seed)
    weights = (scale * rng.normal(size=(d, columns))).astype(np.float32)
    bias = rng.normal(size=columns).astype(np.float32)
    write_head(folder / "head.onnx", weights, bias)
    return weights, bias


def member(folder: Path, labels: Iterable[str] | None = None, **facts: Any) -> Callable[[Any], Answer]:
    """The member that serves `head.onnx`, as a request reaches it."""
    stated = facts if labels is None else facts | {"labels": list(labels)}
    keys = "".join(f", {key} = {json.dumps(value)}" for key, value in stated.items())
    (folder / "ecology.toml").write_text(
        '[[models]]\nname = "head"\ntimeout_ms = 60000\ncontract = { modalities = ["text", "array", "json"] }\n'
        f'backend = {{ kind = "onnx", path = "head.onnx"{keys} }}\n[policy]\ndefault_plan = {{ kind = "direct" }}\n'
    )
    return Ecology.open(folder).answer


def failed_leg(call: Callable[[Any], Answer], data: Any) -> tuple[str, str]:
    """Outcome and words of the one leg."""
    with pytest.raises(AllLegsFailed) as caught:
        call(data)
    [leg] = caught.value.legs
    return leg["outcome"], leg["fault"]


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores.astype(np.float64) - scores.max())
    return raised / raised.sum()


def test_a_tensor_comes_back_as_the_array_that_the_graph_gives(tmp_path: Path) -> None:
    weights, bias = head(tmp_path, 4, 3)
    rows = np.random.default_rng(1).normal(size=(5, 4))
    reply = member(tmp_path)(rows)
    assert reply.confidence is None
    np.testing.assert_allclose(reply.output, rows @ weights + bias, rtol=1e-5, atol=1e-5)
    assert reply.output.dtype == np.float32


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_labels_come_with_the_probability_of_the_best(tmp_path: Path, temperature: float) -> None:
    weights, bias = head(tmp_path, 4, 3)
    call = member(tmp_path, LABELS, temperature=temperature)
    seen = set()
    for row in 5 * np.random.default_rng(7).normal(size=(60, 1, 4)).astype(np.float32):
        scores = (row @ weights + bias)[0] / temperature
        reply = call(row)
        seen.add(reply.output)
        assert reply.output == LABELS[int(scores.argmax())]
        assert reply.confidence == pytest.approx(softmax(scores).max(), rel=1e-4)
    assert seen == set(LABELS)


def test_scores_of_any_size_give_a_confidence_in_bounds(tmp_path: Path) -> None:
    head(tmp_path, 4, 3, scale=1e6)
    reply = member(tmp_path, LABELS)(np.full((1, 4), 1e6, dtype=np.float32))
    assert reply.confidence == 1.0


def test_probabilities_are_taken_as_they_are(tmp_path: Path) -> None:
    write_head(tmp_path / "head.onnx", np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32))
    call = member(tmp_path, LABELS, probabilities=True)
    reply = call(np.array([[0.125, 0.625, 0.25]], dtype=np.float32))
    assert (reply.output, reply.confidence) == ("middle", 0.625)


def test_lists_of_numbers_are_tensors_too(tmp_path: Path) -> None:
    head(tmp_path, 2, 3)
    assert member(tmp_path, LABELS)([[1, 2]]).output in LABELS


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
    reply = member(tmp_path, LABELS, input="features")(data)
    assert reply.output == LABELS[int(scores.argmax())]
    assert reply.confidence == pytest.approx(softmax(scores).max(), rel=1e-4)


@pytest.mark.parametrize("width", [1000, 3, 128])
def test_features_need_a_width_that_is_a_power_of_two(tmp_path: Path, width: int) -> None:
    head(tmp_path, width, 3)
    with pytest.raises(InvalidPopulation, match=rf"reads {width} features; a power of two from 2\*\*8 to 2\*\*24"):
        member(tmp_path, LABELS, input="features")


@pytest.mark.parametrize(
    ("data", "outcome", "said"),
    [
        (np.zeros((2, 4)), "bad_output", "the output has 6 numbers for 3 labels"),
        (np.full((1, 4), np.inf), "bad_output", "the output holds NaN or infinity"),
        (np.full((1, 4), np.nan), "bad_output", "the output holds NaN or infinity"),
        (np.array([["x"] * 4]), "failed", "ValueError: could not convert string to float: "),
        ("text", "failed", "ValueError: could not convert the text to an array of numbers"),
        (np.zeros((1, 5)), "failed", "Got invalid dimensions for input: input"),
        (np.zeros(4), "failed", "Invalid rank for input: input"),
        (np.zeros((1, 1, 4)), "failed", "Invalid rank for input: input"),
        (np.zeros(()), "failed", "Invalid rank for input: input"),
    ],
    ids=["two rows", "infinity", "NaN", "letters", "text", "too wide", "a vector", "three axes", "a number"],
)
def test_another_shape_or_no_number_fails_the_leg_and_the_member_lives(
    tmp_path: Path, data: Any, outcome: str, said: str
) -> None:
    head(tmp_path, 4, 3)
    call = member(tmp_path, LABELS)
    ended, words = failed_leg(call, data)
    assert ended == outcome and words.startswith(said)
    assert call(np.zeros((1, 4))).output in LABELS


def test_labels_of_another_number_than_the_scores_fail_where_the_graph_does_not_say(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra `embeddings` is not installed")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    opset = helper.make_opsetid("", 13)
    wires = [helper.make_tensor_value_info(name, floats, [1, "n"]) for name in "ab"]
    graph = helper.make_graph([helper.make_node("Neg", ["a"], ["b"])], "any", wires[:1], wires[1:])
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "head.onnx")
    call = member(tmp_path, LABELS)
    assert failed_leg(call, np.zeros((1, 2))) == ("bad_output", "the output has 2 numbers for 3 labels")
    assert call(np.array([[-1.0, -3.0, -2.0]])).output == "middle"


@pytest.mark.parametrize("raw", [b"", b"not a model", b"\x08\x08\x12\x07ecology"])
def test_a_file_that_is_no_model_is_refused_with_its_path(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "head.onnx").write_bytes(raw)
    with pytest.raises(ArtifactError, match="onnxruntime cannot open it") as caught:
        _core.onnx_member(find_library(), tmp_path / "head.onnx", "tensor")
    assert caught.value.path == str(tmp_path / "head.onnx")
    assert str(caught.value).endswith("export the model again")


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    head(tmp_path, 64, 3)
    whole = (tmp_path / "head.onnx").read_bytes()
    for share in (0.1, 0.5, 0.95):
        (tmp_path / "head.onnx").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ArtifactError):
            _core.onnx_member(find_library(), tmp_path / "head.onnx", "tensor")


def test_a_graph_with_two_inputs_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra `embeddings` is not installed")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    wires = [helper.make_tensor_value_info(name, floats, [1]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "two", wires[:2], wires[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "head.onnx")
    with pytest.raises(ArtifactError, match=r"it has 2 inputs \(a, b\); export it with one"):
        _core.onnx_member(find_library(), tmp_path / "head.onnx", "tensor")


def test_weights_in_a_file_beside_the_graph_are_found_wherever_the_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra `embeddings` is not installed")
    weights, bias = head(tmp_path, 64, 3)
    whole = onnx.load(tmp_path / "head.onnx")
    onnx.save(whole, tmp_path / "head.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").stat().st_size > weights.nbytes
    monkeypatch.chdir(tmp_path.parent)
    row = np.random.default_rng(3).normal(size=(1, 64))
    np.testing.assert_allclose(member(tmp_path)(row).output, row @ weights + bias, rtol=1e-4, atol=1e-4)


def test_a_member_serves_threads_alike(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    head(tmp_path, 4, 3)
    call = member(tmp_path, LABELS, threads=2)
    rows = [np.random.default_rng(seed).normal(size=(1, 4)).astype(np.float32) for seed in range(200)]

    def label(row: np.ndarray) -> tuple[str, float | None]:
        answer = call(row)
        return answer.output, answer.confidence

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(label, rows)) == [label(row) for row in rows]


def test_a_serving_process_never_imports_onnxruntime(tmp_path: Path) -> None:
    head(tmp_path, 4, 3)
    member(tmp_path, LABELS)
    program = (
        f"import sys, numpy; from ecology import Ecology; e = Ecology.open({str(tmp_path)!r}); "
        "e.answer(numpy.zeros((1, 4))); print('onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["False"], "")
