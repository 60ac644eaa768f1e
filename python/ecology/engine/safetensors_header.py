"""Reads the header of a safetensors file, which says what is in it: 8 bytes of length, then JSON, then the data.

Read by hand, so that checking a description needs no library and no tensor is loaded. The format is
https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["fault"]

LONGEST = 100_000_000  # the bound of the format's own reader


def fault(path: Path) -> str | None:
    """What is wrong with the file; `None` for one whose header describes exactly the data that follows."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or length > min(size - 8, LONGEST):
                return f"its header claims {length} bytes of {max(size - 8, 0)}"
            header = json.loads(stream.read(length))
    except (OSError, ValueError, RecursionError) as error:
        return f"its header cannot be read ({type(error).__name__})"
    if not isinstance(header, dict):
        return "its header is not a table of tensors"
    end = 0
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        last = _end(tensor)
        if last is None:
            return f"tensor {name!r} has no dtype, shape and data_offsets"
        end = max(end, last)
    held = size - 8 - length
    return None if end == held else f"its tensors take {end} bytes and {held} are there"


def _end(tensor: Any) -> int | None:
    """Where the tensor's data ends, counted from the end of the header."""
    if not isinstance(tensor, Mapping) or not isinstance(tensor.get("dtype"), str):
        return None
    shape, offsets = _naturals(tensor.get("shape")), _naturals(tensor.get("data_offsets"))
    if shape is None or offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        return None
    return offsets[1]


def _naturals(numbers: Any) -> list[int] | None:
    natural = isinstance(numbers, list) and all(type(number) is int and number >= 0 for number in numbers)
    return numbers if natural else None
