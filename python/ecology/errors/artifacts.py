"""Descriptions, files and extras that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .base import Never, Violation

__all__ = [
    "ArtifactError",
    "BackendError",
    "DigestMismatch",
    "EditedArtifact",
    "InvalidPopulation",
    "MissingExtra",
    "OtherFeatures",
    "TruncatedArtifact",
]


@dataclass(eq=False)
class InvalidPopulation(Never):
    """A description that cannot be compiled; `violations` has all of them, in the order of the file."""

    source: str
    violations: Sequence[Violation]

    def __str__(self) -> str:
        n = len(self.violations)
        lines = "".join(f"\n  {v}" for v in self.violations)
        return f"{self.source}: {n} violation{'s' * (n != 1)}{lines}"


@dataclass(eq=False)
class ArtifactError(Never):
    """A file that a model, router or encoder needs cannot be used."""

    path: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


@dataclass(eq=False)
class DigestMismatch(ArtifactError):
    """The file's content is not what the manifest declares."""

    problem: str = field(default="its content is not the one that the manifest names", kw_only=True)
    expected: str = ""
    actual: str = ""

    def __str__(self) -> str:
        return (
            f"{self.path}: the digest is {self.actual}, the manifest says {self.expected}; "
            "restore the file, or register it as a new version"
        )


@dataclass(eq=False)
class EditedArtifact(ArtifactError):
    """The file was changed after it was written; both fields are SHA-256 of its content."""

    problem: str = field(default="its content was changed after it was written", kw_only=True)
    fix: str = field(default="restore the file, or train it again", kw_only=True)
    expected: str = ""
    actual: str = ""


@dataclass(eq=False)
class OtherFeatures(ArtifactError):
    """The file was made for features that this release does not extract; its weights would mean nothing."""

    problem: str = field(default="", kw_only=True)
    fix: str = field(default="", kw_only=True)
    found_version: int = 0
    known_version: int = 0

    def __str__(self) -> str:
        return (
            f"{self.path}: its features are of version {self.found_version}, this release extracts version "
            f"{self.known_version}; install the release that wrote it, or train it again"
        )


@dataclass(eq=False)
class TruncatedArtifact(ArtifactError):
    """The end of the file is missing, as after a copy that was cut off; `expected_bytes` is the least that it should
    have."""

    problem: str = field(default="", kw_only=True)
    fix: str = field(default="", kw_only=True)
    found_bytes: int = 0
    expected_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"{self.path}: it ends after {self.found_bytes} bytes of {self.expected_bytes}; "
            "copy it again whole: restore the file, or train it again"
        )


@dataclass(eq=False)
class BackendError(Never):
    """A kind of backend that nobody supplies, or a plug-in that cannot be used as one."""

    kind: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f'backend "{self.kind}": {self.problem}; {self.fix}'


@dataclass(eq=False)
class MissingExtra(Never):
    """An optional dependency is needed for this and is not installed."""

    extra: str
    needs: str
    install: str = ""

    def __str__(self) -> str:
        install = self.install or f'pip install "ecology[{self.extra}]"'
        return f"{self.needs} is not installed; run: {install}"
