"""The server in a process of its own, so that it takes nothing from the interpreter of whoever is measured.

>>> from ecology.testing import ServerProcess
>>> with ServerProcess("--model", "small=refund") as server:
...     server.base_url.startswith("http://127.0.0.1:")
True
>>> server.counts["requests"]
0
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import Any, Self

__all__ = ["ServerProcess"]

CLOSE_S = 2.0


class ServerProcess:
    """`python -m ecology.testing` with these arguments, from `start()` (or `with`) until `close()`.

    It ends with the process that started it too, since that closes its standard input. After `close()`, `counts` holds
    `requests`, `connections` and `cpu_s`, the processor time from the first request on.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self._said: dict[str, Any] = {}
        self.counts: dict[str, Any] = {}

    def start(self) -> Self:
        """Start it, and wait until it serves.

        Raises:
            RuntimeError: it ended at once; its standard error says why.
        """
        command = [sys.executable, "-m", "ecology.testing", *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"{' '.join(command)} did not start; see what it wrote to standard error")
        self._said = json.loads(line)
        return self

    def close(self) -> None:
        """Stop it; a process that does not stop is killed."""
        process = self._process
        if process is None:
            return
        self._process = None
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with process.stdout as said:
            for line in said:
                self.counts = json.loads(line)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as `base_url`."""
        return str(self._said["base_url"])

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._said["pid"])
