"""Tables of text that users bring: CSV or JSONL, gzipped or not, read with the standard library."""

from __future__ import annotations

import csv
import gzip
import io
import json
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
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
            columns = list(dict.fromkeys(key for line in lines if isinstance(line, dict) for key in line))
            return columns, lines
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = list(reader.fieldnames or ())
        return columns, list(reader)
    except (OSError, EOFError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArtifactError(str(path), f"it cannot be read: {reason}", fix) from error
