"""The server as a process of its own: `python -m ecology.testing --model small=refund --fault hang_in_body`.

It prints one JSON line with its address, serves until its standard input closes (or Ctrl-C), and then prints one with
what it cost. In the background it needs an input that stays open: `sleep infinity | python -m ecology.testing &`.
Faults are named as in `ecology.testing.FAULTS`; `name*3` stands for three requests, `none` for one without a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .fault import Fault
from .server import OpenAIServer
from .table import FAULTS

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m ecology.testing", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--model", action="append", metavar="NAME[=TEXT]", help="serve it; without TEXT it echoes")
    parser.add_argument("--reply", metavar="TEXT", help="what models without a text of their own say")
    parser.add_argument("--behaviour", metavar="MODULE:FUNCTION", help="the same as a function of the request")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[*N]", help="add to the script")
    parser.add_argument("--fault-for", action="append", default=[], metavar="MODEL=NAME", help="always, for a model")
    parser.add_argument("--api-key", help="demand it")
    parser.add_argument("--dimensions", type=int, default=16, help="of an embedding for which none are asked")
    parser.add_argument("--seed", type=int, default=0, help="of what faults draw")
    parser.add_argument("--keep", type=int, default=1000, help="how many requests are remembered")
    options = parser.parse_args(arguments)
    try:
        script = [fault for name in options.fault for fault in _faults(name)]
        standing = {model: _fault(name) for model, _, name in (each.partition("=") for each in options.fault_for)}
        reply: Any = options.reply if options.behaviour is None else _function(options.behaviour)
    except ValueError as problem:
        parser.error(str(problem))
    models: dict[str, Any] | None = None
    if options.model:
        named = [each.partition("=") for each in options.model]
        models = {name: text if equals else reply for name, equals, text in named}
    server = OpenAIServer(
        models,
        reply=reply,
        faults={name: fault for name, fault in standing.items() if fault is not None},
        api_key=options.api_key,
        dimensions=options.dimensions,
        seed=options.seed,
        port=options.port,
        keep=options.keep,
    )
    try:
        server.start()
    except OSError as problem:
        parser.error(f"port {options.port}: {os.strerror(problem.errno or 0)}; choose another, or 0 for a free one")
    with contextlib.closing(server):
        server.script(*script)
        print(json.dumps({"base_url": server.base_url, "pid": os.getpid()}), flush=True)
        before = time.process_time()
        with contextlib.suppress(KeyboardInterrupt):  # a person ends it with Ctrl-C
            while sys.stdin.buffer.read(65_536):
                pass
        spent = time.process_time() - before
    counts = {"requests": server.request_count, "connections": server.connection_count, "cpu_s": round(spent, 6)}
    print(json.dumps(counts), flush=True)
    return 0


def _faults(written: str) -> list[Fault | None]:
    name, _, times = written.partition("*")
    if times and not times.isdecimal():
        raise ValueError(f"{written}: write {name}*3 for three requests")
    return [_fault(name)] * int(times or 1)


def _fault(name: str) -> Fault | None:
    if name == "none":
        return None
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; choose of: {', '.join(['none', *FAULTS])}")
    return FAULTS[name]


def _function(target: str) -> Any:
    from pydantic import ValidationError

    from ..backends import CallableBackend
    from ..errors import ArtifactError

    try:
        return CallableBackend(kind="callable", target=target).load(Path.cwd())
    except (ValidationError, ArtifactError) as problem:
        raise ValueError(str(problem)) from problem


if __name__ == "__main__":
    sys.exit(main())
