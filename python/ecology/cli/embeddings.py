"""`ecology embeddings build`: a sentence encoder as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson
from .output import console, print_json, steps

__all__ = ["commands"]

commands = typer.Typer(help="Sentence encoders.", no_args_is_help=True)


@commands.command("build")
def build_encoder(
    out: Annotated[Path, typer.Option(help="Where encoder.onnx and tokenizer.json are written.")] = Path(
        ".ecology/minilm"
    ),
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
