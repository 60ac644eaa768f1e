"""Configures an `onnx` member: a session on the compute pool, and what is fed to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..config import Config

__all__ = ["OnnxBackend"]


class OnnxBackend(Config):
    """Three kinds of input.

    * `tensor`: the request's array goes to the model's only input.
    * `features`: the core's hashed features, as one dense float32 row of `2 ** buckets_log2` columns.
    * `text`: `tokenizer` → `encoder` (ONNX, gives `embedding`) → the head in `path`.

    The output is read as scores over `labels` when there are any (softmax unless `probabilities`), else as a vector.
    """

    kind: Literal["onnx"]
    path: str
    input: Literal["tensor", "features", "text"] = "tensor"
    tokenizer: str | None = None
    encoder: str | None = None
    labels: tuple[str, ...] | None = None
    probabilities: bool = False
    temperature: Annotated[float, Field(gt=0)] = 1.0
    threads: Annotated[int, Field(ge=1)] = 1
