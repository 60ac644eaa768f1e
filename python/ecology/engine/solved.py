"""The solved entry that a description serves under, if it states a goal and one was solved for it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .deciders import router_path
from .description import Description

if TYPE_CHECKING:
    from ..routing.solved import Entry

__all__ = ["digests_of", "solved_entry"]


def digests_of(description: Description) -> dict[str, str]:
    """The digest of every model that may answer, by id."""
    answering = [model for model in description.models if model.role.answers and model.stage.serves]
    return {model.id: model.digest.value if model.digest else "" for model in answering}


def solved_entry(description: Description) -> Entry | None:
    """The newest entry for the goal, the models and the router of a description; None where nothing was solved for
    them, or where the objective is no goal.

    Raises:
        ArtifactError: `solved.json` is not one that `ecology fit` wrote.
    """
    goal = description.policy.routing.objective
    if not goal.goal:
        return None
    from ..routing.solved import read_entries  # here, since most descriptions state no goal

    entries = read_entries(description.root)
    if not entries:
        return None
    path, router = router_path(description), None
    if path is not None and path.is_file():
        router = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    digests = digests_of(description)
    return next((entry for entry in reversed(entries) if entry.fits(goal, digests, router)), None)
