"""From a file that was fitted to a registered version: a router, or a model that infers tasks.

A version keeps its own copy of the file, under a name that no other version has. So fitting again never touches what
serves, and going back to a former version finds it as it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..errors import ArtifactError
from ..population import Manifest, Registry, Role, Stage
from ..routing import IntentModel, Router

__all__ = ["Fitted", "read_fitted", "register_fitted"]

FOLDER = "learned"
TIMEOUT_MS = 50  # mandatory in a manifest; neither is ever a leg


@dataclass(frozen=True)
class Fitted:
    """What a file says of itself, as far as a manifest has it."""

    path: Path
    role: Role
    digest: str
    facts: dict[str, Any]


def read_fitted(path: str | os.PathLike[str]) -> Fitted:
    """A router or a classifier; the file says which it is.

    Raises:
        ArtifactError: it is neither.
    """
    file = Path(path)
    try:
        router = Router.load(file)
    except ArtifactError as not_a_router:
        try:
            return _of_intent(file, IntentModel.load(file))
        except ArtifactError:
            raise not_a_router from None
    weights = _core.RouterWeights.read(file)
    data = weights.data or router.card.get("data_digest", "")
    facts = {
        "family": f"{weights.kind}-router",
        "ranks": weights.models,
        "features_digest": _core.features_digest(weights.features),
        "data_digests": [data] if data else [],
        "backend": {"kind": "router"},
    }
    return Fitted(file, Role.ROUTER, weights.digest, facts)


def _of_intent(file: Path, model: IntentModel) -> Fitted:
    data = model.card.get("data_digest", "")
    facts = {
        "family": "hashed-linear",
        "features_digest": _core.features_digest(model.features),
        "data_digests": [data] if data else [],
        "contract": {"output": "label", "labels": model.tasks},
        "backend": {"kind": "linear"},
    }
    return Fitted(file, Role.INTENT, model.digest, facts)


def register_fitted(
    registry: Registry,
    fitted: Fitted,
    root: str | os.PathLike[str],
    *,
    name: str | None = None,
    stage: Stage = Stage.CANDIDATE,
    parents: Sequence[str] = (),
    who: str = "",
    why: str = "",
) -> Manifest:
    """Register it as the next version of `name`, by default its role. Its file is copied into `root/learned`.

    Content that is registered already is that version. The version that was active before is a parent of the new one;
    when the new one is to be active, that one is archived, so that one version of a name is active at most.

    Raises:
        ArtifactError: the file cannot be copied, or another one is in its place.
    """
    folder = Path(root).absolute()
    called = name or fitted.role.value
    versions = registry.list(called)
    active = [version.id for version in versions if version.stage is Stage.ACTIVE]
    same = [version for version in versions if version.digest is not None and version.digest.value == fitted.digest]
    if same:
        manifest = same[-1]
    else:
        version = str(1 + max((int(known.version) for known in versions if known.version.isdecimal()), default=0))
        path = Path(FOLDER, f"{called}-{version}.safetensors")
        facts: dict[str, Any] = {
            "name": called,
            "version": version,
            "role": fitted.role,
            "tier": "small",
            "stage": Stage.CANDIDATE,
            "parents": list(dict.fromkeys([*active, *parents])),
            "timeout_ms": TIMEOUT_MS,
            "price": {"usd_per_call": 0},
            "digest": {"value": fitted.digest},
        }
        backend = fitted.facts["backend"] | {"path": path.as_posix()}
        manifest = Manifest.model_validate(fitted.facts | facts | {"backend": backend})
        _copy(fitted, folder / path)
        manifest = registry.register(manifest, root=folder, who=who, why=why)
    if stage is Stage.ACTIVE:
        for former in active:
            if former != manifest.id:
                registry.set_stage(former, Stage.ARCHIVED, who=who, why=f"replaced by {manifest.id}")
    return registry.set_stage(manifest.id, stage, who=who, why=why)


def _copy(fitted: Fitted, path: Path) -> None:
    """Whole or not at all; a file that is there already has to be the same."""
    fix = "move it away, or register under another name"
    try:
        if path.exists():
            if read_fitted(path).digest != fitted.digest:
                raise ArtifactError(str(path), "another file is in the place of this version", fix)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
        shutil.copyfile(fitted.path, partial)
        partial.replace(path)
    except OSError as error:
        problem = f"it cannot be written: {error.strerror or error}"
        raise ArtifactError(str(path), problem, "check that its folder can be written") from error
