"""Which prompts a model was trained on: a file of fingerprints beside its weights.

A small model is right on nearly every row of its own training data and on nine tenths of fresh rows, so an outcome on a
row that it has seen is worse than none. A fingerprint is the first 16 hex digits of the SHA-256 of the prompt in lower
case with single spaces: enough to recognise a row, too little to read it.

>>> fingerprint("Where is  my CARD?") == fingerprint("where is my card?")
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..errors import ArtifactError
from .manifest import Manifest

__all__ = ["Trained", "fingerprint", "read_fingerprints", "read_trained", "write_fingerprints"]

DIGITS = 16


class Described(Protocol):
    """Manifests, and the folder that their paths are relative to: a description."""

    @property
    def models(self) -> Sequence[Manifest]: ...
    @property
    def root(self) -> Path: ...


Trained = Mapping[str, Collection[str]] | Described
"""Which prompts models were trained on: model → fingerprints, or a description whose manifests name files of them."""


def fingerprint(prompt: str) -> str:
    """The fingerprint of a prompt."""
    return hashlib.sha256(" ".join(prompt.lower().split()).encode()).hexdigest()[:DIGITS]


def write_fingerprints(path: Path, prompts: Iterable[str]) -> str:
    """Write them, one a line, sorted; gives the digest of the file, for `data_digests`."""
    text = "\n".join(sorted({fingerprint(prompt) for prompt in prompts})) + "\n"
    path.write_text(text, encoding="ascii")
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read_fingerprints(path: Path) -> frozenset[str]:
    """The fingerprints in a file.

    Raises:
        ArtifactError: it cannot be read, or holds something else.
    """
    fix = "restore the file; without it nobody knows what the model has seen"
    try:
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(str(path), f"it cannot be read: {error}", fix) from error
    wrong = next((line for line in lines if len(line) != DIGITS or set(line) - set("0123456789abcdef")), None)
    if wrong is not None:
        raise ArtifactError(str(path), f"{wrong[:40]!r} is no fingerprint of a prompt", fix)
    return frozenset(lines)


def read_trained(trained: Trained) -> dict[str, Collection[str]]:
    """Model → fingerprints of the prompts that it was trained on; models that do not say, or whose files
    are not looked at any more, are left out.

    Raises:
        ArtifactError: a file of fingerprints cannot be read.
    """
    if isinstance(trained, Mapping):
        return dict(trained)
    return {
        model.id: read_fingerprints(trained.root / model.training_prompts)
        for model in trained.models
        if model.training_prompts is not None and model.stage.kept
    }
