"""`ecology embeddings build`: a sentence encoder as one ONNX file. `distil`: a static embedding from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ArtifactError
from .options import AsJson
from .output import console, print_json, steps

__all__ = ["commands"]

commands = typer.Typer(help="Sentence encoders, and tables that are distilled from them.", no_args_is_help=True)

ENCODER = Path(".ecology/minilm")
FIX_TEXTS = "give a text per line, or a .csv or .jsonl file, also with .gz"
COLUMNS = ("text", "prompt", "question", "input")


@commands.command("build")
def build_encoder(
    out: Annotated[Path, typer.Option(help="Where encoder.onnx and tokenizer.json are written.")] = ENCODER,
    int8: Annotated[bool, typer.Option("--int8", help="Quantise: a third of the size and time.")] = False,
    as_json: AsJson = False,
) -> None:
    """Convert MiniLM to ONNX with its tokenizer, and check it against reference vectors."""
    from dataclasses import asdict

    from ..backends.minilm import build

    with steps(quiet=as_json) as step, step("encoder: MiniLM to ONNX, checked against reference vectors"):
        built = build(out, precision="int8" if int8 else "fp32")
    if as_json:
        return print_json(asdict(built))
    console.print(
        f"{built.onnx} and {built.tokenizer}: {built.dimension} dimensions, {built.bytes / 1e6:.1f} MB, "
        f"at most {built.max_error:.1e} off the reference",
        highlight=False,
        soft_wrap=True,
    )
    return None


@commands.command("distil")
def distil_embedding(
    texts: Annotated[
        list[Path], typer.Option("--texts", help="Texts like those to come: one per line, or .csv or .jsonl, also .gz.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("static.safetensors"),
    teacher: Annotated[
        Path, typer.Option(help="Folder of `ecology embeddings build`; MiniLM is built there when it is absent.")
    ] = ENCODER,
    dimensions: Annotated[int, typer.Option(min=1, help="Length of a vector.")] = 256,
    column: Annotated[
        str | None, typer.Option(help="Column or key of the text; else text, prompt, question or input.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the teacher.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Distil a sentence encoder into a table of word pieces: meaning for routers and intents, in microseconds."""
    import json

    from ..backends.minilm import build
    from ..backends.static_embedding import Teacher, distil

    read = [text for path in texts for text in _texts(path, column)]
    with steps(quiet=as_json) as step:
        if not (teacher / "encoder.onnx").exists():
            with step("encoder: MiniLM to ONNX, checked against reference vectors"):
                build(teacher)
        try:
            table = distil(read, Teacher.open(teacher, threads), dimensions=dimensions, step=step)
        except ValueError as error:
            raise ArtifactError(", ".join(map(str, texts)), str(error), FIX_TEXTS) from error
    digest = table.save(out)
    provenance = json.loads(table.provenance)
    if as_json:
        facts = {"file": str(out), "file_sha256": digest, "digest": table.digest, "pieces": len(table)}
        return print_json(facts | provenance)
    console.print(
        f"{out}: {len(table):,} word pieces, {table.dimensions} dimensions, {out.stat().st_size / 1e6:.1f} MB; "
        f"mean cosine to its teacher on texts held out {provenance['agreement']:.3f}",
        highlight=False,
        soft_wrap=True,
    )
    return None


def _texts(path: Path, column: str | None) -> list[str]:
    """The texts of a file: a table's column, or lines."""
    from ..table import read_table

    if {".csv", ".jsonl"}.isdisjoint(path.suffixes):
        return _lines(path)
    columns, rows = read_table(path, FIX_TEXTS)
    named = column or next((known for known in COLUMNS if known in columns), None)
    if named is None or named not in columns:
        problem = f"it has the columns {', '.join(columns)}, {f'not {named}' if named else 'none of a text'}"
        raise ArtifactError(str(path), problem, "name the column of the text with --column")
    return [value for row in rows if isinstance(value := row[named], str)]


def _lines(path: Path) -> list[str]:
    import gzip
    import zlib

    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArtifactError(str(path), f"it cannot be read: {reason}", FIX_TEXTS) from error
