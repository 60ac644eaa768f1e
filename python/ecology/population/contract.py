"""What a model accepts, what it promises, and what privileges it needs.

Admission compares a request with this, clause by clause, and names the clause that a model fails. A list that
holds `"any"` accepts everything, also what a request leaves unstated.

>>> Contract(tasks=["support"], languages=["en", "de"]).accepts("languages", "de")
True
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ..config import Config

__all__ = ["ANY", "Contract", "Privilege"]

ANY = "any"

Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class Privilege(StrEnum):
    """What a model may need beyond its input. The policy grants it, or the model does not load."""

    NETWORK = "network"
    FILES = "files"
    TOOLS = "tools"
    SECRETS = "secrets"


class Contract(Config):
    """Clauses that admission checks (`tasks` … `max_input_bytes`), and promises.

    `labels` closes the set of outputs of a `label` model, and every leg is held to it. `output` and `output_schema`
    (JSON Schema) are stated for readers; nothing checks them yet.
    """

    tasks: Names = (ANY,)
    languages: Names = (ANY,)
    modalities: Names = ("text",)
    data_classes: Names = (ANY,)
    jurisdictions: Names = (ANY,)
    max_input_bytes: Annotated[int, Field(gt=0, le=1_000_000_000)] = 1_000_000
    output: Literal["label", "text", "json", "vector"] = "text"
    labels: Names | None = None
    output_schema: dict[str, Any] | None = None
    privileges: frozenset[Privilege] = frozenset()

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
            raise ValueError(f"labels holds {', '.join(twice)} twice; name each label once")
        return self

    def accepts(self, clause: str, value: str) -> bool:
        """Whether the list named `clause` holds `value` or `"any"`."""
        names: tuple[str, ...] = getattr(self, clause)
        return ANY in names or value in names
