"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["AsJson", "File", "RiskLevel", "Task"]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="The description; otherwise $ECOLOGY_FILE or ecology.toml.", show_default=False),
]
RiskLevel = Annotated[
    Literal["low", "medium", "high"] | None,
    typer.Option(
        "--risk", help="What a wrong answer would cost; the policy explores up to a risk.", show_default=False
    ),
]
Task = Annotated[str | None, typer.Option("--task", help="What the input asks for, as contracts name it.")]
