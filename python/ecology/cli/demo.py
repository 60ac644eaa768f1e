"""`ecology demo`: train a population on this machine and watch it answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson
from .output import console, print_json, steps

__all__ = ["command"]


def command(
    data: Annotated[
        Path | None,
        typer.Option(help="Your labelled texts: CSV, gzipped or not, with text, label or intent, domain, split."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the trained population is left.")] = Path(".ecology/demo"),
    target: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Quality to reach, as a share of the generalist's.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of every split, fold and shuffle.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train small models and a large one here, route between them, and compare with the large one alone."""
    from ..demo.corpus import bundled, read_corpus
    from ..demo.report import print_report
    from ..demo.run import run_demo

    corpus = bundled(seed) if data is None else read_corpus(data, seed)
    with steps(quiet=as_json) as step:
        result = run_demo(corpus, out, step, seed=seed, quality_target=target)
    if as_json:
        print_json(result.to_dict())
    else:
        print_report(result, console)
