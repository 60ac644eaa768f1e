"""What the benches of routing share: arguments, the encoder for the rivals, tables, and whether a target is held."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

__all__ = ["arguments", "embedding_of", "encoder", "fit_options", "held", "show"]

WIDTH = 140


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that every bench of routing has."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the tables")
    parser.add_argument(
        "--embedding",
        type=Path,
        help="a file of `ecology embeddings distil`, or a folder with TABLE.safetensors for each; without it n-grams",
    )
    parser.add_argument(
        "--encoder", type=Path, help="a folder of `ecology embeddings build`, for the rivals by nearest"
    )
    parser.add_argument("--refit", action="store_true", help="fit once more on training and validation rows together")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--seed", type=int, default=0, help="of splits, fits and resamples")
    parser.add_argument("--resamples", type=int, default=1000, help="of each interval")
    return parser


def embedding_of(embedding: Path | None, table: str) -> Path | None:
    """The file for a table: one for all, or its own in a folder; None where the folder has none."""
    if embedding is None or not embedding.is_dir():
        return embedding
    own = embedding / f"{table}.safetensors"
    return own if own.exists() else None


def fit_options(options: argparse.Namespace, table: str | None = None) -> dict[str, Any]:
    """For `Router.fit`."""
    embedding = options.embedding if table is None else embedding_of(options.embedding, table)
    given = {} if embedding is None else {"embedding": embedding}
    return given | ({"refit": True} if options.refit else {})


def encoder(folder: Path | None) -> Any:
    """From texts to unit vectors, or None."""
    if folder is None:
        return None
    from ecology.backends.encoder import Encoder

    opened = Encoder(folder / "encoder.onnx", folder / "tokenizer.json", max_tokens=256)
    return lambda texts, tell: opened.encode(texts, progress=lambda done, all_: tell(done / all_))


def held(value: float, target: float | None, *, at_most: bool = False) -> str:
    """`held`, `missed`, or nothing where there is no target."""
    if target is None or np.isnan(value):
        return ""
    reached = value <= target if at_most else value >= target
    return f"{'held' if reached else 'missed'} ({'≤' if at_most else '≥'} {target:g})"


def show(results: Sequence[dict[str, Any]], note: str, as_json: bool) -> None:
    """Each result is a title, columns, rows of cells (the first of the product in bold) and remarks; or all as JSON."""
    if as_json:
        print(json.dumps([{key: r[key] for key in r if key not in ("columns", "cells")} for r in results], indent=2))
        return
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for result in results:
        table = Table(title=result["title"], title_justify="left")
        table.add_column("")
        for column in result["columns"]:
            table.add_column(column, justify="right")
        for cells in result["cells"]:
            table.add_row(*cells, style="bold" if cells[0].startswith("ecology") else None)
        console.print(table)
        for remark in result["remarks"]:
            console.print(f"  {remark}", highlight=False)
        console.print()
    console.print(note, style="dim")
