"""The name of a table's content: a router says by it what it was fitted on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from .outcome import TEXTS

if TYPE_CHECKING:
    from .outcomes import Outcomes

__all__ = ["digest"]

VERSION = "ecology.outcomes.v1"


def digest(outcomes: Outcomes) -> str:
    """`sha256:` over the known fields, column by column, rows sorted by prompt and model.

    Sorting is stable, so rows of one prompt and model keep their order: the last of them is the one that counts.
    A column of text is its sorted values as JSON and a number per row (-1: none); numbers are little-endian float64,
    with one NaN for what is unknown and no negative zero.
    """
    import numpy as np

    words = {name: column.sorted() for name in TEXTS if (column := outcomes.words(name)) is not None}
    order = np.lexsort((words["model"].codes, words["prompt"].codes))
    digest = hashlib.sha256(json.dumps([VERSION, len(outcomes), outcomes.fields]).encode())
    for name in outcomes.fields:
        if name in TEXTS:
            digest.update(json.dumps(words[name].values, ensure_ascii=False).encode() + b"\n")
            digest.update(words[name].codes[order].astype("<i4").tobytes())
        else:
            numbers = outcomes.numbers(name)[order] + 0.0
            numbers[np.isnan(numbers)] = np.nan
            digest.update(numbers.astype("<f8").tobytes())
    return "sha256:" + digest.hexdigest()
