"""Tables of text that users bring: CSV or JSONL, gzipped or not, read with the standard library."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

from .errors import ArtifactError

__all__ = ["read_table"]


def read_table(path: Path, fix: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of a file: `.csv` or `.jsonl`, also with `.gz`. `fix` ends the sentence of the error.

    Raises:
        ArtifactError: it cannot be read, decompressed, decoded or parsed.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
        if ".jsonl" in path.suffixes:
            return _objects(text)
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = list(reader.fieldnames or ())
        return columns, list(reader)
    # ValueError: not UTF-8, not JSON, or a line that is no object; RecursionError: JSON without a bottom.
    except (OSError, EOFError, zlib.error, ValueError, RecursionError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArtifactError(str(path), f"it cannot be read: {reason}", fix) from error


def _objects(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of JSON objects, one a line; a key that a row lacks is None there, as in a CSV."""
    # Not `splitlines`, which also splits at characters that a JSON string may hold.
    lines = [(number, json.loads(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    stray = next((number for number, line in lines if not isinstance(line, dict)), None)
    if stray is not None:
        raise ValueError(f"line {stray} is no JSON object")
    columns = list(dict.fromkeys(key for _, line in lines for key in line))
    return columns, [dict.fromkeys(columns) | line for _, line in lines]
