"""Opens the graphs of an onnx backend, to see that they can be run and have the inputs and outputs that it needs."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from ..backends import OnnxBackend
from .place import Finding, Loc

__all__ = ["faults"]


def faults(backend: OnnxBackend, where: Loc, root: Path) -> Iterator[Finding]:
    """Findings about the graphs and the tokenizer that are there; absent files are not reported again."""
    head, encoder, tokenizer = (_existing(root, getattr(backend, key)) for key in ("path", "encoder", "tokenizer"))
    if head is not None:
        session = yield from _session(head, (*where, "backend", "path"))
        if session is not None:
            yield from _shape(session, backend, where)
    if encoder is not None:
        session = yield from _session(encoder, (*where, "backend", "encoder"))
        outputs = ["embedding"] if session is None else [node.name for node in session.get_outputs()]
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


def _session(path: Path, where: Loc) -> Generator[Finding, None, Any]:
    """The open graph, or `None` and a finding."""
    try:
        import onnxruntime
    except ImportError:
        yield Finding(where, "onnxruntime is not installed", "run: pip install onnxruntime")
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  # its exceptions have no base of their own
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        yield Finding(where, f"it cannot be opened as ONNX: {reason}", "export it again, or restore the file")
        return None


def _shape(session: Any, backend: OnnxBackend, where: Loc) -> Iterator[Finding]:
    inputs = [node.name for node in session.get_inputs()]
    if len(inputs) != 1:
        problem = f"the graph has {len(inputs)} inputs ({', '.join(inputs)}); one is fed"
        yield Finding((*where, "backend", "path"), problem, "export it with a single input")
    shape = session.get_outputs()[0].shape
    wide = shape[-1] if shape else None
    labels = backend.labels
    if labels is not None and isinstance(wide, int) and wide != len(labels):
        problem = f"there are {len(labels)} labels, and the graph gives {wide} scores"
        yield Finding((*where, "backend", "labels"), problem, "name each output once, in their order")
