"""What was solved for a goal, on disk: `solved.json` beside the description.

A person writes the goal into `ecology.toml`; a program writes what it found here, with its provenance, and serving
reads it from here. Entries are added and never changed: an entry is used only for the goal, the models (by digest)
and the router (by digest) that it was solved for, so whoever rolls a model or a description back finds the
thresholds of that day in force again, and whoever changes one is told to solve again. The newest entry that fits
counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ..config import Config
from ..errors import ArtifactError
from ..policy import Objective, Plan
from .goals import Solved

__all__ = ["FILE", "Entry", "add_entry", "entry_of", "read_entries"]

FILE = "solved.json"
FORMAT = 1

Number = Annotated[float, Field(ge=0)]


class Solution(Config):
    """What is served: the default plan, and how models are ranked, where the plan leaves that open."""

    plan: Plan
    rank_by: Literal["cheapest", "utility"] | None = None
    min_decision_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    cost_weight_per_usd: Number | None = None
    latency_weight_per_ms: Number | None = None


class Measured(Config):
    """What it gave on the validation rows. `gap` is the mean difference to the best single model with its 95 %
    interval; `cost` is in `unit`."""

    rows: int
    score: float
    cost: float
    unit: Literal["usd", "ms"]
    share: dict[str, float]
    best_single: str
    gap: tuple[float, float, float]


class Entry(Config):
    """One goal solved once: for what, what was found, and from what."""

    goal: Objective
    reached: bool
    reason: str
    solution: Solution
    measured: Measured
    models: dict[str, str]
    router: str | None = None
    outcomes: str
    seed: int
    validation_share: float

    def fits(self, goal: Any, digests: Mapping[str, str], router: str | None) -> bool:
        """Whether it was solved for this goal, and the models and the router that it uses are the same."""
        same = all(digests.get(model) == digest for model, digest in self.models.items())
        return bool(goal == self.goal) and same and self.router in (None, router)


def entry_of(
    solved: Solved,
    digests: Mapping[str, str],
    *,
    unit: Literal["usd", "ms"],
    router: str | None,
    outcomes: str,
    seed: int,
    validation_share: float = 0.2,
) -> Entry:
    """The entry of a solved goal. `digests` are those of the population by model id."""
    point = solved.point
    ranks = point.kind in ("router", "adaptive")
    routing = dict(point.routing)
    solution = Solution(plan=point.plan, rank_by=routing.pop("objective", None), **routing)
    used = digests if ranks else [model for model, share in point.share.items() if share > 0]
    return Entry(
        goal=solved.goal,
        reached=solved.reached,
        reason=solved.reason,
        solution=solution,
        measured=Measured(
            rows=solved.rows,
            score=point.score,
            cost=point.cost,
            unit=unit,
            share=point.share,
            best_single=solved.best_single,
            gap=solved.gap,
        ),
        models={model: digests[model] for model in used},
        router=router if ranks else None,
        outcomes=outcomes,
        seed=seed,
        validation_share=validation_share,
    )


def read_entries(folder: Path) -> Sequence[Entry]:
    """All entries beside a description, oldest first; none without a file.

    Raises:
        ArtifactError: the file is not one that `ecology fit` wrote.
    """
    file = folder / FILE
    fix = "restore it, or move it away and run `ecology fit` again"
    try:
        held = json.loads(file.read_bytes())
        if held["format"] != FORMAT:  # an entry of another format may mean another thing
            raise ArtifactError(str(file), f"it is of format {held['format']}, this release reads {FORMAT}", fix)
        return [Entry.model_validate(entry) for entry in held["entries"]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ArtifactError(str(file), f"it cannot be read: {error.strerror}", fix) from error
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        first = str(error).partition("\n")[0]
        raise ArtifactError(str(file), f"it holds something else: {first}", fix) from error


def add_entry(folder: Path, entry: Entry) -> Path:
    """Add an entry as the newest, unless it is there already; the file is written whole or not at all.

    Raises:
        ArtifactError: the file is not one of these, or cannot be written.
    """
    file = folder / FILE
    entries = [held for held in read_entries(folder) if held != entry]
    document = {"format": FORMAT, "entries": [held.model_dump(mode="json") for held in (*entries, entry)]}
    partial = file.with_name(f".{FILE}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        fix = "make the folder writable"
        raise ArtifactError(str(file), f"it cannot be written: {error.strerror}", fix) from error
    return file
