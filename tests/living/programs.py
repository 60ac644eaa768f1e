"""Small programs in processes of their own: what a host does, and how it ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.populations import MEMBERS, model, write

HEAD = "import asyncio, os, signal, sys, threading, time\nimport ecology as eco\n"
OPENED = HEAD + "e = eco.Ecology.open('.')\n"
LONG_MS = 60_000
MOST_S = 60

EXTRA = """
import time

def block(_):
    STARTED.set()
    time.sleep(60)

async def block_async(_):
    STARTED.set()
    time.sleep(60)

def sleepy(data):
    time.sleep(0.001)
    return data

def process(_):
    import os
    return str(os.getpid())

class Panic(BaseException):
    pass

def panics(_):
    raise Panic("like a panic of another extension")

async def panics_async(_):
    raise Panic("like a panic of another extension")

async def interrupts_async(_):
    raise KeyboardInterrupt
"""
"""What hosts need beside `tests/members.py`."""


def population(folder: Path, *models: dict[str, Any], **policy: Any) -> Path:
    """A description with `EXTRA` beside it; by default one member of each kind."""
    (folder / "models.py").write_bytes(MEMBERS.read_bytes() + EXTRA.encode())
    names = ["echo", "hang", "hang-async", "where-am-i", "block", "block-async", "sleepy", "process"]
    return write(folder, models or [model(name, timeout_ms=LONG_MS) for name in names], policy)


def run(folder: Path, code: str, *options: str, timeout_s: float = MOST_S) -> subprocess.CompletedProcess[str]:
    """Run `code` in `folder`. A process that does not end in time fails the test by its timeout."""
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def ended(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    return done.returncode, done.stdout.strip(), done.stderr.strip()
