"""Doubles for the tests of a population: a server that misbehaves on request, and members that say what they are told.

    from ecology.testing import Hang, OpenAIServer, Phase

    with OpenAIServer(models={"small": "refund"}) as server:
        server.script(None, Hang(Phase.IN_BODY))      # the first request is answered, the second hangs half-way
        ...                                           # let your population talk to server.base_url
        assert server.wait_for(lambda s: s.connections[-1].closed_by == "client", timeout_s=2)

Everything is deterministic, talks to the loopback only, and ends when it is closed. `docs/testing.md` has the whole
table of faults. Names are loaded when they are first used, so the server costs none of the engine's imports.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .black_hole import BlackHole
    from .breaks import Close, Delay, Hang, NotHttp, Reset, Trickle, Truncated
    from .fault import Fault, Phase, Scene
    from .mocks import Mock, mock
    from .observed import Connection, Received
    from .process import ServerProcess
    from .response import Response
    from .server import OpenAIServer
    from .serving import population
    from .table import FAULTS
    from .wrongs import (
        BadJson,
        ManyHeaders,
        NotFinite,
        OversizeBody,
        OversizeHeaders,
        Redirect,
        Refused,
        ServerError,
        TooManyRequests,
        WrongShape,
        WrongUsage,
    )

_HOMES = {
    ".black_hole": ("BlackHole",),
    ".breaks": ("Close", "Delay", "Hang", "NotHttp", "Reset", "Trickle", "Truncated"),
    ".fault": ("Fault", "Phase", "Scene"),
    ".mocks": ("Mock", "mock"),
    ".observed": ("Connection", "Received"),
    ".process": ("ServerProcess",),
    ".response": ("Response",),
    ".server": ("OpenAIServer",),
    ".serving": ("population",),
    ".table": ("FAULTS",),
    ".wrongs": (
        "BadJson",
        "ManyHeaders",
        "NotFinite",
        "OversizeBody",
        "OversizeHeaders",
        "Redirect",
        "Refused",
        "ServerError",
        "TooManyRequests",
        "WrongShape",
        "WrongUsage",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "FAULTS",
    "BadJson",
    "BlackHole",
    "Close",
    "Connection",
    "Delay",
    "Fault",
    "Hang",
    "ManyHeaders",
    "Mock",
    "NotFinite",
    "NotHttp",
    "OpenAIServer",
    "OversizeBody",
    "OversizeHeaders",
    "Phase",
    "Received",
    "Redirect",
    "Refused",
    "Reset",
    "Response",
    "Scene",
    "ServerError",
    "ServerProcess",
    "TooManyRequests",
    "Trickle",
    "Truncated",
    "WrongShape",
    "WrongUsage",
    "mock",
    "population",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
