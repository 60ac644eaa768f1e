"""The ring: imports go down only, siblings never import each other, and importing `ecology` is free and offline."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ecology

PACKAGE = Path(ecology.__file__).parent

# From the ground up. A room may import any room of a lower row, and none of its own row.
ROWS = [
    {"errors", "config", "messages", "stats", "_core", "spec", "settings", "table", "plot"},
    {"backends", "store"},
    {"isolation"},
    {"population", "policy"},
    {"routing", "observe"},
    {"engine"},
    {"evidence"},
    {"ecology"},
    {"demo", "testing", "checks"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(ROWS) for room in rooms}
GROUND = 0


def imported_rooms(file: Path) -> set[str]:
    """Rooms that a file imports anywhere, also inside functions and for type checking."""
    own = file.relative_to(PACKAGE).parts
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = own[: len(own) - node.level]
            path = [*base, *(node.module.split(".") if node.module else [])]
            rooms |= {path[0]} if path else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ecology":
            rooms |= set(node.module.split(".")[1:2]) or {alias.name for alias in node.names}
    return {room.removesuffix(".py") for room in rooms}


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down(file: Path) -> None:
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__" or "templates" in file.parts:
        return
    assert room in LEVEL, f"{room} has no place in the ring; give it one in docs/architecture.md and here"
    for other in imported_rooms(file) - {room}:
        assert other in LEVEL, f"{file} imports {other}, which has no place in the ring"
        below = LEVEL[other] < LEVEL[room] or (LEVEL[room] == LEVEL[other] == GROUND)
        assert below, f"{room} (row {LEVEL[room]}) imports {other} (row {LEVEL[other]})"


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_ecology_loads_nothing_heavy_and_starts_no_thread() -> None:
    found = json.loads(
        fresh(
            "import sys, threading, json, os\n"
            "before = set(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else set()\n"
            "import ecology\n"
            "after = set(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else set()\n"
            "heavy = {'numpy', 'onnxruntime', 'pydantic', 'sqlalchemy', 'alembic', 'typer', 'rich', 'asyncio'}\n"
            "tasks = len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1\n"
            "loaded = sorted(heavy & set(sys.modules))\n"
            "print(json.dumps([loaded, threading.active_count(), tasks, len(after - before)]))"
        )
    )
    assert found == [[], 1, 1, 0]


def test_every_public_name_loads() -> None:
    assert sorted(ecology.__all__) == ecology.__all__
    assert sorted(name for names in ecology._HOMES.values() for name in names) == ecology.__all__
    for name in ecology.__all__:
        assert getattr(ecology, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ecology.nothing
