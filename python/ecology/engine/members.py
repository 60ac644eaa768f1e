"""From a manifest to a loaded member, which is what the manifest says it is."""

from __future__ import annotations

from pathlib import Path

from .. import _core
from ..backends import CallableBackend, LinearBackend, Terms
from ..errors import ArtifactError, DigestMismatch
from ..isolation.limits import ProcessLimits
from ..isolation.member import isolated_member
from ..policy import Policy
from ..population import Manifest, pin
from ..population.digest import backend_file

__all__ = ["load_member", "survives_fork"]


def load_member(manifest: Manifest, root: Path, policy: Policy) -> _core.Member:
    """Open the model's backend; paths are under `root`.

    Raises:
        ArtifactError: a file, graph, function or server cannot be used, or returns labels that the contract does
        not have. DigestMismatch: the file changed after the description was read.
    """
    backend = manifest.backend
    place = str(root / getattr(backend, "path", ""))
    _same_labels(manifest, list(getattr(backend, "labels", None) or ()), place)
    if manifest.isolation == "process":
        member = isolated_member(backend, manifest.limits or ProcessLimits(), root)
    else:
        terms = Terms(
            timeout_ms=manifest.timeout_ms,
            max_output_tokens=manifest.max_output_tokens,
            private_networks=policy.network.private_networks,
        )
        member = backend.open(root, terms)
    if member.digest is None and backend_file(manifest, root) is not None:
        pin(manifest, root)  # what was opened is what the description was checked with
    elif member.digest is not None and manifest.digest is not None and member.digest != manifest.digest.value:
        raise DigestMismatch(place, expected=manifest.digest.value, actual=member.digest)
    _same_labels(manifest, member.labels, place)
    return member


def survives_fork(manifest: Manifest) -> bool:
    """Whether a forked child can go on with the loaded member: weights are only read, and a function is the user's own.

    Everything else may hold threads, locks or connections, which a child has to open for itself.
    """
    return manifest.isolation == "none" and isinstance(manifest.backend, LinearBackend | CallableBackend)


def _same_labels(manifest: Manifest, labels: list[str], path: str) -> None:
    promised = manifest.contract.labels
    stray = sorted(set(labels) - set(promised)) if promised is not None else []
    if stray:
        shown = ", ".join(stray[:5])
        raise ArtifactError(
            path, f"it returns labels that the contract of {manifest.id} lacks: {shown}", "add them to contract.labels"
        )
