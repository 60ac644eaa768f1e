"""The command line: one file per command.

Nouns come before verbs (`ecology model list`), `--json` prints one object, errors say what to do and exit with 1.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """The entry point of the `ecology` command."""
    from .app import run

    run()
