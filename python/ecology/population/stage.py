"""How far a model has come: candidate → shadow → canary → active → archived → retired; quarantined from anywhere."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Stage"]


class Stage(StrEnum):
    """A stage of a model's life. Only `active` models are eligible for every request."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    ARCHIVED = "archived"
    RETIRED = "retired"
    QUARANTINED = "quarantined"
