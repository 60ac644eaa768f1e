"""Configures an `onnx` member: a session on the compute pool, and what is fed to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from .. import _core
from ..messages import Reply, read_input
from .onnx_library import find_library
from .protocol import UNBOUND, Backend, Terms

__all__ = ["OnnxBackend"]

FilePath = Annotated[str, Field(min_length=1)]


class OnnxBackend(Backend):
    """Three kinds of input.

    * `tensor`: the request's array goes to the model's only input.
    * `features`: the core's hashed features, as one dense float32 row of `2 ** buckets_log2` columns.
    * `text`: `tokenizer` → `encoder` (ONNX, gives `embedding`) → the head in `path`.

    The output is read as scores over `labels` when there are any (softmax unless `probabilities`), else as a
    vector. Paths are relative to the description.

    Raises:
        ValidationError: `text` without its two parts, the parts without `text`, or a label named twice.
    """

    FILES: ClassVar[tuple[str, ...]] = ("path", "tokenizer", "encoder")
    RUNS: ClassVar[Literal["thread", "compute"]] = "compute"

    kind: Literal["onnx"]
    path: FilePath
    input: Literal["tensor", "features", "text"] = "tensor"
    tokenizer: FilePath | None = None
    encoder: FilePath | None = None
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    probabilities: bool = False
    temperature: Annotated[float, Field(gt=0)] = 1.0
    threads: Annotated[int, Field(ge=1, le=256)] = 1

    @model_validator(mode="after")
    def _text_has_its_parts(self) -> Self:
        parts = {"tokenizer": self.tokenizer, "encoder": self.encoder}
        if self.input == "text":
            absent = [name for name, path in parts.items() if path is None]
            if absent:
                raise ValueError(f'input = "text" needs {" and ".join(absent)}; write their paths beside it')
        else:
            idle = [name for name, path in parts.items() if path is not None]
            if idle:
                raise ValueError(
                    f'{" and ".join(idle)} would not be read with input = "{self.input}"; '
                    'write input = "text", or leave them out'
                )
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
            raise ValueError(f"labels holds {', '.join(twice)} twice; name each output once")
        return self

    def open(self, root: Path, terms: Terms = UNBOUND) -> _core.Member:
        """Open the graph with onnxruntime's own library, without Python.

        Raises:
            ArtifactError: a file is not what onnxruntime or the tokenizer can read.
        """
        return _core.onnx_member(
            find_library(),
            root / self.path,
            self.input,
            labels=None if self.labels is None else list(self.labels),
            probabilities=self.probabilities,
            temperature=self.temperature,
            threads=self.threads,
            encoder=None if self.encoder is None else root / self.encoder,
            tokenizer=None if self.tokenizer is None else root / self.tokenizer,
        )

    def load(self, root: Path) -> Callable[[Any], Any]:
        """The same as a function, for a process of its own."""
        member = self.open(root)

        def answer(data: Any) -> Reply:
            output, confidence = member.call(read_input(data)[0], data)
            return Reply(output, confidence)

        return answer
