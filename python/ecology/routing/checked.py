"""Columns as a user brought them → columns that can be trusted, and everything that is wrong with them, by its place.

What is right is seen at once, by numpy or by looking at each different value once; only what is wrong is looked at row
by row.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import OutcomesError, Violation
from .outcome import REQUIRED, WHOLE
from .words import Words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .columns import Column

    Floats = npt.NDArray[np.float64]

__all__ = ["Checker", "number_of", "numbers_of"]

MOST_VIOLATIONS = 20
TRUTHS = {"true": 1.0, "false": 0.0}
# name → (what a value that is not in it is not, what to do)
NOT = {
    "score": ("is not in [0, 1]", "scale scores to 0 … 1"),
    "leg_confidence": ("is not in [0, 1]", "leave it empty if unknown"),
    "propensity": ("is not in (0, 1]", "it is the probability of a choice that was made; leave it empty if unknown"),
    "tokens_in": ("is not a whole number of 0 or more", "leave it empty if unknown"),
    "tokens_out": ("is not a whole number of 0 or more", "leave it empty if unknown"),
    "timestamp": ("is no time", "give seconds since 1970 or ISO 8601; leave it empty if unknown"),
}
NOT_AMOUNT = ("is not a number of 0 or more", "leave it empty if unknown")


class Checker:
    """Checks columns of one table, and holds what is wrong with it until `done`."""

    def __init__(self, rows: int, strays: Sequence[Violation] = ()) -> None:
        """`strays` are rows that are none; nothing else is said of these."""
        self._rows = rows
        self._column = 0
        self._skip = {int(stray.place.removeprefix("row ")) for stray in strays}
        self._found: list[tuple[int, int, Violation]] = [
            (int(stray.place.removeprefix("row ")), 0, stray) for stray in strays
        ]

    def wrong(self, place: str, problem: str, fix: str) -> None:
        """Something is wrong with the table itself."""
        self._found.append((-1, len(self._found), Violation(place, problem, fix)))

    def done(self) -> None:
        """Everything was checked.

        Raises:
            OutcomesError: with the first 20 violations, in the order of rows.
        """
        if not self._rows and not self._found:
            self.wrong("outcomes", "there are no rows", "run `ecology outcomes collect`")
        if self._found:
            ordered = [each[2] for each in sorted(self._found, key=lambda each: each[:2])]
            more = [Violation("…", "and perhaps more", "mend these first")] if len(ordered) > MOST_VIOLATIONS else []
            raise OutcomesError(ordered[:MOST_VIOLATIONS] + more)

    def number(self, name: str, column: Column, *, called: str | None = None, required: bool | None = None) -> Floats:
        """The numbers of a field, NaN where unknown. `called` is what the table calls it.

        >>> Checker(2).number("score", [True, "0.5"])
        array([1. , 0.5])
        """
        import numpy as np

        required = name in REQUIRED if required is None else required
        self._column += 1
        numbers, unread = numbers_of(name, column)
        with np.errstate(invalid="ignore"):
            wrong = ~(np.isnan(numbers) | _valid(name, numbers))
        wrong[unread] = True
        missing = np.isnan(numbers) & ~wrong if required else np.zeros(len(numbers), bool)
        problem, fix = NOT.get(name, NOT_AMOUNT)
        self._tell(np.flatnonzero(wrong), called or name, lambda row: (f"{_shown(column[row])} {problem}", fix))
        self._tell(np.flatnonzero(missing), called or name, _missing)
        return numbers

    def text(self, name: str, column: Column) -> Words:
        """The texts of a field."""
        import numpy as np

        self._column += 1
        required = name in REQUIRED
        values = column if isinstance(column, list) else [None if each != each else each for each in column.tolist()]
        try:
            read = {value: _text(value) for value in dict.fromkeys(values)}
            words = Words.of([read[value] for value in values])
        except TypeError:  # a list or a dictionary where text belongs
            words = Words.of([_text(value) for value in values])
        if required:
            self._tell(np.flatnonzero(words.codes < 0), name, _missing)
        blank = [number for number, value in enumerate(words.values) if value.isspace()] if required else []
        if blank:
            rows = np.flatnonzero(np.isin(words.codes, blank))
            self._tell(rows, name, lambda _: ("it is empty", "every row has prompt, model and score"))
        broken = _broken(words.values)
        if broken:
            rows = np.flatnonzero(np.isin(words.codes, broken))
            fix = "decode it first, for example with errors='replace'"
            self._tell(rows, name, lambda row: (f"{_shown(values[row])} is not valid Unicode text", fix))
        return words

    def _tell(self, rows: npt.NDArray[np.intp], name: str, words: Callable[[int], tuple[str, str]]) -> None:
        told = 0
        for row in map(int, rows):
            if told > MOST_VIOLATIONS:
                return
            if row not in self._skip:
                told += 1
                self._found.append((row, self._column, Violation(f"row {row}.{name}", *words(row))))
        if len(self._found) > 64 * MOST_VIOLATIONS:  # many bad columns: those of the first rows are enough
            self._found = heapq.nsmallest(2 * MOST_VIOLATIONS, self._found, key=lambda each: each[:2])


def _missing(_: int) -> tuple[str, str]:
    return "it is missing", "every row has prompt, model and score"


def _valid(name: str, numbers: Floats) -> npt.NDArray[np.bool_]:
    import numpy as np

    if name in ("score", "leg_confidence"):
        return (numbers >= 0) & (numbers <= 1)
    if name == "propensity":
        return (numbers > 0) & (numbers <= 1)
    if name == "timestamp":
        return np.isfinite(numbers)
    valid = np.isfinite(numbers) & (numbers >= 0)
    return valid & (numbers == np.floor(numbers)) if name in WHOLE else valid


def numbers_of(name: str, column: Column) -> tuple[Floats, list[int]]:
    """As float64, and the rows where something is written that is no number."""
    import numpy as np

    if isinstance(column, np.ndarray):
        return column, []
    try:
        # None becomes NaN here; text that is a number is read as one, and any other text raises.
        numbers = np.array(column, np.float64)
        if numbers.shape != (len(column),):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        numbers = _each(name, column)
    unread = [int(row) for row in np.flatnonzero(np.isnan(numbers)) if not _is_nothing(column[row])]
    return numbers, unread


def _each(name: str, column: Sequence[Any]) -> Floats:
    import numpy as np

    read: dict[Any, float] = {}
    numbers = np.empty(len(column))
    for row, value in enumerate(column):
        try:
            number = read.get(value)
        except TypeError:  # no key of a dictionary, and no number either
            number = math.nan
        if number is None:
            number = read[value] = number_of(name, value)
        numbers[row] = number
    return numbers


def number_of(name: str, value: Any) -> float:
    """One value as a float; NaN for what is no number."""
    if name == "timestamp":
        if isinstance(value, datetime):
            return _seconds(value)
        if isinstance(value, str):
            try:
                return _seconds(datetime.fromisoformat(value))
            except ValueError:
                pass
    if name == "score" and isinstance(value, str) and value.lower() in TRUTHS:
        return TRUTHS[value.lower()]
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _is_nothing(value: Any) -> bool:
    return value is None or value == "" or type(value).__name__ in ("NAType", "NaTType")


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    if _is_nothing(value) or value != value:
        return None
    # A fold that pandas has made a float of, because another row has none.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _broken(values: list[str]) -> list[int]:
    """The values with a lone surrogate; all of them are looked at together first."""
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return [number for number, value in enumerate(values) if any("\ud800" <= c <= "\udfff" for c in value)]
    return []


def _shown(value: Any) -> str:
    shown = repr(value.item() if hasattr(value, "item") else value)
    return shown if len(shown) <= 80 else shown[:77] + "…"
