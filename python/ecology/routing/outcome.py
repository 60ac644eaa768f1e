"""What happened when a model answered a prompt: the rows that a router learns from.

A row of a model on a prompt that it was trained on has to be out-of-fold, or be absent: a small model is right on
nearly all of its own training rows, and a router fitted on those never escalates. `ecology outcomes collect` and
the demo keep to that; rows from elsewhere are the caller's word.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Real
from pathlib import Path
from typing import Any

from ..errors import ArtifactError, OutcomesError, Violation
from ..table import read_table

__all__ = ["Outcome", "read_outcomes", "to_outcomes", "write_outcomes"]

MOST_VIOLATIONS = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model's answer to one prompt. `score` and `leg_confidence` in [0, 1]; `split` is `train`, `val` or
    nothing."""

    prompt: str
    model: str
    score: float
    cost_usd: float | None = None
    latency_ms: float | None = None
    task: str | None = None
    split: str | None = None
    leg_confidence: float | None = None


NAMES = tuple(field.name for field in fields(Outcome))
NUMBERS = ("score", "cost_usd", "latency_ms", "leg_confidence")


def to_outcomes(rows: Any) -> list[Outcome]:
    """Outcomes from outcomes, dictionaries, a mapping of columns, or a pandas or polars frame.

    >>> outcomes = to_outcomes({"prompt": ["hi", "hi"], "model": ["a@1", "b@1"], "score": [1, 0.5]})
    >>> outcomes[1].model, outcomes[1].score
    ('b@1', 0.5)

    Raises:
        OutcomesError: with all that is wrong, by row (the first 20).
    """
    violations: list[Violation] = []
    outcomes: list[Outcome] = []
    for number, row in enumerate(_rows(rows)):
        if isinstance(row, Outcome):
            row = asdict(row)
        outcome = _outcome(row, number, violations)
        if outcome is not None:
            outcomes.append(outcome)
        if len(violations) >= MOST_VIOLATIONS:
            violations.append(Violation("…", "and perhaps more", "mend these first"))
            break
    if not outcomes and not violations:
        violations.append(Violation("outcomes", "there are no rows", "run `ecology outcomes collect`"))
    if violations:
        raise OutcomesError(violations)
    return outcomes


def read_outcomes(path: str | os.PathLike[str]) -> list[Outcome]:
    """Outcomes from a file: CSV or JSONL, either gzipped.

    Raises:
        ArtifactError: the file cannot be read.
        OutcomesError: with all that is wrong, by row.
    """
    fix = "give a .csv or .jsonl file with the columns prompt, model and score, gzipped or not"
    return to_outcomes(read_table(Path(path), fix)[1])


def write_outcomes(path: str | os.PathLike[str], outcomes: Iterable[Outcome]) -> None:
    """Write CSV, gzipped when the name says so; whole or not at all.

    Raises:
        ArtifactError: it cannot be written.
    """
    file = Path(path)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, NAMES)
    writer.writeheader()
    writer.writerows(asdict(outcome) for outcome in outcomes)
    raw = text.getvalue().encode()
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_bytes(gzip.compress(raw, mtime=0) if file.suffix == ".gz" else raw)
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ArtifactError(str(file), f"it cannot be written: {error.strerror}", "choose another place") from error


def _rows(rows: Any) -> Iterator[Any]:
    if hasattr(rows, "to_dicts"):  # polars
        rows = rows.to_dicts()
    elif hasattr(rows, "to_dict") and not isinstance(rows, Mapping):  # pandas
        rows = rows.to_dict("records")
    if isinstance(rows, Mapping):
        columns = list(rows)
        lengths = {name: len(column) for name, column in rows.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise OutcomesError([Violation("outcomes", f"the columns differ in length: {shown}", "make them equal")])
        return (dict(zip(columns, row, strict=True)) for row in zip(*rows.values(), strict=True))
    if not isinstance(rows, Iterable):
        fix = "give rows, a mapping of columns, or a frame"
        raise OutcomesError([Violation("outcomes", f"a {type(rows).__name__} is no table", fix)])
    return iter(rows)


def _outcome(row: Any, number: int, violations: list[Violation]) -> Outcome | None:
    where = f"row {number}"
    before = len(violations)
    if not isinstance(row, Mapping):
        violations.append(Violation(where, f"a {type(row).__name__} is no row", "give dictionaries or Outcome values"))
        return None
    values: dict[str, Any] = {}
    for name in NAMES:
        value = row.get(name)
        # Frames write NaN where nothing is known; numpy's own floats are Real, too.
        unknown = isinstance(value, Real) and math.isnan(value) and name != "score"
        if value is None or value == "" or unknown:
            if name in ("prompt", "model", "score"):
                violations.append(
                    Violation(f"{where}.{name}", "it is missing", "every row has prompt, model and score")
                )
            continue
        if name in NUMBERS:
            value = _number(value, f"{where}.{name}", name, violations)
        values[name] = value if name in NUMBERS else str(value)
    return Outcome(**values) if len(violations) == before else None


def _number(value: Any, where: str, name: str, violations: list[Violation]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if name == "score" and not 0 <= number <= 1:
        violations.append(Violation(where, f"{value!r} is not in [0, 1]", "scale scores to 0 … 1"))
    elif not (math.isfinite(number) and number >= 0):
        violations.append(Violation(where, f"{value!r} is not a number of 0 or more", "leave it empty if unknown"))
    return number
