"""From a manifest to a loaded member: the one place that knows which backend is opened how."""

from __future__ import annotations

from pathlib import Path

from .. import _core
from ..backends import CallableBackend, LinearBackend, OnnxBackend
from ..backends.onnx_library import find_library
from ..errors import ArtifactError, DigestMismatch
from ..population import Manifest

__all__ = ["load_member"]


def load_member(manifest: Manifest, root: Path) -> _core.Member:
    """Open the model's backend; paths are under `root`.

    Raises:
        ArtifactError: a file, graph or function cannot be used, or returns labels that the contract does not have.
        DigestMismatch: the file changed after the description was read.
    """
    backend = manifest.backend
    if isinstance(backend, LinearBackend):
        member = _same_digest(manifest, _core.linear_member(root / backend.path), root / backend.path)
        _same_labels(manifest, member.labels, str(root / backend.path))
        return member
    if isinstance(backend, OnnxBackend):
        _same_labels(manifest, list(backend.labels or ()), str(root / backend.path))
        return _same_digest(manifest, _onnx(backend, root), root / backend.path)
    assert isinstance(backend, CallableBackend)
    function = backend.load(root)
    return _core.python_member(function, "loop" if CallableBackend.is_async(function) else "thread")


def _onnx(backend: OnnxBackend, root: Path) -> _core.Member:
    return _core.onnx_member(
        find_library(),
        root / backend.path,
        backend.input,
        labels=None if backend.labels is None else list(backend.labels),
        probabilities=backend.probabilities,
        temperature=backend.temperature,
        threads=backend.threads,
        encoder=None if backend.encoder is None else root / backend.encoder,
        tokenizer=None if backend.tokenizer is None else root / backend.tokenizer,
    )


def _same_digest(manifest: Manifest, member: _core.Member, path: Path) -> _core.Member:
    """What was opened is what the description was checked with."""
    if manifest.digest is not None and member.digest != manifest.digest.value:
        raise DigestMismatch(str(path), expected=manifest.digest.value, actual=str(member.digest))
    return member


def _same_labels(manifest: Manifest, labels: list[str], path: str) -> None:
    promised = manifest.contract.labels
    stray = sorted(set(labels) - set(promised)) if promised is not None else []
    if stray:
        shown = ", ".join(stray[:5])
        raise ArtifactError(
            path, f"it returns labels that the contract of {manifest.id} lacks: {shown}", "add them to contract.labels"
        )
