"""Tables that users bring: CSV or JSONL, gzipped or not, read with the standard library; Parquet by pyarrow."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .errors import ArtifactError, MissingExtra

__all__ = ["pyarrow", "read_columns", "read_objects", "read_table"]

CHUNK_ROWS = 16_384


def read_table(path: Path, fix: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of a file, as `read_columns` reads it; a key that a row lacks is None there.

    Raises:
        ArtifactError: it cannot be read, decompressed, decoded or parsed.
        MissingExtra: it is Parquet, and pyarrow is not installed.
    """
    columns = read_columns(path, fix)
    if not isinstance(columns, dict):
        columns = {name: columns.column(name).to_pylist() for name in columns.column_names}
    names = list(columns)
    return names, [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def read_columns(path: Path, fix: str) -> Any:
    """Columns of a file by name: `.csv` or `.jsonl`, also with `.gz`, or `.parquet`. `fix` ends the error's sentence.

    Text is read as it is; a cell that a row lacks is None. Equal strings of a file are one object, so a table that
    repeats its prompts costs what its prompts do. Parquet is given as pyarrow's table.

    Raises:
        ArtifactError: it cannot be read, decompressed, decoded or parsed.
        MissingExtra: it is Parquet, and pyarrow is not installed.
    """
    if path.suffix == ".parquet":
        return _parquet(path, fix)
    try:
        if ".jsonl" in path.suffixes:
            with _text(path, "\n") as text:
                return _transposed(_objects(text))
        with _text(path, "") as text:
            return _cells(text)
    # ValueError: not UTF-8, not JSON, or a line that is no object; RecursionError: JSON without a bottom.
    except (OSError, EOFError, zlib.error, ValueError, RecursionError, csv.Error) as error:
        raise _unreadable(path, error, fix) from error


def read_objects(path: Path, fix: str) -> list[dict[str, Any]]:
    """The objects of a `.jsonl`, `.json` (a list, or an object that has one under `data`), `.csv` or `.parquet` file.

    Raises:
        ArtifactError: it cannot be read, decompressed, decoded or parsed.
        MissingExtra: it is Parquet, and pyarrow is not installed.
    """
    if ".jsonl" not in path.suffixes and ".json" not in path.suffixes:
        return read_table(path, fix)[1]
    try:
        with _text(path, "\n") as text:
            if ".jsonl" in path.suffixes:
                return list(_objects(text))
            whole = json.load(text)
            rows = whole.get("data", [whole]) if isinstance(whole, dict) else whole
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise ValueError("it holds no list of JSON objects")
            return rows
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise _unreadable(path, error, fix) from error


def pyarrow() -> Any:
    """The module.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtra("tables", "pyarrow") from error
    return pyarrow


def _unreadable(path: Path, error: Exception, fix: str) -> ArtifactError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ArtifactError(str(path), f"it cannot be read: {reason}", fix)


def _text(path: Path, newline: str) -> IO[str]:
    """`newline` is "" for CSV, whose reader knows quotes, and "\\n" for JSONL: a line ends nowhere else."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)


def _cells(text: Any) -> dict[str, list[Any]]:
    reader = csv.reader(text)
    names = next(reader, [])
    columns: list[list[Any]] = [[] for _ in names]
    chunk: list[list[str]] = []
    seen: list[dict[str, str]] = [{} for _ in names]

    def flush() -> None:
        padded = (row if len(row) >= len(names) else row + [None] * (len(names) - len(row)) for row in chunk)
        for column, known, cells in zip(columns, seen, zip(*padded, strict=False), strict=False):
            column.extend(known.setdefault(cell, cell) for cell in cells)
        chunk.clear()

    for row in reader:
        if row:  # an empty line is no row
            chunk.append(row)
            if len(chunk) == CHUNK_ROWS:
                flush()
    flush()
    return dict(zip(names, columns, strict=True))


def _objects(text: Any) -> Iterator[dict[str, Any]]:
    """JSON objects, one a line."""
    for number, line in enumerate(text, 1):
        if line.strip():
            value = json.loads(line)
            if not isinstance(value, dict):
                raise ValueError(f"line {number} is no JSON object")
            yield value


def _transposed(rows: Iterator[dict[str, Any]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    seen: dict[str, str] = {}
    count = 0
    for row in rows:
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = []
            if len(column) < count:
                column.extend([None] * (count - len(column)))
            column.append(seen.setdefault(value, value) if isinstance(value, str) else value)
        count += 1
    for column in columns.values():
        column.extend([None] * (count - len(column)))
    return columns


def _parquet(path: Path, fix: str) -> Any:
    arrow = pyarrow()
    from pyarrow import parquet

    try:
        return parquet.read_table(path)
    except (OSError, arrow.ArrowException) as error:
        raise _unreadable(path, error, fix) from error
