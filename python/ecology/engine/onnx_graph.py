"""Opens the graphs of an onnx backend, to see that they can be run and have the inputs and outputs that it needs."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path

from .. import _core
from ..backends import OnnxBackend
from ..backends.onnx_library import find_library
from ..errors import ArtifactError
from .place import Finding, Loc

__all__ = ["faults"]

Wires = list[tuple[str, list[int | None]]]
Graph = tuple[Wires, Wires]  # inputs, outputs


def faults(backend: OnnxBackend, where: Loc, root: Path) -> Iterator[Finding]:
    """Findings about the graphs and the tokenizer that are there; absent files are not reported again."""
    head, encoder, tokenizer = (_existing(root, getattr(backend, key)) for key in ("path", "encoder", "tokenizer"))
    if head is not None:
        graph = yield from _opened(head, (*where, "backend", "path"))
        if graph is not None:
            yield from _shape(graph, backend, where)
    if encoder is not None:
        graph = yield from _opened(encoder, (*where, "backend", "encoder"))
        outputs = ["embedding"] if graph is None else [name for name, _ in graph[1]]
        if "embedding" not in outputs:
            problem = f"the encoder has no output named embedding; it has {', '.join(outputs)}"
            yield Finding((*where, "backend", "encoder"), problem, "`ecology embeddings build` writes one that has")
    if tokenizer is not None:
        try:
            readable = isinstance(json.loads(tokenizer.read_bytes()), dict)
        except (OSError, ValueError, RecursionError):
            readable = False
        if not readable:
            fix = "give the tokenizer.json that belongs to the encoder"
            yield Finding((*where, "backend", "tokenizer"), "it is not a tokenizer in JSON", fix)


def _existing(root: Path, path: str | None) -> Path | None:
    try:
        return root / path if path is not None and (root / path).is_file() else None
    except OSError:
        return None


def _opened(path: Path, where: Loc) -> Generator[Finding, None, Graph | None]:
    """Inputs and outputs of the graph, or `None` and a finding."""
    try:
        return _core.onnx_graph(find_library(), path)
    except ArtifactError as error:
        about = "" if error.path == str(path) else f"{error.path}: "
        yield Finding(where, f"{about}{error.problem}", error.fix)
        return None


def _shape(graph: Graph, backend: OnnxBackend, where: Loc) -> Iterator[Finding]:
    inputs, outputs = graph
    if len(inputs) != 1:
        problem = f"the graph has {len(inputs)} inputs ({', '.join(name for name, _ in inputs)}); one is fed"
        yield Finding((*where, "backend", "path"), problem, "export it with a single input")
    shape = outputs[0][1] if outputs else []
    wide = shape[-1] if shape else None
    labels = backend.labels
    if labels is not None and wide is not None and wide != len(labels):
        problem = f"there are {len(labels)} labels, and the graph gives {wide} scores"
        yield Finding((*where, "backend", "labels"), problem, "name each output once, in their order")
