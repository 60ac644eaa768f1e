"""Outcomes into a file, whole or not at all, and the same bytes for the same table."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..errors import ArtifactError
from ..table import pyarrow

if TYPE_CHECKING:
    from .outcomes import Outcomes

__all__ = ["write"]


def write(outcomes: Outcomes, path: str | os.PathLike[str]) -> None:
    """As the name ends: `.jsonl`, `.parquet`, else CSV; with `.gz` compressed.

    Raises:
        ArtifactError: it cannot be written.
        MissingExtra: it is Parquet, and pyarrow is not installed.
    """
    file = Path(path)
    kind = file.with_suffix("").suffix if file.suffix == ".gz" else file.suffix
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    columns = outcomes.to_columns()
    try:
        if file.suffix == ".parquet":
            table = pyarrow().table(columns)
            from pyarrow import parquet

            parquet.write_table(table, partial)
        elif kind != ".jsonl":
            with _text(partial, packed=file.suffix == ".gz") as text:
                writer = csv.writer(text)  # lines end with "\r\n", so that a cell with either is quoted
                writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))
        else:
            with _text(partial, packed=file.suffix == ".gz") as text:
                for row in zip(*columns.values(), strict=True):
                    known = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
                    text.write(json.dumps(known, ensure_ascii=False) + "\n")
        partial.replace(file)
    except OSError as error:
        problem = f"it cannot be written: {error.strerror or error}"
        raise ArtifactError(str(file), problem, "choose another place") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _text(path: Path, *, packed: bool) -> Iterator[IO[str]]:
    with path.open("wb") as raw:
        # No name and no time inside: the same table is the same bytes.
        body: IO[bytes] = gzip.GzipFile("", "wb", 6, raw, 0) if packed else raw  # type: ignore[assignment]
        text = io.TextIOWrapper(body, encoding="utf-8", newline="")
        yield text
        text.flush()
        if packed:
            text.close()
        else:
            text.detach()
