"""Which model a reference means: `name@version` is that version, a bare `name` the one that serves.

>>> from .manifest import Manifest
>>> facts = {"name": "a", "timeout_ms": 9, "backend": {"kind": "callable", "target": "builtins:str"}}
>>> old = Manifest.model_validate(facts | {"version": "1", "stage": "archived"})
>>> new = Manifest.model_validate(facts | {"version": "2"})
>>> find([new, old], "a").id, find([new, old], "a@1").id, find([new, old], "b")
('a@2', 'a@1', None)
"""

from __future__ import annotations

from collections.abc import Iterable

from .manifest import Manifest
from .stage import Stage

__all__ = ["find"]

# Among versions of one name the one that is furthest on its way is meant; the last of equals wins.
RANK = (
    Stage.ACTIVE,
    Stage.CANARY,
    Stage.SHADOW,
    Stage.CANDIDATE,
    Stage.ARCHIVED,
    Stage.RETIRED,
    Stage.QUARANTINED,
)


def find(models: Iterable[Manifest], reference: str) -> Manifest | None:
    """The model that `reference` names, or `None`."""
    if "@" in reference:
        return next((model for model in models if model.id == reference), None)
    versions = [model for model in models if model.name == reference]
    versions.reverse()
    return min(versions, key=lambda model: RANK.index(model.stage), default=None)
