"""Writes a linear head as an ONNX file: one Gemm, so that a trained head is a model like any other.

The core install can train a head but has no `onnx` package, which is needed for nothing else here. A single-node
graph is a few dozen bytes of protobuf around the weights, so this encodes it directly (field numbers from
onnx.proto3, IR version 8, opset 13); the tests compare it with what `onnx` reads.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["write_head"]

FLOAT = 1
IR_VERSION = 8
OPSET = 13


def write_head(path: Path, weights: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> None:
    """Write `scores = input · weights + bias`: weights [d, columns], bias [columns], input [n, d]; whole or not at
    all."""
    d, columns = weights.shape
    node = b"".join([*(_text(1, name) for name in ("input", "weights", "bias")), _text(2, "scores"), _text(4, "Gemm")])
    graph = b"".join(
        [
            _bytes(1, node),
            _text(2, "head"),
            _bytes(5, _tensor("weights", weights)),
            _bytes(5, _tensor("bias", bias)),
            _bytes(11, _value("input", d)),
            _bytes(12, _value("scores", columns)),
        ]
    )
    model = b"".join([_varint(1, IR_VERSION), _text(2, "ecology"), _bytes(7, graph), _bytes(8, _varint(2, OPSET))])
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(model)
    partial.replace(path)


def _tensor(name: str, array: npt.NDArray[np.float32]) -> bytes:
    dims = b"".join(_varint(1, n) for n in array.shape)
    return dims + _varint(2, FLOAT) + _text(8, name) + _bytes(9, array.astype("<f4").tobytes())


def _value(name: str, width: int) -> bytes:
    """A float matrix [n, width] with any n."""
    shape = _bytes(1, _text(2, "n")) + _bytes(1, _varint(1, width))
    return _text(1, name) + _bytes(2, _bytes(1, _varint(1, FLOAT) + _bytes(2, shape)))


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value


def _text(field: int, value: Any) -> bytes:
    return _bytes(field, str(value).encode())
