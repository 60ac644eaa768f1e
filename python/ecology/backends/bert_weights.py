"""What a BERT encoder is made of: its dimensions from `config.json`, its tensors from a safetensors file.

Both are checked here, once and completely, so that the graph and its numpy twin may trust them.

>>> shape = BertShape(layers=1, heads=2, hidden=4, feed_forward=8, vocabulary=9, positions=6, token_types=2)
>>> shape.tensors()["encoder.layer.0.intermediate.dense.weight"]
(8, 4)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..errors import ArtifactError, MissingExtra
from .onnx_library import without_telemetry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]

__all__ = ["BertShape", "extra", "read_weights"]

REINSTALL = "install the package that holds it again"

DIMENSIONS = {
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "hidden": "hidden_size",
    "feed_forward": "intermediate_size",
    "vocabulary": "vocab_size",
    "positions": "max_position_embeddings",
    "token_types": "type_vocab_size",
}
# What the graph computes; a checkpoint that was trained with anything else would be converted wrongly.
COMPUTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


def extra(module: str) -> Any:
    """A module of the `[embeddings]` extra, imported at its first use.

    Raises:
        MissingExtra: it is not installed.
    """
    if module.startswith("onnxruntime"):
        without_telemetry()
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra("embeddings", error.name or module) from error


@dataclass(frozen=True, slots=True)
class BertShape:
    """The dimensions of an encoder in the layout of Devlin et al. 2019 (BERT), post-norm, GELU by erf."""

    layers: int
    heads: int
    hidden: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    layer_norm_epsilon: float = 1e-12

    @property
    def head_size(self) -> int:
        return self.hidden // self.heads

    @classmethod
    def read(cls, config: Path) -> Self:
        """The shape that a Hugging Face `config.json` states.

        Raises:
            ArtifactError: the file is absent or does not describe such an encoder; names all that is wrong.
        """
        document = read_json(config)
        faults = [
            f"{key} is {document[key]!r}, only {value!r} is converted"
            for key, value in COMPUTED.items()
            if document.get(key, value) != value
        ]
        sizes: dict[str, Any] = {field: document.get(key) for field, key in DIMENSIONS.items()}
        faults += [
            f"{DIMENSIONS[field]} is {size!r}, not a whole number above 0"
            for field, size in sizes.items()
            if type(size) is not int or size < 1
        ]
        epsilon = document.get("layer_norm_eps", 1e-12)
        if not isinstance(epsilon, float | int) or not 0 < epsilon < 1:
            faults.append(f"layer_norm_eps is {epsilon!r}, not between 0 and 1")
        if not faults and sizes["hidden"] % sizes["heads"]:
            faults.append("hidden_size is not a multiple of num_attention_heads")
        if faults:
            raise ArtifactError(str(config), "; ".join(faults), "give the config.json of a BERT encoder")
        return cls(**sizes, layer_norm_epsilon=float(epsilon))

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The tensors of such a checkpoint by name, each with its dimensions; a dense layer is [out, in]."""
        return dict(self._tensors())

    def _tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        hidden, feed_forward = self.hidden, self.feed_forward
        for table, rows in (
            ("word", self.vocabulary),
            ("position", self.positions),
            ("token_type", self.token_types),
        ):
            yield f"embeddings.{table}_embeddings.weight", (rows, hidden)
        dense = {
            "attention.self.query": (hidden, hidden),
            "attention.self.key": (hidden, hidden),
            "attention.self.value": (hidden, hidden),
            "attention.output.dense": (hidden, hidden),
            "intermediate.dense": (feed_forward, hidden),
            "output.dense": (hidden, feed_forward),
        }
        norms = ["embeddings.LayerNorm"]
        for layer in range(self.layers):
            at = f"encoder.layer.{layer}"
            for name, (out, into) in dense.items():
                yield f"{at}.{name}.weight", (out, into)
                yield f"{at}.{name}.bias", (out,)
            norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
        for norm in norms:
            yield f"{norm}.weight", (hidden,)
            yield f"{norm}.bias", (hidden,)


def read_weights(path: Path, shape: BertShape) -> Weights:
    """The tensors that `shape` names, as float32; others in the file (a pooler, position ids) are left.

    Raises:
        ArtifactError: the file is absent or cut short, or a tensor is absent, of other dimensions or not
            finite; says which.
        MissingExtra: safetensors is not installed.
    """
    safetensors = extra("safetensors")
    import numpy as np

    weights: Weights = {}
    faults: list[str] = []
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            names = set(file.keys())
            for name, expected in shape.tensors().items():
                if name not in names:
                    faults.append(f"{name} is absent")
                    continue
                header = file.get_slice(name)
                actual, kind = tuple(header.get_shape()), header.get_dtype()
                if actual != expected or kind not in ("F16", "F32", "F64"):
                    faults.append(f"{name} is {kind} {list(actual)}, the configuration says {list(expected)}")
                    continue
                weights[name] = np.ascontiguousarray(file.get_tensor(name), dtype=np.float32)
                if not np.isfinite(weights[name]).all():
                    faults.append(f"{name} holds a value that is not finite")
    except (OSError, safetensors.SafetensorError) as error:
        raise ArtifactError(str(path), f"it is not a whole safetensors file ({error})", REINSTALL) from error
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        fix = "give the weights that belong to its config.json"
        raise ArtifactError(str(path), "; ".join(faults[:5]) + more, fix)
    return weights


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ArtifactError: the file is absent or holds anything else.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise ArtifactError(str(path), f"it cannot be read: {reason}", REINSTALL) from error
    if not isinstance(document, dict):
        raise ArtifactError(str(path), "it is not a JSON object", REINSTALL)
    return document
