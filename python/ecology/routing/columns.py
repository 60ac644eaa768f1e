"""From whatever holds a table to columns by name: files, frames, mappings, rows.

pandas, polars and pyarrow are never needed to read what they did not make: a frame brings its own library. NaN in a
frame or an array is how they write that nothing is known, so it becomes None; in rows and in text it is a mistake, and
stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutcomesError, Violation
from ..table import read_columns
from .outcome import NAMES, Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    # Numbers are float64 with NaN for what is unknown; anything else is a list of Python values.
    Column = npt.NDArray[np.float64] | list[Any]
    Columns = dict[str, Column]

__all__ = ["columns_of"]

FIX = "give a .csv, .jsonl or .parquet file with the columns prompt, model and score, gzipped or not"


def columns_of(source: Any) -> tuple[Columns, list[Violation]]:
    """Columns of one length, and what is no row at all (its values are None everywhere).

    Raises:
        ArtifactError: a file cannot be read.
        MissingExtra: pyarrow is needed and is not installed.
        OutcomesError: it is no table, or its columns differ in length.
    """
    if isinstance(source, str | os.PathLike):
        source = read_columns(Path(source), FIX)
    if hasattr(source, "collect_schema") and hasattr(source, "collect"):  # a lazy frame of polars
        source = source.collect()
    named = _named(source)
    if named is not None:
        columns = {str(name): _frozen(column) for name, column in named.items()}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise OutcomesError([Violation("outcomes", f"the columns differ in length: {shown}", "make them equal")])
        return columns, []
    if isinstance(source, bytes) or not isinstance(source, Iterable):
        fix = "give rows, a mapping of columns, a frame or a path"
        raise OutcomesError([Violation("outcomes", f"a {type(source).__name__} is no table", fix)])
    return _of_rows(list(source))


def _is_unknown(value: Any) -> bool:
    """Whether a frame means nothing by it: None, NaN, pandas' NA and NaT."""
    return (
        value is None or (isinstance(value, float) and value != value) or type(value).__name__ in ("NAType", "NaTType")
    )


def _named(source: Any) -> Mapping[Any, Any] | None:
    """The columns of a mapping or a frame; None for anything else."""
    if isinstance(source, Mapping):
        return source
    if hasattr(source, "iloc") and hasattr(source, "columns"):  # pandas
        return {name: source.iloc[:, at] for at, name in enumerate(source.columns)}
    if hasattr(source, "get_columns"):  # polars
        return {column.name: column for column in source.get_columns()}
    if hasattr(source, "column_names") and hasattr(source, "to_pydict"):  # pyarrow
        return {name: source.column(name) for name in source.column_names}
    if hasattr(source, "__arrow_c_stream__"):  # whoever speaks Arrow: DuckDB, cuDF, another version of polars
        from ..table import pyarrow

        return _named(pyarrow().table(source))
    names = getattr(getattr(source, "dtype", None), "names", None)  # a structured array of numpy
    return None if names is None else {name: source[name] for name in names}


def _frozen(values: Any) -> Column:
    """One column as float64 or as a list."""
    import numpy as np

    if isinstance(values, list | tuple):
        return list(values)
    dtype = getattr(values, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if kind is not None:  # numpy and pandas
        if kind in "biuf":
            if isinstance(values, np.ndarray):
                return values.astype(np.float64)
            return np.asarray(values.to_numpy(dtype="float64", na_value=float("nan")))
        if kind == "M":
            array = values if isinstance(values, np.ndarray) else values.to_numpy(dtype="datetime64[ns]")
            return _seconds(array)
        return [None if _is_unknown(value) else value for value in values.tolist()]
    if dtype is not None and hasattr(dtype, "is_numeric"):  # polars
        if dtype.is_numeric() or str(dtype) == "Boolean":
            return np.array([np.nan if value is None else value for value in values.to_list()], np.float64)
        return list(values.to_list())
    if hasattr(values, "to_pylist"):  # pyarrow
        shown = str(values.type)
        if shown.startswith(("int", "uint", "float", "double", "halffloat")):
            return np.asarray(values.cast("float64", safe=False).to_numpy(zero_copy_only=False), np.float64)
        return list(values.to_pylist())
    return list(values)


def _seconds(array: Any) -> npt.NDArray[np.float64]:
    import numpy as np

    microseconds = array.astype("datetime64[us]")
    seconds = microseconds.astype(np.int64) / 1e6
    seconds[np.isnat(microseconds)] = np.nan
    return np.asarray(seconds, np.float64)


def _of_rows(rows: Sequence[Any]) -> tuple[Columns, list[Violation]]:
    if rows and all(type(row) is Outcome for row in rows):
        return {name: list(map(attrgetter(name), rows)) for name in NAMES}, []
    strays: list[Violation] = []
    read: list[Mapping[Any, Any]] = []
    for number, row in enumerate(rows):
        if isinstance(row, Outcome):
            read.append({name: getattr(row, name) for name in NAMES})
        elif isinstance(row, Mapping):
            read.append(row)
        else:
            problem = f"a {type(row).__name__} is no row"
            strays.append(Violation(f"row {number}", problem, "give dictionaries or Outcome values"))
            read.append({})
    names = dict.fromkeys(name for row in read for name in row)
    columns: Columns = {str(name): [row.get(name) for row in read] for name in names}
    if rows and not columns:
        columns = {name: [None] * len(rows) for name in ("prompt", "model", "score")}
    return columns, strays
