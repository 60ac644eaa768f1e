"""What the metrics accept: numbers without NaN, of shapes that fit. All that is wrong is told at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import MetricsError, Violation

__all__ = ["Floats", "Inputs"]

Floats = npt.NDArray[np.float64]


class Inputs:
    """Reads arguments as float64 arrays and collects what is wrong with them; `done` raises it.

    >>> inputs = Inputs()
    >>> inputs.vector("gain", [0.5, float("nan")]).shape
    (2,)
    >>> inputs.done()
    Traceback (most recent call last):
    ecology.errors.MetricsError: this cannot be measured:
      gain: 1 of 2 numbers are NaN or infinite (leave those prompts out)
    """

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._rows: tuple[str, int] | None = None

    def vector(self, name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> Floats:
        """One number a prompt, within [low, high]."""
        return self._read(name, value, (1,), low, high)

    def matrix(self, name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> Floats:
        """One number a prompt and model, within [low, high]."""
        return self._read(name, value, (2,), low, high)

    def costs(self, name: str, value: Any, like: Floats) -> Floats:
        """One cost of 0 or more a model, or one a prompt and model; given back as [prompts, models]."""
        read = self._read(name, value, (1, 2), 0.0, np.inf, rows=False)
        if like.ndim != 2 or read.ndim == 0:
            return read
        if read.shape not in ((like.shape[1],), like.shape):
            fix = f"give [models] = ({like.shape[1]},) or [prompts, models] = {like.shape}"
            self.violations.append(Violation(name, f"its shape is {read.shape}", fix))
            return read
        return np.broadcast_to(read, like.shape)

    def number(self, name: str, value: float, low: float, high: float) -> float:
        """A number within [low, high]."""
        if not low <= value <= high:
            self.violations.append(Violation(name, f"{value!r} is not in [{low:g}, {high:g}]", "choose another"))
        return float(value)

    def wrong(self, place: str, problem: str, fix: str) -> None:
        """One more thing that is wrong."""
        self.violations.append(Violation(place, problem, fix))

    def done(self) -> None:
        """Raise what was found.

        Raises:
            MetricsError: with all of it.
        """
        if self.violations:
            raise MetricsError(self.violations)

    def _read(
        self, name: str, value: Any, dimensions: tuple[int, ...], low: float, high: float, rows: bool = True
    ) -> Floats:
        try:
            read = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            self.wrong(name, "it is not an array of numbers", "give numbers in rows of one length")
            return np.zeros(0)
        if read.ndim not in dimensions:
            wanted = " or ".join({1: "[prompts]", 2: "[prompts, models]"}[each] for each in dimensions)
            self.wrong(name, f"its shape is {read.shape}", f"give {wanted}")
            return np.zeros(0)
        if read.size == 0:
            self.wrong(name, "it is empty", "give one row or more")
            return read
        strange = int((~np.isfinite(read)).sum())
        if strange:
            numbers = f"{strange} of {read.size} numbers are NaN or infinite"
            self.wrong(name, numbers, "leave those prompts out")
        elif read.min() < low or read.max() > high:
            at = float(read.min() if read.min() < low else read.max())
            self.wrong(name, f"{at:g} is not in [{low:g}, {high:g}]", "scale it")
        if rows:
            if self._rows is None:
                self._rows = name, len(read)
            elif self._rows[1] != len(read):
                first, count = self._rows
                self.wrong(name, f"it has {len(read)} rows, {first} has {count}", "give one row a prompt")
        return read
