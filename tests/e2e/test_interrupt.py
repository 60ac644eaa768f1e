"""What must not be lost on the way across the boundary: the order of an array, and an interruption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ecology as eco
from ecology.engine.loop_thread import LoopThread

MODELS = """
import asyncio
import numpy as np
from pathlib import Path

def turned(data):
    return np.arange(12, dtype="f4").reshape(3, 4).T

async def hangs(data):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        Path(__file__).with_name("cancelled").write_text("yes")
        raise
"""


def population(folder: Path, function: str) -> eco.Ecology:
    (folder / "models.py").write_text(MODELS)
    (folder / "ecology.toml").write_text(
        'name = "one"\n[[models]]\nname = "only"\nrole = "fallback"\ntimeout_ms = 60000\n'
        f'backend = {{ kind = "callable", target = "models:{function}" }}\nprice = {{ usd_per_call = 0 }}\n'
    )
    return eco.Ecology.open(folder)


def test_an_array_in_any_memory_order_comes_back_as_it_was(tmp_path: Path) -> None:
    with population(tmp_path, "turned") as ecology:
        output = ecology.answer("go").output
    np.testing.assert_array_equal(output, np.arange(12, dtype="f4").reshape(3, 4).T)


def test_an_interruption_while_legs_are_started_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: LoopThread, legs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LoopThread, "submit", interrupted)
    with population(tmp_path, "hangs") as ecology:
        with pytest.raises(KeyboardInterrupt):
            ecology.answer("go")
        assert all(row["reserved"] == 0 for row in ecology.accounts())
        (row,) = [row for row in ecology.counters() if row["role"] == "generator"]
        assert row["cancelled"] == 1


def test_an_interruption_while_waiting_cancels_the_async_member(tmp_path: Path) -> None:
    import subprocess
    import sys

    population(tmp_path, "hangs").close()
    code = (
        "import os, signal, threading, time, ecology as eco\n"
        "from pathlib import Path\n"
        "e = eco.Ecology.open('.')\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    e.answer('go')\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
        "end = time.monotonic() + 20\n"
        "while not Path('cancelled').exists() and time.monotonic() < end:\n    time.sleep(0.01)\n"
        "print(Path('cancelled').exists())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["interrupted", "True"], done.stderr
