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

from ..errors import ArtifactError, DigestMismatch
from .manifest import Digest, Manifest

__all__ = ["backend_file", "content_digest", "pin"]


def backend_file(manifest: Manifest, root: Path) -> Path | None:
    """Where the weights are, for a backend that has a file; a relative path is under `root`."""
    path = getattr(manifest.backend, "path", None)
    return None if path is None else root / path


def content_digest(manifest: Manifest, root: Path) -> Digest:
    """The digest of what the manifest stands for now.

    Raises:
        ArtifactError: the file is absent or cannot be read.
    """
    file = backend_file(manifest, root)
    if file is None:
        return Digest(value=manifest.model_copy(update={"digest": None}).identity(), kind="declared")
    try:
        with file.open("rb") as stream:
            return Digest(value=f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}")
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
