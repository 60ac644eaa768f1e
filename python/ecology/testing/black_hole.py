"""An address that takes connections and never speaks, or does not even take them.

Nothing accepts here: the kernel completes as many connections as fit into the backlog, and whoever comes then waits for
the answer to a SYN. The one tests a first-byte timeout without any server, the other a connect timeout.

>>> import socket
>>> from ecology.testing import BlackHole
>>> with BlackHole() as hole:
...     try:
...         socket.create_connection(("127.0.0.1", hole.port), timeout=0.05)
...     except TimeoutError:
...         print("nobody there")
nobody there
"""

from __future__ import annotations

import select
import socket
from typing import Self

__all__ = ["BlackHole"]

FILL_S = 0.1
AT_MOST = 64


class BlackHole:
    """Listens and never accepts. `full`: its backlog is filled, so that connecting hangs; else only replies are absent.

    Where the kernel does not let a backlog fill (Linux does), `full` is as good as not.
    """

    def __init__(self, *, full: bool = True) -> None:
        self._full = full
        self._listener: socket.socket | None = None
        self._fillers: list[socket.socket] = []

    def start(self) -> Self:
        """Listen from now on."""
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0 if self._full else 1024)
        while self._full and len(self._fillers) < AT_MOST and self._takes_one():
            pass
        return self

    def close(self) -> None:
        """Listen no more; who waits is refused."""
        for each in (*self._fillers, self._listener):
            if each is not None:
                each.close()
        self._fillers.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        if self._listener is None:
            raise RuntimeError("it was not started; use `with`, or call start()")
        return int(self._listener.getsockname()[1])

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def _takes_one(self) -> bool:
        """Connect once more; whether there was room."""
        filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        filler.setblocking(False)
        self._fillers.append(filler)
        filler.connect_ex(("127.0.0.1", self.port))
        return bool(select.select([], [filler], [], FILL_S)[1])
