"""The application: its commands, and what becomes of errors."""

from __future__ import annotations

import sys
import traceback

import typer

from ..errors import EcologyError
from . import (
    answer,
    check,
    demo,
    drift,
    embeddings,
    evaluate,
    fit,
    init,
    intent,
    justify,
    model,
    outcomes,
    replay,
    route,
)
from .output import fail

__all__ = ["app", "run"]

app = typer.Typer(
    name="ecology",
    help="Run a governed population of small models in place of one large one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for single in (demo, init, check, fit, evaluate, justify, route, answer, replay, drift):
    app.command(single.__name__.rpartition(".")[2])(single.command)
for group in (embeddings, outcomes, intent, model):
    app.add_typer(group.commands, name=group.__name__.rpartition(".")[2])


def _say_version(wanted: bool) -> None:
    if wanted:
        from .._core import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the stack trace of an error."),
    # Eager, so that it needs no command beside it.
    _version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_say_version, is_eager=True
    ),
) -> None:
    app.info.obj = debug  # type: ignore[attr-defined]  # read back in run()


def run() -> None:
    """Run the command line. Exit codes: 0 done, 1 an error that is explained, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except EcologyError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        fail(error, as_json="--json" in sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
