"""What logs of calls have in common: records without scores, some of which are no use.

A log says what was asked of whom and what it cost, and not how good the reply was. The score comes from a key of the
record (`score="metadata.rating"`), or from a function of it. A record that cannot become an outcome is left out, and
counted by its reason; that nothing is left is an error.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import EcologyError, InvalidRequest, OutcomesError, Violation
from ...messages import read_input
from ...table import read_objects
from ..columns import columns_of
from ..outcomes import Outcomes

__all__ = ["Log", "Score", "find", "parsed", "prompt_of", "records"]

Record = Mapping[str, Any]
Score = str | Callable[[Record], float | bool | None]
"""A key of the record, dotted into objects, or a function of it; None is no score."""

SCORE_KEYS = ("score", "metadata.score", "metadata.requester_metadata.score")
FIX = "give a .jsonl, .json or .csv file, gzipped or not, or .parquet"


def records(sources: Iterable[Any]) -> list[dict[str, Any]]:
    """Records of files, frames or lists of dictionaries, in order.

    Raises:
        ArtifactError: a file cannot be read.
        OutcomesError: something is no table.
    """
    read: list[dict[str, Any]] = []
    for source in sources:
        if isinstance(source, str | os.PathLike):
            read += read_objects(Path(source), FIX)
        elif isinstance(source, Mapping):
            read.append(dict(source))
        elif isinstance(source, Sequence) and all(isinstance(row, Mapping) for row in source):
            read += [dict(row) for row in source]
        else:
            columns, strays = columns_of(source)
            if strays:
                raise OutcomesError(strays)
            values = [column if isinstance(column, list) else column.tolist() for column in columns.values()]
            read += [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
    return read


def parsed(value: Any) -> Any:
    """JSON that a CSV or a database kept as text, read; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def find(record: Any, path: str) -> Any:
    """The value at a dotted path, None if there is none. A key with dots wins over a path.

    >>> find({"metadata": '{"rating": 0.5}'}, "metadata.rating")
    0.5
    """
    if isinstance(record, Mapping) and path in record:
        return record[path]
    for key in path.split("."):
        record = parsed(record)
        if not isinstance(record, Mapping) or key not in record:
            return None
        record = record[key]
    return record


def prompt_of(messages: Any) -> str | None:
    """What is asked: the last turn of the user, or the text itself. None when there is none."""
    messages = parsed(messages)
    if not messages:
        return None
    if isinstance(messages, Sequence) and not isinstance(messages, str):
        messages = [{"content": "", **turn} if isinstance(turn, Mapping) else turn for turn in messages]
        if all(isinstance(turn, str) for turn in messages):
            messages = "\n".join(messages)
    try:
        text = read_input(messages)[0]
    except InvalidRequest:
        return None
    return text if text.strip() else None


class Log:
    """Outcomes as they are gathered from records, and why others were left out."""

    def __init__(self, score: Score | None) -> None:
        self._score = score
        self._rows: list[dict[str, Any]] = []
        self._left_out: Counter[str] = Counter()

    def leave_out(self, reason: str) -> None:
        """A record is no use."""
        self._left_out[reason] += 1

    def add(self, record: Record, prompt: str | None, model: Any, **fields: Any) -> None:
        """An outcome of a record, if it has a prompt, a model and a score."""
        if prompt is None:
            return self.leave_out("without a prompt")
        if not model:
            return self.leave_out("without a model")
        score = self._scored(record)
        if score is None or score == "":
            return self.leave_out("without a score")
        self._rows.append({"prompt": prompt, "model": model, "score": score} | fields)
        return None

    def _scored(self, record: Record) -> Any:
        if isinstance(self._score, str):
            return find(record, self._score)
        if self._score is None:
            return next((found for key in SCORE_KEYS if (found := find(record, key)) is not None), None)
        try:
            return self._score(record)
        except EcologyError:
            raise
        except Exception as error:  # whatever a user's function raises
            name = getattr(self._score, "__name__", "score")
            problem = f"{name} raised {type(error).__name__}: {error} on the record {str(record)[:80]}…; mend it"
            raise InvalidRequest(problem=problem) from error

    def outcomes(self, advice: Mapping[str, str]) -> Outcomes:
        """The table.

        Raises:
            OutcomesError: nothing is left, with the reasons and what to do about each; or values are wrong.
        """
        if not self._rows:
            violations = [
                Violation("records", f"{count} are {reason}", advice.get(reason, ""))
                for reason, count in self._left_out.items()
            ]
            raise OutcomesError(violations or [Violation("records", "there are none", "give at least one file")])
        return Outcomes.of_log(self._rows, dict(self._left_out))
