"""What a model is in the population for, and the label of its size."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Role", "Tier"]


class Role(StrEnum):
    """A role in the ecology. Routers, judges and the model that infers a task (`intent`) are models too: they never
    answer a request themselves."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SPECIALIST = "specialist"
    FALLBACK = "fallback"
    ROUTER = "router"
    JUDGE = "judge"
    MEMORY = "memory"
    INTENT = "intent"

    @property
    def answers(self) -> bool:
        """Whether a model of this role may generate an answer."""
        return self not in (Role.ROUTER, Role.JUDGE, Role.MEMORY, Role.INTENT)


class Tier(StrEnum):
    """A label for reports and cold-start rules; what routing weighs is the price."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
