"""What was learned of a population and serves it: the router, and the model that infers a task.

Both are models like any other: a manifest, a digest, a stage. One that is not active decides nothing. What their files
say is held against their manifests, so that a file that was exchanged is noticed before it decides anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..backends import LinearBackend, RouterBackend
from ..errors import ArtifactError, DigestMismatch
from ..population import Manifest, Stage
from .description import Description

__all__ = ["LoadedIntent", "load_intent", "load_router", "router_path", "serving_router"]

AGAIN = "register the file again under another version"


@dataclass(frozen=True)
class LoadedIntent:
    """An intent model, ready to serve at `min_confidence`."""

    manifest: Manifest
    weights: _core.IntentWeights
    min_confidence: float

    def spec(self) -> dict[str, Any]:
        """What the snapshot says of it."""
        return {"model": self.manifest.id, "digest": self.weights.digest, "min_confidence": self.min_confidence}


def serving_router(description: Description) -> Manifest | str | None:
    """The router that decides: the active model that the policy names, or the file. None when the rules decide."""
    named = description.policy.routing.router
    model = None if named is None else description.find(named)
    if model is None:
        return named
    return model if model.stage is Stage.ACTIVE else None


def router_path(description: Description) -> Path | None:
    """The file of the router that decides."""
    router = serving_router(description)
    if not isinstance(router, Manifest):
        return None if router is None else Path(description.root, router)
    assert isinstance(router.backend, LinearBackend | RouterBackend), "the description was checked"
    return description.root / router.backend.path


def load_router(description: Description) -> _core.RouterWeights | None:
    """Read the router that decides.

    Raises:
        ArtifactError: the file cannot be used, or ranks other models or reads other features than its manifest says.
        DigestMismatch: the file is not the one that the manifest names.
    """
    path, model = router_path(description), serving_router(description)
    if path is None:
        return None
    weights = _core.RouterWeights.read(path)
    if not isinstance(model, Manifest):
        return weights
    _as_its_manifest_says(model, path, weights.digest, weights.features)
    if model.ranks and list(model.ranks) != weights.models:
        problem = f"it ranks {_some(weights.models)}, the manifest of {model.id} says {_some(list(model.ranks))}"
        raise ArtifactError(str(path), problem, AGAIN)
    return weights


def load_intent(description: Description) -> LoadedIntent | None:
    """Read the model that infers tasks, and the confidence from which on it is believed.

    Raises:
        ArtifactError: the file cannot be used, knows tasks that the contract does not promise, or has no threshold and
        the policy has none either. DigestMismatch: the file is not the one that the manifest names.
    """
    named = description.policy.routing.intent
    model = None if named is None else description.find(named.model)
    if named is None or model is None or model.stage is not Stage.ACTIVE:
        return None
    assert isinstance(model.backend, LinearBackend), "the description was checked"
    path = description.root / model.backend.path
    weights = _core.IntentWeights.read(path)
    _as_its_manifest_says(model, path, weights.digest, weights.features)
    promised = model.contract.labels
    stray = sorted(set(weights.tasks) - set(promised)) if promised is not None else []
    if stray:
        problem = f"it infers tasks that the contract of {model.id} lacks: {_some(stray)}"
        raise ArtifactError(str(path), problem, "add them to contract.labels")
    solved = json.loads(weights.card or "{}").get("min_confidence")
    least = solved if named.min_confidence is None else named.min_confidence
    if least is None:
        problem = (
            "no threshold is known from which on it is to be believed: its fit reached none, or did not look for one"
        )
        raise ArtifactError(str(path), problem, "write policy.routing.intent.min_confidence, or fit it on more rows")
    return LoadedIntent(model, weights, float(least))


def _as_its_manifest_says(model: Manifest, path: Path, digest: str, features: str) -> None:
    if model.digest is not None and model.digest.value != digest:
        raise DigestMismatch(str(path), expected=model.digest.value, actual=digest)
    read = _core.features_digest(features)
    if model.features_digest is not None and model.features_digest != read:
        problem = f"it reads the features {read}, the manifest of {model.id} says {model.features_digest}"
        raise ArtifactError(str(path), problem, AGAIN)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
