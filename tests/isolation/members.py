"""What isolated members of the tests do; copied beside the description as its `confined.py`."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ecology import Reply

if os.environ.get("IMPORTED_IN") is not None:
    raise ImportError("imported in the process that has the secret")


def echo(data: Any) -> Any:
    return data


async def echo_async(data: Any) -> Any:
    await asyncio.sleep(0)
    return data


def sure(data: Any) -> Reply:
    return Reply({"n": len(data)}, confidence=float(np.float32(0.5)), tokens_in=3, tokens_out=4)


def array(data: Any) -> Any:
    return np.asarray(data, np.float64) * 2


def fails(data: Any) -> Any:
    raise LookupError("nothing to say")


def obey(data: str) -> Any:
    """Does what it is told."""
    if data == "sleep":
        time.sleep(60)
    elif data == "pid":
        return os.getpid()
    elif data == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif data == "exit":
        os._exit(7)
    elif data == "sys.exit":
        sys.exit(7)
    elif data == "memory":
        return len(bytearray(1 << 30))
    elif data == "spin":
        while True:
            pass
    elif data == "garbage":
        for descriptor in range(3, 10):
            try:
                os.write(descriptor, b"\xff" * 64)
            except OSError:
                continue
        time.sleep(60)
    elif data == "huge":
        return "x" * (3 << 20)
    elif data == "object":
        return object()
    elif data == "print":
        print("noise")
        os.write(1, b"noise")
    elif data == "secrets":
        return dict(os.environ)
    elif data == "write":
        Path("written").write_text("x")
    elif data == "files":
        return len([Path(os.devnull).open() for _ in range(100)])  # until it may not
    elif data == "state":
        status = dict(
            line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
        )
        limits = {name: resource.getrlimit(getattr(resource, name)) for name in ("RLIMIT_CORE", "RLIMIT_AS")}
        opened = sorted(
            {str(link.readlink()).split(":")[0] for link in list(Path("/proc/self/fd").iterdir()) if link.exists()}
        )
        return {"privileges": status["NoNewPrivs"], "limits": limits, "sid": os.getsid(0), "pid": os.getpid(),
                "opened": opened}  # fmt: skip
    elif data.startswith("connect "):
        with socket.create_connection(("127.0.0.1", int(data.split()[1])), timeout=5) as stream:
            return stream.recv(10).decode()
    return "done"
