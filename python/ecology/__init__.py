"""Run a governed population of small models in place of one large one.

    import ecology as eco

    with eco.Ecology.open("ecology.toml") as e:
        answer = e.answer("Where is my card?", task="support")

Importing is free and offline: names below are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import (
        Accounts,
        Answer,
        Decision,
        LinUcb,
        StaticEmbedding,
        __version__,
        best_confidence,
        majority,
        replay,
        signals,
    )
    from .backends.classifier import LinearClassifier, Scope
    from .ecology import Ecology, Savings
    from .engine.description import Description, read_description
    from .engine.request import Request
    from .errors import EcologyError
    from .evidence import evaluate_off_policy, measure_drift
    from .messages import Reply
    from .policy import Adaptive, Budget, Cascade, Direct, ErrorBound, MaxCost, Policy, QualityTarget, Utility
    from .population import Contract, Manifest, Price, Role, Stage, Tier
    from .population.registry import Registry
    from .routing import IntentModel, Outcome, Outcomes, Router

_HOMES = {
    "._core": (
        "Accounts",
        "Answer",
        "Decision",
        "LinUcb",
        "StaticEmbedding",
        "__version__",
        "best_confidence",
        "majority",
        "replay",
        "signals",
    ),
    ".backends.classifier": ("LinearClassifier", "Scope"),
    ".ecology": ("Ecology", "Savings"),
    ".engine.description": ("Description", "read_description"),
    ".engine.request": ("Request",),
    ".errors": ("EcologyError",),
    ".evidence": ("evaluate_off_policy", "measure_drift"),
    ".messages": ("Reply",),
    ".policy": (
        "Adaptive",
        "Budget",
        "Cascade",
        "Direct",
        "ErrorBound",
        "MaxCost",
        "Policy",
        "QualityTarget",
        "Utility",
    ),
    ".population": ("Contract", "Manifest", "Price", "Role", "Stage", "Tier"),
    ".population.registry": ("Registry",),
    ".routing": ("IntentModel", "Outcome", "Outcomes", "Router"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Accounts",
    "Adaptive",
    "Answer",
    "Budget",
    "Cascade",
    "Contract",
    "Decision",
    "Description",
    "Direct",
    "Ecology",
    "EcologyError",
    "ErrorBound",
    "IntentModel",
    "LinUcb",
    "LinearClassifier",
    "Manifest",
    "MaxCost",
    "Outcome",
    "Outcomes",
    "Policy",
    "Price",
    "QualityTarget",
    "Registry",
    "Reply",
    "Request",
    "Role",
    "Router",
    "Savings",
    "Scope",
    "Stage",
    "StaticEmbedding",
    "Tier",
    "Utility",
    "__version__",
    "best_confidence",
    "evaluate_off_policy",
    "majority",
    "measure_drift",
    "read_description",
    "replay",
    "signals",
]


def _refuse_a_sub_interpreter() -> None:
    """Before anything is loaded: a core that it began to load leaves the main interpreter without threads."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            interpreters = importlib.import_module(name)
        except ImportError:  # another version of Python, or another Python
            continue
        if interpreters.get_current() != interpreters.get_main():
            raise ImportError(
                "ecology does not run in a sub-interpreter: its core and pydantic's load once in a process; "
                "use it in the main interpreter, whose threads answer without the GIL, or in another process",
                name=__name__,
            )
        return


_refuse_a_sub_interpreter()

# Rooms that users import from, reachable as `ecology.backends` without an import of their own.
_ROOMS = ("backends", "checks", "testing")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__) | set(_ROOMS))
