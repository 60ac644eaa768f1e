"""Prompts to ask, from a file: a sample that the seed decides."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from ..errors import OutcomesError, Violation
from ..table import read_table

__all__ = ["read_sample"]

TEXT = ("prompt", "text", "input")
EXPECTED = ("expected", "label", "intent", "answer")


def read_sample(path: Path, most: int, seed: int, *, needs_expected: bool) -> tuple[list[tuple[str, str | None]], str]:
    """Rows (prompt, expected) of a CSV, at most `most` of them, and the SHA-256 of the file's bytes.

    Raises:
        ArtifactError: the file cannot be read.
        OutcomesError: it has no prompts, or no labels where they are needed.
    """
    columns, rows = read_table(path, "give a CSV or JSONL file with a column of prompts")
    prompt = next((name for name in TEXT if name in columns), None)
    expected = next((name for name in EXPECTED if name in columns), None)
    violations = []
    if prompt is None:
        violations.append(Violation(str(path), "it has no column of prompts", f"name one {' or '.join(TEXT)}"))
    if needs_expected and expected is None:
        fix = f"name one {' or '.join(EXPECTED)}, or score with --scorer or --judge"
        violations.append(Violation(str(path), "it has no column of expected answers", fix))
    pairs = [
        (str(row[prompt]), str(row[expected]) if expected and row[expected] is not None else None)
        for row in rows
        if prompt is not None and row[prompt] is not None and str(row[prompt]).strip()
    ]
    if not pairs and not violations:
        violations.append(Violation(str(path), "it has no rows", "add some prompts"))
    if violations:
        raise OutcomesError(violations)
    chosen = sorted(random.Random(seed).sample(range(len(pairs)), min(most, len(pairs))))
    return [pairs[row] for row in chosen], "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
