"""From a manifest to a loaded member: the one place that knows which backend is opened how."""

from __future__ import annotations

from pathlib import Path

from .. import _core
from ..backends import CallableBackend, LinearBackend, OnnxBackend
from ..errors import ArtifactError, DigestMismatch
from ..population import Manifest, pin

__all__ = ["load_member", "survives_fork"]


def load_member(manifest: Manifest, root: Path) -> _core.Member:
    """Open the model's backend; paths are under `root`.

    Raises:
        ArtifactError: a file, graph or function cannot be used, or returns labels that the contract does not have.
        DigestMismatch: the file changed after the description was read.
    """
    backend = manifest.backend
    if isinstance(backend, LinearBackend):
        member = _core.linear_member(root / backend.path)
        if manifest.digest is not None and member.digest != manifest.digest.value:
            raise DigestMismatch(str(root / backend.path), expected=manifest.digest.value, actual=str(member.digest))
        _same_labels(manifest, member.labels, str(root / backend.path))
        return member
    if isinstance(backend, OnnxBackend):
        from ..backends.onnx_session import OnnxSession

        _same_labels(manifest, list(backend.labels or ()), str(root / backend.path))
        session = OnnxSession(backend, root)
        pin(manifest, root)  # what was opened is what the description was checked with
        return _core.python_member(session, "compute")
    assert isinstance(backend, CallableBackend)
    function = backend.load(root)
    return _core.python_member(function, "loop" if CallableBackend.is_async(function) else "thread")


def survives_fork(manifest: Manifest) -> bool:
    """Whether a forked child can go on with the loaded member: weights are only read, and a function is the user's own.

    Everything else may hold threads, locks or connections, which a child has to open for itself.
    """
    return isinstance(manifest.backend, LinearBackend | CallableBackend)


def _same_labels(manifest: Manifest, labels: list[str], path: str) -> None:
    promised = manifest.contract.labels
    stray = sorted(set(labels) - set(promised)) if promised is not None else []
    if stray:
        shown = ", ".join(stray[:5])
        raise ArtifactError(
            path, f"it returns labels that the contract of {manifest.id} lacks: {shown}", "add them to contract.labels"
        )
