"""What each form of router scored: the table in a router's card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Trial"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One form that was tried on prompts that it was not fitted on.

    `loss` is the mean squared error of how models differ on a prompt (what routing needs), `brier` that of their
    scores on validation rows, `gain` the mean score above the best fixed mixture at equal cost, None where no prompt
    was answered by every model. The simplest form within noise of the least loss is `chosen`.

    | name | a head reads |
    |---|---|
    | means | nothing: each model has its mean |
    | success | scores of "this model answers well" |
    | difference | these, and of "this model is better than that one" |
    | niche | the inferred task |
    | prototypes | nearness to prototypes |
    | places | both |
    | embedding | success, difference, and directions of the static embedding |
    | tasks | success, difference, scores of tasks, the inferred task |
    | stack | everything |
    | pooled | everything, held towards the mean over models |
    | low rank | everything, in few directions over models |
    | blend | success or difference, niche, prototypes, embedding: each fitted apart, then averaged |
    """

    name: str
    numbers: int
    loss: float
    brier: float
    gain: float | None
    chosen: bool

    def to_dict(self) -> dict[str, Any]:
        """As the card holds it."""
        return asdict(self)
