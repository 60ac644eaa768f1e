"""Wide tables: one row a prompt, one column of scores a model, as spreadsheets and benchmarks write them.

    prompt,        task,    small@1, large@1, large@1|cost_usd
    What is 2+2?,  sums,    1,       1,       0.004
    Why is it so?, essays,  0,       0.9,     0.011

A column with the name of a model holds its scores; an empty cell is a model that was not asked. `<model>|<field>` holds
another number of its outcomes, and a column with the plain name of a field holds the same for every model of the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .checked import Checker, numbers_of
from .outcome import NAMES, NUMBERS, REQUIRED, TEXTS
from .words import Words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .columns import Column, Columns

    Floats = npt.NDArray[np.float64]

__all__ = ["melted", "wide_models"]

SEPARATOR = "|"
# What tables number their rows by: numbers, but nobody's scores.
IDENTIFIERS = {"", "id", "idx", "index", "row", "sample_id", "question_id", "Unnamed: 0"}
ADVICE = "name the columns of scores: wide=[…]"


def wide_models(columns: Columns, wide: Sequence[str] | None, checker: Checker) -> list[str] | None:
    """The columns that hold scores of models; None when the table is long, which is when it has `model` or `score`.

    Without `wide`, columns of numbers are models, columns of text are something else, and a column of numbers that are
    no scores is told: it may be a model with a mistake, or no model at all.
    """
    if wide is not None:
        for model in wide:
            if model not in columns:
                checker.wrong(f"column {model}", "there is no such column", f"there are: {', '.join(columns)}")
        return [model for model in dict.fromkeys(wide) if model in columns]
    if "model" in columns or "score" in columns:
        return None
    models: list[str] = []
    doubtful: list[str] = []
    for name, column in columns.items():
        if name in NAMES or name in IDENTIFIERS or SEPARATOR in name:
            continue
        kind = _kind(column)
        if kind is not None:
            (models if kind else doubtful).append(name)
    if models:
        for name in doubtful:
            checker.wrong(f"column {name}", "it has numbers outside [0, 1] in a table without the column model", ADVICE)
    return models or None


def _kind(column: Column) -> bool | None:
    """True for scores, False for other numbers and for numbers with slips, None for text or nothing."""
    import numpy as np

    numbers, unread = numbers_of("score", column)
    seen = numbers[~np.isnan(numbers)]
    if len(unread) > len(seen) or not len(seen):
        return None
    return not unread and bool(((seen >= 0) & (seen <= 1)).all())


def melted(
    columns: Columns, models: Sequence[str], checker: Checker
) -> tuple[Words, Words, dict[str, Floats], dict[str, Words]]:
    """Prompts, models, numbers and texts of the long table: prompt by prompt, models in the order of columns."""
    import numpy as np

    rows, width = len(next(iter(columns.values()))), len(models)
    prompts = checker.text("prompt", columns["prompt"])
    scores = np.stack([checker.number("score", columns[model], called=model, required=False) for model in models], 1)
    observed = ~np.isnan(scores).ravel()
    numbers = {"score": scores.ravel()[observed]}
    for name in NUMBERS:
        own = {model: columns[each] for model in models if (each := f"{model}{SEPARATOR}{name}") in columns}
        if name in REQUIRED or not (own or name in columns):
            continue
        shared = checker.number(name, columns[name]) if name in columns else np.full(rows, np.nan)
        filled = [
            checker.number(name, own[model], called=f"{model}{SEPARATOR}{name}") if model in own else shared
            for model in models
        ]
        numbers[name] = np.stack(filled, 1).ravel()[observed]
    texts = {name: checker.text(name, columns[name]) for name in TEXTS if name in columns and name not in REQUIRED}

    def repeated(words: Words) -> Words:
        return Words(words.values, np.repeat(words.codes, width)).take(observed)

    codes = np.tile(np.arange(width, dtype=np.int32), rows)
    answered = Words(list(models), codes).take(observed)
    return repeated(prompts), answered, numbers, {name: repeated(words) for name, words in texts.items()}
