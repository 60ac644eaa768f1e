"""The one way from anything that holds a table to checked columns of outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .checked import Checker
from .columns import columns_of
from .outcome import NUMBERS, REQUIRED, TEXTS
from .wide import melted, wide_models
from .words import Words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["read_parts"]

FIX = "every row has prompt, model and score, or prompt and a column of scores per model"


def read_parts(source: Any, wide: Sequence[str] | None) -> tuple[Words, Words, dict[str, Floats], dict[str, Words]]:
    """Prompts, models, numbers and texts of a long table, which the source is or is turned into.

    Raises:
        ArtifactError, MissingExtra: a file or frame cannot be read.
        OutcomesError: with all that is wrong, by row (the first 20).
    """
    columns, strays = columns_of(source)
    rows = len(next(iter(columns.values()), ()))
    checker = Checker(rows, strays)
    models = wide_models(columns, wide, checker)
    if rows:
        for name in REQUIRED if models is None else REQUIRED[:1]:
            if name not in columns:
                checker.wrong(f"column {name}", "there is no such column", FIX)
    if models and "prompt" in columns:
        parts = melted(columns, models, checker)
        checker.done()
        if not len(parts[0].codes):
            Checker(0).done()  # every cell is empty
        return parts
    words = {name: checker.text(name, columns[name]) for name in TEXTS if name in columns}
    numbers = {name: checker.number(name, columns[name]) for name in NUMBERS if name in columns}
    checker.done()
    return words.pop("prompt"), words.pop("model"), numbers, words
