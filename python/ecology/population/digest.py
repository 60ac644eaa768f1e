"""What a model's content is, as one SHA-256: the bytes of its file, or its manifest when there is no file.

A callable or an endpoint has no bytes that could be read; its digest is over what its manifest *declares*.

>>> from .manifest import Manifest
>>> echo = Manifest.model_validate(
...     {"name": "echo", "timeout_ms": 9, "backend": {"kind": "callable", "target": "builtins:str"}})
>>> pinned = pin(echo, Path())
>>> pinned.digest.kind, pinned.digest.value == pin(pinned, Path()).digest.value
('declared', True)
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..backends import LinearBackend, OnnxBackend, RouterBackend, supplier
from ..errors import ArtifactError, DigestMismatch
from .manifest import Digest, Manifest

__all__ = ["backend_file", "content_digest", "pin"]


def backend_file(manifest: Manifest, root: Path) -> Path | None:
    """The file that is the model, for a kind of which one is; a relative path is under `root`."""
    backend = manifest.backend
    return root / backend.path if isinstance(backend, LinearBackend | OnnxBackend | RouterBackend) else None


def content_digest(manifest: Manifest, root: Path) -> Digest:
    """The digest of what the manifest stands for now.

    Raises:
        ArtifactError: the file is absent or cannot be read.
    """
    file = backend_file(manifest, root)
    if file is not None:
        return Digest(value=_sha256(file))
    backend = manifest.backend
    declared = manifest.model_copy(update={"digest": None}).identity()
    # Of a plug-in: who supplied it, and what its files hold. The package's own code is known by its version alone.
    facts = [f"package {known}"] if (known := supplier(backend.kind)) else []
    paths = {key: getattr(backend, key) for key in sorted(backend.FILES)}
    facts += [f"{key} {_sha256(root / path)}" for key, path in paths.items() if path is not None]
    if facts:
        declared = "sha256:" + hashlib.sha256("\n".join([declared, *facts]).encode()).hexdigest()
    return Digest(value=declared, kind="declared")


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ArtifactError(str(file), f"it cannot be read: {reason}", "restore it, or correct the path") from error


def pin(manifest: Manifest, root: Path) -> Manifest:
    """The manifest with its content's digest in it; a digest that it states already must agree.

    Raises:
        ArtifactError: the file is absent or cannot be read.
        DigestMismatch: the content is not the one that the manifest names.
    """
    actual = content_digest(manifest, root)
    stated = manifest.digest
    if stated is None:
        return manifest.model_copy(update={"digest": actual})
    if stated.kind == "reported" and actual.kind == "declared":
        return manifest  # the server's word about bytes that nobody here can read
    if stated.value != actual.value:
        where = str(backend_file(manifest, root) or manifest.id)
        raise DigestMismatch(where, expected=stated.value, actual=actual.value)
    return manifest
