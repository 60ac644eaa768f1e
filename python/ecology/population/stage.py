"""How far a model has come: candidate → shadow → canary → active → archived → retired; or quarantined."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Stage"]


class Stage(StrEnum):
    """A stage of a model's life. Only `active` models are eligible for every request.

    Quarantine is open from every stage.
    """

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    ARCHIVED = "archived"
    RETIRED = "retired"
    QUARANTINED = "quarantined"

    @property
    def loads(self) -> bool:
        """Whether a model of this stage is loaded, be it only to run in the shadow of another."""
        return self in (Stage.SHADOW, Stage.CANARY, Stage.ACTIVE)

    @property
    def kept(self) -> bool:
        """Whether the artefact of a model of this stage is looked at: one that is retired may be gone, one that is
        in quarantine is left alone."""
        return self not in (Stage.RETIRED, Stage.QUARANTINED)

    @property
    def serves(self) -> bool:
        """Whether a model of this stage may answer a request."""
        return self in (Stage.CANARY, Stage.ACTIVE)
